# Utilisation (top) and queue (bottom) over time: means over seeds, in bins.
H = 660
TITLE = SCENARIO . ': utilisation and queue' . (PARTIAL ? ' (partial run)' : '')
eval terminal(W, H)
set multiplot
eval SIDE ? head . '; ' . side : head
set xrange [0:END]
set lmargin at screen 86.0 / W
set rmargin at screen 834.0 / W
set bmargin at screen 0.46
set format x ''
set ylabel 'busy CPUs [%]'
set yrange [0:103]
plot for [i = 1:N] $load index i - 1 using 1:2 with steps lw width(i) dt dashes(i) lc rgb colour(i) title NAME[i]
unset label 99
unset key
set tmargin at screen 0.42
set bmargin at screen 0.105
set format x '%g'
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'queued tasks'
set yrange [0:QUEUE_MAX > 0 ? 1.05 * QUEUE_MAX : 1]
plot for [i = 1:N] $load index i - 1 using 1:3 with steps lw width(i) dt dashes(i) lc rgb colour(i) notitle
unset multiplot
