# Utilisation (top) and queue (bottom) over time: means over seeds, in bins.
eval terminal(860, 640)
set xrange [0:END]
set lmargin 11
set rmargin (N > 6 ? 26 : 3)
set multiplot
set title SCENARIO . ': utilisation and queue' . (PARTIAL ? ' (partial run)' : '') font ',15' offset 0,0.2
set size 1,0.56
set origin 0,0.44
set bmargin 1
set format x ''
set ylabel 'busy CPUs [%]'
set yrange [0:103]
if (N > 6) { set key outside right top vertical }
plot for [i = 1:N] $load index i - 1 using 1:2 with steps lw 1.8 dt dashes(i) lc rgb colour(i) title NAME[i]
unset title
unset key
set size 1,0.44
set origin 0,0
set tmargin 1
set bmargin 3.5
set format x '%g'
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'queued tasks'
set yrange [0:QUEUE_MAX > 0 ? 1.05 * QUEUE_MAX : 1]
plot for [i = 1:N] $load index i - 1 using 1:3 with steps lw 1.8 dt dashes(i) lc rgb colour(i) notitle
unset multiplot
