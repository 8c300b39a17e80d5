# The benchmarks: one program each under bench/, output in build/bench.
