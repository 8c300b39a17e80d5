#!/bin/sh
# refusals.sh RAYSIM -- bad input, bad places and interruptions: the exit status, one line on stderr (with file:line where
# a file is to blame), and nothing left behind: no half-written result, no ".NAME.tmp", no process.
set -u
raysim=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
scenarios=$(realpath "$here/../../scenarios")
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
failed=0
fail() {
  echo "$*"
  [ -f err ] && cat err
  failed=1
}

# refused STATUS PATTERN ARGUMENT...: that exit status, one line on stderr with PATTERN in it, no result
refused() {
  wanted=$1 pattern=$2
  shift 2
  "$raysim" "$@" >stdout 2>err
  status=$?
  [ $status -eq "$wanted" ] || fail "raysim $*: exit status $status, wanted $wanted"
  [ "$(wc -l <err)" -eq 1 ] || fail "raysim $*: wanted one line on stderr"
  grep -q -e "$pattern" err || fail "raysim $*: wanted \"$pattern\""
  [ ! -s stdout ] || fail "raysim $*: something on stdout"
  nothing_left "raysim $*"
}
nothing_left() {
  [ ! -e results ] && [ ! -e out ] && [ ! -e .out.tmp ] || fail "$1: something was left: $(ls -A . | tr '\n' ' ')"
  rm -rf results out .out.tmp
}

cat >good.xml <<'X'
<?xml version="1.0"?>
<scenario name="out">
  <cluster>
    <nodes name="node" count="1" cpus="1"/>
  </cluster>
  <tasks count="3" duration="100 ms"/>
</scenario>
X
bad() { # bad LINE PATTERN SED: good.xml changed is refused at that line
  sed "$3" good.xml >bad.xml
  refused 2 "^raysim: .*bad.xml:$1: .*$2" bad.xml --quiet
}
bad 7 '' 's|ms"/>|ms">|'
bad 5 'close the quotes' 's|cpus="1"|cpus="1|'
bad '[0-9]*' 'clutser' 's|</cluster>|</clutser>|'
bad 6 'taks' 's|<tasks|<taks|'
bad 4 'colour' 's|cpus="1"|cpus="1" colour="red"|'
bad '[0-9]*' 'nosuch' 's|<tasks|<policies placement="nosuch"/><tasks|'
bad 6 '100 m' 's|100 ms|100 m/s|'
bad 6 '100' 's|100 ms|100|'
bad 6 'bogus' 's|100 ms|bogus(3)|'
bad 4 '-1' 's|count="1"|count="-1"|'
bad 6 '-3' 's|count="3"|count="-3"|'
bad 6 '[Nn]a[Nn]' 's|100 ms|nan s|'
bad 6 'inf' 's|100 ms|inf s|'
bad 4 '[Nn]a[Nn]' 's|cpus="1"|cpus="NaN"|'
bad '[0-9]*' '' 's|duration="100 ms"/>|duration="100 ms"><resources cpus="2"/></tasks>|'
bad '[0-9]*' 'missing.csv' 's|<tasks.*/>|<trace file="missing.csv"><column field="arrival" name="t" unit="s"/><column field="duration" name="d" unit="s"/></trace>|'
bad '[0-9]*' 'missing.csv' 's|<tasks.*/>|<tune schedulers="asha" num_samples="3" r_max="4"><curves source="recorded" file="missing.csv"/></tune>|'
printf '' >empty.xml
refused 2 'empty.xml' empty.xml
head -c 3000 /dev/urandom >noise.xml
refused 2 'noise.xml' noise.xml
{ # a thousand million laughs
  echo '<!DOCTYPE scenario [<!ENTITY a "aaaaaaaaaa">'
  for n in b c d e f g h i; do
    printf '<!ENTITY %s "' $n
    p=$(echo $n | tr b-i a-h)
    for i in 1 2 3 4 5 6 7 8 9 10; do printf '&%s;' "$p"; done
    echo '">'
  done
  echo ']><scenario name="&i;"/>'
} >laughs.xml
refused 2 'laughs.xml' laughs.xml
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "<a>" }' >deep.xml
refused 2 'deep.xml' deep.xml
refused 2 'absent.xml' absent.xml
mkdir folder.xml
refused 2 'folder.xml' folder.xml
if [ "$(id -u)" -ne 0 ]; then
  cp good.xml secret.xml
  chmod 0 secret.xml
  refused 2 'secret.xml' secret.xml
