# The benchmarks: one program each under bench/, output in build/bench.
#
#   rs_bench(NAME LIBRARY...)   bench/NAME.c
function(rs_bench name)
  add_executable(bench_${name} bench/${name}.c)
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(bench_${name} PRIVATE ${ARGN})
endfunction()

rs_bench(policy rs_core)
