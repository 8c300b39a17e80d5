# The cluster's Gantt chart as bars: a row a slot, a bar a task. Larger clusters are drawn by heat.gp.
shade(i) = word('#7AD151 #22A884 #2A788E #414487 #440154 #BBDF27', int((i - 1) % 6) + 1)
hue(i) = ORDERED ? shade(i) : colour(i)
eval terminal(960, 150 + (ROWS < 12 ? 26 : ROWS < 30 ? 16 : 9) * ROWS)
set title SCENARIO . ': ' . CASE . ', seed ' . SEED . (PARTIAL ? ' (partial run)' : '') font ',15' offset 0,0.2
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set xrange [0:END]
set yrange [ROWS - 0.5:-0.5]
unset grid
set style fill solid 1.0 noborder
edge = BARS <= 1500 ? 0.42 : 0.5
set border 3
plot for [t = 1:TAGS] $bars index t - 1 using 1:3:1:2:($3 - edge):($3 + edge) with boxxyerror \
       fillcolor rgb hue(t) fs solid border lc rgb (BARS <= 600 ? '#FFFFFF' : hue(t)) lw 0.5 title (TAGS > 1 || ORDERED ? TAG[t] : TAG[t]), \
     $bars index TAGS using 1:3:1:2:($3 - edge):($3 + edge) with boxxyerror fillcolor rgb '#D55E00' \
       fs solid border lc rgb '#D55E00' lw 0.5 title (FAILURES > 0 ? 'failed' : ''), \
     $lines using 1:2:(END):(0) with vectors nohead lc rgb '#B0B0B0' lw 0.6 notitle