fi


# `validate --real` refuses what `--real` does, with the same line, and both take what a simulation alone cannot have.
refused_real() { # refused_real LINE PATTERN SED
  sed "$3" good.xml >bad.xml
  refused 2 "^raysim: .*bad.xml:$1: .*$2" bad.xml --real --quiet
  mv err first
  refused 2 "^raysim: .*bad.xml:$1: .*$2" validate --real bad.xml
  cmp -s first err || fail "validate --real and --real say different things"
  "$raysim" validate --quiet bad.xml >stdout 2>err || fail "validate of what can be simulated"
}
refused_real 6 'node_up' 's|<tasks|<faults><node_up at="1 s" node="0"/></faults><tasks|'
refused_real 6 'job_drop' 's|<tasks|<faults><job_drop at="1 s"/></faults><tasks|'
refused_real 3 '4096 nodes' 's|count="1"|count="5000"|'
sed 's|<tasks|<policies placement="./absent.so"/><tasks|' good.xml >bad.xml
refused 2 'absent.so' validate --real bad.xml
"$raysim" validate --real --quiet good.xml >stdout 2>err || fail "validate --real of a good scenario"
rm -f first

for command in start stop status validate plot compare calibrate; do
  "$raysim" $command --help >stdout 2>err || fail "$command --help: an exit status of its own"
  [ ! -s err ] && grep -q "^usage: raysim $command" stdout || fail "$command --help: no usage"
done

refused 2 'plto' plto good.xml
refused 2 '--qiet' --qiet good.xml
refused 2 'which scenario' --quiet
refused 2 'one too many' good.xml good.xml
refused 2 '--jobs' good.xml --jobs 0
refused 2 '--jobs' good.xml --jobs many
refused 2 '--seed' good.xml --seed -1
refused 2 'PATH=VALUE' good.xml --set nonsense
refused 2 '--set' good.xml --set cluster/nodse/@count=3
refused 2 '--set' good.xml --set cluster/nodes/@colour=red
refused 2 '--set' good.xml --set cluster/nodes/@count=-3
refused 2 'absent.costs' good.xml --costs absent.costs
refused 1 'absent' plot absent
refused 2 'gif' plot --format gif absent
refused 2 'is not replaced' good.xml --out .
printf 'keep me\n' >file
refused 2 'file' good.xml --out file
refused 2 'file' good.xml --out file/out
[ "$(cat file)" = 'keep me' ] || fail "a file was overwritten"
mkdir mine
printf 'keep me\n' >mine/notes
refused 2 'notes' good.xml --out mine
[ "$(cat mine/notes)" = 'keep me' ] || fail "somebody's folder was replaced"
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked
  chmod 555 locked
  refused 2 'locked' good.xml --out locked/out
else
  refused 2 '/proc' good.xml --out /proc/raysim/out
fi

# What cannot fit into memory is refused before it begins; what runs out of it in its middle says so in one line.
sed 's|count="3"|count="9000000000"|' good.xml >bad.xml
refused 2 'bad.xml:6: .*9000000000 tasks at once' bad.xml --quiet
refused 2 'bad.xml:6: .*9000000000 tasks at once' validate bad.xml
sed 's|count="1"|count="10000000"|' good.xml >bad.xml
refused_within() { # refused_within KILOBYTES STATUS PATTERN
  (
    ulimit -v "$1"
    exec "$raysim" bad.xml --quiet --jobs 1 --out out
  ) >stdout 2>err
  status=$?
  [ $status -eq "$2" ] || fail "$1 KB of memory: exit status $status, wanted $2"
  [ "$(wc -l <err)" -eq 1 ] || fail "$1 KB of memory: wanted one line on stderr"
  grep -q -e "$3" err || fail "$1 KB of memory: wanted \"$3\""
  nothing_left "$1 KB of memory"
}
refused_within 4000000 2 'bad.xml:3: .*10000000 nodes needs 35 GB of memory at least, and 4.1 GB'
sed 's|count="3"|count="1500000"|' good.xml >bad.xml
refused_within 560000 1 'bad.xml: the run out, seed 1: out of memory: [0-9]* more bytes'

