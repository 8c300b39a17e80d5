# build/bench/scale: scheduling at 10,000 nodes and more, in simulation; bench/run puts SimGrid's own cost beside it.
if(TARGET rs_sim)
  add_executable(bench_scale bench/scale.c)
  set_target_properties(bench_scale PROPERTIES OUTPUT_NAME scale RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(bench_scale PRIVATE rs_sim)
endif()
