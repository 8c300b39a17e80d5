# The cluster's Gantt chart as bars: a row a slot, a bar a task. Larger clusters are drawn by heat.gp.
H = 140 + (ROWS < 12 ? 26 : ROWS < 30 ? 16 : 10) * ROWS
TITLE = SCENARIO . ': ' . CASE . ', seed ' . SEED . (PARTIAL ? ' (partial run)' : '')
eval terminal(960, H)
eval head
set key samplen 1.5
set lmargin at screen 0.085
set rmargin at screen 0.97
set bmargin at screen 64.0 / H
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set xrange [0:END]
set yrange [ROWS - 0.5:-0.5]
unset grid
edge = BARS <= 120 * ROWS ? 0.44 : 0.5
plot for [t = 1:TAGS] $bars index t - 1 using 1:3:1:2:($3 - edge):($3 + edge) with boxxyerror \
       fillcolor rgb hue(t) fs solid border lc rgb (BARS <= 120 * ROWS ? '#FFFFFF' : hue(t)) lw 0.5 title TAG[t], \
     $bars index TAGS using 1:3:1:2:($3 - edge):($3 + edge) with boxxyerror fillcolor rgb '#D55E00' \
       fs solid border lc rgb '#D55E00' lw 0.5 title (FAILURES > 0 ? 'failed' : ''), \
     $lines using 1:2:(END):(0) with vectors nohead lc rgb '#B0B0B0' lw 0.6 notitle
