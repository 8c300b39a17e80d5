# The share of tasks that started within a time of being ready: all seeds of a case together.
H = 520
TITLE = SCENARIO . ': scheduling latency' . (PARTIAL ? ' (partial run)' : '')
eval terminal(W, H)
eval SIDE ? head . '; ' . side : head
set xlabel 'time from ready to running' . (ZERO ? ' (the left edge stands for none at all)' : '')
set ylabel 'tasks [%]'
set logscale x 10
set xrange [LEFT:RIGHT]
set yrange [0:102]
set xtics ('1 ns' 1e-9, '10 ns' 1e-8, '100 ns' 1e-7, '1 µs' 1e-6, '10 µs' 1e-5, '100 µs' 1e-4, '1 ms' 1e-3, \
           '10 ms' 0.01, '100 ms' 0.1, '1 s' 1, '10 s' 10, '100 s' 100, '1000 s' 1000, '10⁴ s' 1e4, '10⁵ s' 1e5, \
           '10⁶ s' 1e6)
set ytics (0, 25, 50, 75, 90, 99)
plot for [i = 1:N] $latency index i - 1 using 1:2 with steps lw width(i) dt dashes(i) lc rgb colour(i) title NAME[i]
