# The best value so far against time: a curve a case, the mean over seeds, and its 95 % interval as a band.
H = 540
TITLE = SCENARIO . ': best ' . METRIC . ' so far' . (PARTIAL ? ' (partial run)' : '')
eval terminal(W, H)
eval SIDE ? head . '; ' . side : head
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'best ' . METRIC . (SEEDS > 1 ? sprintf(' (mean of %d seeds, band: 95 %% interval)', SEEDS) : '')
set xrange [BEGIN:END]
if (LOG_X) {
  set logscale x 10
}
if (LOG_Y) {
  set logscale y 10
  set yrange [LEAST / 1.15:MOST * 1.1]
  if (MOST < 200 * LEAST) {
    set ytics (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
  }
} else {
  set yrange [LEAST - 0.05 * (MOST - LEAST):MOST + 0.05 * (MOST - LEAST)]
}
plot for [i = 1:N] $best index i - 1 using 1:3:4 with filledcurves fillcolor rgb pale(i) notitle, \
     for [i = 1:N] $best index i - 1 using 1:2 with lines lw width(i) dt dashes(i) lc rgb colour(i) title NAME[i]
