#!/bin/sh
# rows.sh RAYSIM [--update] -- every scenario, made small, must print exactly the rows in expected/NAME.txt.
#
# The rows hold simulated times and counts only, so they are the same on every run: also with two runs at a time
# (--jobs 2) and with every message through its wire form (--codec). --update writes what is printed as the new
# expectation; look at the difference before it is committed.
set -u
raysim=$(realpath "$1")
update=${2:-}
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

# rows OUTPUT NAME ARGUMENT...: the scenario's rows, or what went wrong, in the file OUTPUT
rows() {
  output=$1 name=$2
  shift 2
  "$raysim" "$here/../../scenarios/$name.xml" --quiet --out "$work/out" "$@" >"$output" 2>"$work/err"
  status=$?
  if [ $status -ne 0 ] || [ -s "$work/err" ]; then
    echo "$name $*: exit status $status"
    cat "$work/err"
    failed=1
  fi
}

same() { # same EXPECTED FOUND WHAT
  cmp -s "$1" "$2" && return
  echo "$3: other rows than $1 says"
  diff "$1" "$2"
  failed=1
}

# check NAME ARGUMENT...
check() {
  name=$1
  shift
  expected=$here/expected/$name.txt
  rows "$work/rows" "$name" --jobs 1 "$@"
  if [ "$update" = --update ]; then
    cp "$work/rows" "$expected"
    return
  fi
  same "$expected" "$work/rows" "$name"
  rows "$work/rows" "$name" --jobs 2 "$@"
  same "$expected" "$work/rows" "$name --jobs 2"
  rows "$work/rows" "$name" --codec "$@"
  same "$expected" "$work/rows" "$name --codec"
}

check hello
check asha --set @repetitions=2 --set cluster/nodes/@count=100 --set "tune/@time_budget=90 s"
check policies --set @repetitions=1 --set cluster/nodes/@count=8 --set "tasks[small]/@count=1500" \
  --set "tasks[large]/@count=50" --set "tasks[large]/@arrival=poisson(1.6/s)" \
  --set "sweep[2]/@values=poisson(38/s), poisson(96/s)"
check locality --set @repetitions=1 --set tasks/@count=60 --set tasks/objects/@count=60
check broadcast --set cluster/nodes/@count=16 --set tasks/@count=16 --set "sweep[2]/@values=100 MB"
check shuffle --set cluster/nodes/@count=6 --set tasks/@count=60 --set tasks/objects/@count=80 \
  --set "sweep[1]/@values=4 GiB, 1 GiB"
check spillback --set @repetitions=1 --set tasks/@count=2048 --set "sweep[1]/@values=16, 64"
check failures --set @repetitions=1 --set cluster/nodes/@count=10 --set tasks/@count=8000 \
  --set "tasks/@graph=chain(200)" --set "faults/node_down[1]/@at=5 s" --set "faults/node_down[1]/@count=1" \
  --set "faults/node_down[2]/@at=10 s" --set "faults/node_down[2]/@count=1" \
  --set "faults/node_down[3]/@at=15 s" --set "faults/node_down[3]/@count=1"
check autoscale --set @repetitions=1 --set tasks/@count=1200 --set "tasks/@arrival=bursts(600, 10 min)"
check gangs --set @repetitions=1 --set "tasks[single]/@count=400" --set "tasks[gang]/@count=320"
check streams --set cluster/nodes/@count=3 --set tasks/@count=6 --set tasks/stream/@items=30 --set "tasks/@duration=1500 ms" \
  --set "sweep[1]/@values=0, 2" --set cluster/nodes/@object_store_memory="200 MB"
check fidelity-long --set @repetitions=1 --set tasks/@count=320
check fidelity-short --set @repetitions=1 --set tasks/@count=2000
check function

for file in "$here"/../../scenarios/*.xml; do # a new scenario wants a line above
  name=$(basename "$file" .xml)
  if [ ! -s "$here/expected/$name.txt" ]; then
    echo "$name: no expected rows"
    failed=1
  fi
done

# what the scenarios claim, at this scale
value() { # value NAME CASE KEY
  sed -n "s/^case=\"$2\" .*$3=\([^ ]*\).*/\1/p" "$here/expected/$1.txt"
}
more() { # more A B WHAT
  awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 > b + 0) }' && return
  echo "$3: wanted $1 > $2"
  failed=1
}
more "$(value failures retries=0 tasks_failed)" 0 "without retries tasks fail"
more 1 "$(value failures retries=3 tasks_failed)" "with retries none does"
more "$(value failures retries=3 retries)" 0 "and they are counted"
more "$(value autoscale 'speed=1 launches at once=10' latency_p50_s)" \
  "$(value autoscale 'speed=100 launches at once=100' latency_p50_s)" "held-back launches cost waiting"
more "$(value locality 'policy=hybrid owner looks=0 object size=100 MB' latency_p99_s)" \
  "$(value locality 'policy=locality owner looks=1 object size=100 MB' latency_p99_s)" "blind placement costs copies"
more "$(value policies 'policy=spread arrivals=poisson(96\/s)' latency_p99_s)" \
  "$(value policies 'policy=pack arrivals=poisson(96\/s)' latency_p99_s)" "packing keeps room for large tasks"
more "$(value streams 'backpressure=0 read time=100 ms' store_peak_bytes)" \
  "$(value streams 'backpressure=2 read time=100 ms' store_peak_bytes)" "backpressure keeps values out of the stores"
exit $failed
