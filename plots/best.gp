# The best value so far against time: a curve a case, the mean over seeds, and its 95 % interval as a band.
eval terminal(860, 520)
set title SCENARIO . ': best ' . METRIC . ' so far' . (PARTIAL ? ' (partial run)' : '') font ',15' offset 0,0.2
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel 'best ' . METRIC . (SEEDS > 1 ? sprintf(' (mean of %d seeds, band: 95 %% interval)', SEEDS) : '')
set xrange [BEGIN:END]
if (LOG_X) {
  set logscale x 10
}
if (LOG_Y) {
  set logscale y 10
  set yrange [LEAST / 1.15:MOST * 1.1]
  if (MOST < 20 * LEAST) {
    set ytics add (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)
  }
} else {
  set yrange [LEAST - 0.05 * (MOST - LEAST):MOST + 0.05 * (MOST - LEAST)]
}
if (N > 6) { set key outside right top vertical }
plot for [i = 1:N] $best index i - 1 using 1:3:4 with filledcurves fillcolor rgb pale(i) notitle, \
     for [i = 1:N] $best index i - 1 using 1:2 with lines lw 2.2 dt dashes(i) lc rgb colour(i) title NAME[i]
