# An autoscaled run: CPUs asked for and CPUs there (top), nodes up and nodes wanted (bottom).
eval terminal(860, 640)
set xrange [0:END]
set lmargin 11
set rmargin 3
set multiplot
set title SCENARIO . ': ' . CASE . ', nodes against demand' . (PARTIAL ? ' (partial run)' : '') font ',15' offset 0,0.2
set size 1,0.6
set origin 0,0.4
set bmargin 1
set format x ''
set ylabel 'CPUs'
if (LOG_Y) {
  set logscale y 10
  set yrange [0.9:*]
} else {
  set yrange [0:*]
}
set offsets 0, 0, graph 0.05, 0
plot $nodes using 1:2 with fillsteps fillcolor rgb '#F6D8A8' title 'asked for (running and queued)', \
     $nodes using 1:3 with fillsteps fillcolor rgb '#9CCBE6' title 'busy', \
     $nodes using 1:4 with steps lw 2.2 lc rgb '#0072B2' title 'on nodes that are up'
unset title
set key inside top right vertical
unset logscale y
set size 1,0.4
set origin 0,0
set tmargin 1
set bmargin 3.5
set format x '%g'
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'nodes'
set yrange [0:*]
set key outside top center horizontal
plot $nodes using 1:5 with steps lw 2.2 lc rgb '#0072B2' title 'up', \
     $nodes using 1:(WANTED ? $6 : NaN) with steps lw 1.8 dt 2 lc rgb '#D55E00' title (WANTED ? 'wanted by the autoscaler' : '')
unset multiplot
