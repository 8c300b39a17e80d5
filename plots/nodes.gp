# An autoscaled run: CPUs asked for and CPUs there (top), nodes up and nodes wanted (bottom). Means over seeds.
H = 660
TITLE = SCENARIO . ': ' . CASE . ', nodes against demand' . (PARTIAL ? ' (partial run)' : '')
eval terminal(860, H)
set multiplot
eval head
set xrange [0:END]
set lmargin at screen 0.1
set rmargin at screen 0.97
set bmargin at screen 0.43
set format x ''
set ylabel 'CPUs (demand: running and queued)'
if (LOG_Y) {
  set logscale y 10
  set yrange [LOW:HIGH * 1.3]
} else {
  set yrange [0:HIGH * 1.05]
}
plot $nodes using 1:2 with fillsteps fillcolor rgb '#F6D8A8' title 'demand', \
     $nodes using 1:3 with fillsteps fillcolor rgb '#9CCBE6' title 'busy', \
     $nodes using 1:4 with steps lw 2.2 lc rgb '#0072B2' title 'capacity'
unset label 99
unset logscale y
set key at screen 0.5, 0.37 center horizontal
set tmargin at screen 0.345
set bmargin at screen 0.105
set format x '%g'
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'nodes'
set yrange [0:NODES_HIGH * 1.08]
plot $nodes using 1:5 with steps lw 2.2 lc rgb '#0072B2' title 'nodes up', \
     $nodes using 1:(WANTED ? $6 : NaN) with steps lw 1.8 dt 2 lc rgb '#D55E00' \
       title (WANTED ? 'wanted by the autoscaler' : '')
unset multiplot
