# Rung occupancy: how many trials train towards each rung, stacked; a panel a case, at most twelve.
shade(i) = word('#FDE725 #7AD151 #22A884 #2A788E #414487 #440154', int((i - 1) % 6) + 1)
rungs(i) = TAGS <= 6 ? shade(TAGS == 1 ? 3 : 1 + int((i - 1) * 5.0 / (TAGS - 1) + 0.5)) : shade(i)
panels = N < 12 ? N : 12
columns = panels == 1 ? 1 : panels <= 6 ? 2 : 3
rows = (panels + columns - 1) / columns
eval terminal(columns == 3 ? 1100 : 860, 130 + rows * (columns == 1 ? 370 : 250))
set multiplot
set xrange [0:END]
set yrange [0:MOST > 0 ? 1.05 * MOST : 1]
set grid front
height = rows == 1 ? 400 : 250
top = 90.0 / (130 + rows * (columns == 1 ? 370 : 250))
bottom = 30.0 / (130 + rows * (columns == 1 ? 370 : 250))
left = 75.0 / (columns == 3 ? 1100 : 860)
cell_w = (1.0 - left - 0.02) / columns
cell_h = (1.0 - top - bottom) / rows

# The legend, in a panel without axes of its own.
set lmargin at screen left
set rmargin at screen 0.98
set tmargin at screen 1 - 0.45 * top
set bmargin at screen 1 - top
unset border
unset tics
unset grid
set title SCENARIO . ': trials in training, by rung' . (N > panels ? sprintf(' (first %d of %d cases)', panels, N) : '') \
  . (PARTIAL ? ' (partial run)' : '') font ',15' offset 0,-0.3
set key inside center horizontal samplen 1.5
plot for [r = 1:TAGS] NaN with boxes fillcolor rgb rungs(r) title TAG[r]

set border 3 lc rgb '#606060'
set tics nomirror out scale 0.6 textcolor rgb '#202020'
set grid front lt 1 lc rgb '#E4E4E4' lw 0.5
unset key
do for [i = 1:panels] {
  c = (i - 1) % columns
  r = (i - 1) / columns
  set lmargin at screen left + c * cell_w
  set rmargin at screen left + (c + 1) * cell_w - 0.03
  set tmargin at screen 1 - top - r * cell_h - 0.22 / (rows * 2.5)
  set bmargin at screen 1 - top - (r + 1) * cell_h + 0.35 / (rows * 2.5)
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
  plot for [r = TAGS:1:-1] $rungs index i - 1 using 1:(column(r + 1)) with filledcurves y1=0 fillcolor rgb rungs(r)
}
unset multiplot
