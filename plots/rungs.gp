# Rung occupancy: how many trials train towards each rung, stacked; a panel a case, at most twelve.
panels = N < 12 ? N : 12
columns = panels == 1 ? 1 : panels <= 6 ? 2 : 3
rows = (panels + columns - 1) / columns
W = columns == 3 ? 1100 : 860
CELL = columns == 1 ? 400 : 255
H = 80 + 20 + rows * CELL
TITLE = SCENARIO . ': trials in training, by rung' . (N > panels ? sprintf(' (first %d of %d cases)', panels, N) : '') \
        . (PARTIAL ? ' (partial run)' : '')
eval terminal(W, H)
set multiplot
eval head
left = 80.0 / W
cell_w = (1.0 - left - 8.0 / W) / columns

# The title and the legend, in a panel without axes of its own.
set lmargin at screen 0.02
set rmargin at screen 0.98
set bmargin at screen 1 - 70.0 / H
unset border
unset xtics
unset ytics
unset grid
set xrange [0:1]
set yrange [0:1]
set key samplen 1.5
plot for [r = 1:TAGS] NaN with boxes fillcolor rgb hue(r) title TAG[r], \
     NaN with boxes fillcolor rgb '#8C8C8C' title WHOLE
unset label 99
unset key

set border 3 lc rgb '#606060'
set xtics nomirror out scale 0.6 textcolor rgb '#202020'
set ytics nomirror out scale 0.6 textcolor rgb '#202020'
set grid front lt 1 lc rgb '#E4E4E4' lw 0.4
set xrange [0:END]
set yrange [0:MOST > 0 ? 1.05 * MOST : 1]
do for [i = 1:panels] {
  c = (i - 1) % columns
  r = (i - 1) / columns
  set lmargin at screen left + c * cell_w
  set rmargin at screen left + (c + 1) * cell_w - 34.0 / W
  set tmargin at screen 1 - (80.0 + r * CELL + 26) / H
  set bmargin at screen 1 - (80.0 + (r + 1) * CELL - 38) / H
  set title NAME[i] font ',12' offset 0,-0.6
  if (i + columns > panels) {
    set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']' offset 0,0.4
  } else {
    unset xlabel
  }
  if (c == 0) {
    set ylabel 'trials in training'
    set format y '%g'
  } else {
    unset ylabel
    set format y ''
  }
  plot for [s = TAGS:1:-1] $rungs index i - 1 using 1:(column(s + 1)) with filledcurves y1=0 \
       fillcolor rgb (SINGLE[i] ? '#8C8C8C' : hue(s))
}
unset multiplot
