# A sweep over a number: the main figures against it, a curve for each setting of the other parameters; means over seeds
# with their 95 % intervals as bars.
H = 470
W = SIDE ? 1120 + 280 : 1120
TITLE = SCENARIO . ': against ' . AXIS . (PARTIAL ? ' (partial run)' : '')
eval terminal(W, H)
set multiplot
eval SIDE ? head . '; ' . side : head
pixels = 1120.0 / PANELS
set bmargin at screen 0.14
set xlabel AXIS
span = RIGHT - LEFT
if (LOG_X) {
  set logscale x 10
  set xrange [LEFT / 1.15:RIGHT * 1.15]
} else {
  set xrange [LEFT - 0.04 * span:RIGHT + 0.04 * span]
}
set bars 0.4
if (strlen(TICKS) > 0) {
  eval 'set xtics (' . TICKS . ')'
}
do for [p = 1:PANELS] {
  set lmargin at screen ((p - 1) * pixels + 92) / W
  set rmargin at screen (p * pixels - 16) / W
  set ylabel LABEL[p]
  if (LOG[p]) {
    set logscale y 10
    set autoscale y
    set offsets 0, 0, 0, 0
  } else {
    unset logscale y
    set yrange [0:*]
    set offsets 0, 0, graph 0.06, 0
  }
  if (SIDE) {
    set key at screen 1120.0 / W, 1 - 60.0 / H left top vertical
  }
  plot for [i = 1:CURVES] $sweep index (p - 1) * CURVES + i - 1 using 1:2:3:4 with yerrorbars pt 7 ps 0.5 lw 1.2 lc rgb colour(i) notitle, \
       for [i = 1:CURVES] $sweep index (p - 1) * CURVES + i - 1 using 1:2 with lines lw 2 dt dashes(i) lc rgb colour(i) title CURVE[i]
  unset key
  unset label 99
}
unset multiplot
