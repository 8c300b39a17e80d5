#!/bin/sh
# figures.sh RAYSIM -- what the figures of a search on a busy cluster show: which rungs the nodes train, and that fifo has none.
set -u
raysim=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
scenario=$(realpath "$here/../../scenarios/asha.xml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
failed=0
fail() {
  echo "$*"
  failed=1
}

"$raysim" "$scenario" --quiet --jobs 2 --out out --set @repetitions=1 --set cluster/nodes/@count=200 \
  --set 'tune/@schedulers=fifo, asha' --set 'tune/@time_budget=2 min' >/dev/null || fail "the run failed"

# Means of rungs 0 to 3 that rise with time, for asha; fifo trains every trial in one go.
[ ! -e out/runs/fifo-1/heat_tags.csv ] || fail "fifo has rungs"
awk -F, 'function mean(    i, sum, n) { for (i = 3; i <= NF; i++) if ($i != "") { sum += $i; n++; if ($i < 0 || $i > 3) bad = 1 }
           return n ? sum / n : 0 }
         NR == 3 { first = mean() }
         NR > 3 { last = mean() }
         END { exit !(NR > 20 && !bad && first < 0.8 && last > 1.2 && last < 2.8) }' out/runs/asha-1/heat_tags.csv ||
  fail "heat_tags.csv: not the rungs"
grep -q '"to the end (64 epochs)"' out/summary.json || fail "fifo's one tag has no name of its own"

if command -v gnuplot >/dev/null; then
  "$raysim" plot out >/dev/null || fail "the figures cannot be drawn"
  grep -q 'mean rung in training' out/plots/gantt-asha.svg || fail "a busy search is not shown by its rungs"
  grep -q 'busy CPUs' out/plots/gantt-fifo.svg || fail "a search without rungs is not shown by how busy it is"
  grep -q '≤ 99' out/plots/gantt-fifo.svg || fail "the scale of an always busy cluster is not that of its gaps"
  grep -q 'to the end (64 epochs)' out/plots/rungs.svg || fail "rungs.svg: fifo is not named"
fi
exit $failed