# A full disk: no file may grow beyond so many blocks (as a write error, not as a signal). At 1 the folder cannot be
# begun, which is a bad place to write to; at 8 a run fails in its middle.
full() { # full BLOCKS STATUS
  (
    trap '' XFSZ
    ulimit -f "$1"
    exec "$raysim" "$scenarios/fidelity-short.xml" --quiet --jobs 1 --set tasks/@count=5000 --out out
  ) >stdout 2>err
  status=$?
  [ $status -eq "$2" ] || fail "full disk ($1 blocks): exit status $status, wanted $2"
  [ "$(wc -l <err)" -eq 1 ] || fail "full disk ($1 blocks): wanted one line on stderr"
  nothing_left "full disk ($1 blocks)"
}
full 1 2
full 8 1
if [ -w /dev/full ]; then
  "$raysim" good.xml --quiet --out out >/dev/full 2>err
  status=$?
  [ $status -eq 1 ] || fail "stdout full: exit status $status, wanted 1"
  [ -f out/summary.json ] || fail "stdout full: the result was not kept"
  rm -rf out
fi

# A closed pipe ends it quietly, after the result was written.
"$raysim" "$scenarios/policies.xml" --quiet --out out --set @repetitions=1 --set "tasks[small]/@count=200" \
  --set "tasks[large]/@count=5" 2>err | head -n 1 >stdout
[ "$(wc -l <stdout)" -eq 1 ] || fail "a closed pipe: no line came"
[ -f out/summary.json ] && [ ! -e .out.tmp ] || fail "a closed pipe: no result"
rm -rf out

running() { # the children of process $1: the second field after the name in parentheses is the parent
  for stat in /proc/[0-9]*/stat; do
    sed -n "s/^\([0-9]*\) (.*) [^ ZX] $1 .*/\1/p" "$stat" 2>/dev/null
  done
}
await_children() {
  for i in $(seq 100); do
    [ -n "$(running "$1")" ] && return
    sleep 0.05
  done
  fail "no run was started"
}
long() { # a run of many short cases; the command line of a longer one
  exec "$raysim" "$scenarios/policies.xml" --quiet --jobs 2 --out out --set "tasks[small]/@count=3000000" \
    --set "tasks[large]/@count=10000" --set @repetitions=1
}

# Ctrl-C: the runs stop where they are, and what they have is a result marked partial, which can be drawn.
(trap - INT; long) >stdout 2>err &
parent=$!
await_children $parent
sleep 1
kill -INT $parent
wait $parent
status=$?
[ $status -eq 130 ] || fail "Ctrl-C: exit status $status, wanted 130"
[ -f out/summary.json ] && grep -q '"partial": *true' out/summary.json || fail "Ctrl-C: no result marked partial"
[ ! -e .out.tmp ] || fail "Ctrl-C: .out.tmp was left"
if command -v gnuplot >/dev/null; then
  "$raysim" plot out >stdout 2>err || fail "Ctrl-C: the partial result cannot be drawn"
fi
rm -rf out

# A killed parent takes its children along; the next run removes what it left.
long >stdout 2>err &
parent=$!
await_children $parent
children=$(running $parent)
kill -KILL $parent
wait $parent 2>/dev/null
for i in $(seq 100); do
  alive=
  for child in $children; do
    case $(sed 's/.*) //; s/ .*//' "/proc/$child/stat" 2>/dev/null) in '' | Z | X) ;; *) alive=$child ;; esac
  done
  [ -z "$alive" ] && break
  sleep 0.05
done
[ -z "$alive" ] || fail "a killed parent left process $alive"
[ ! -e out ] || fail "a killed parent left a result"
"$raysim" good.xml --quiet --out out >stdout 2>err || fail "the run after a killed one failed"
[ -f out/summary.json ] && [ ! -e .out.tmp ] || fail "the run after a killed one: $(ls -A . | tr '\n' ' ')"
exit $failed
