# The benchmarks of the SimGrid driver: build/bench/{flows,idle,faithful}, one JSON object or table each.
if(RAYSIM_BENCH)
  foreach(name flows idle faithful)
    if(EXISTS ${CMAKE_SOURCE_DIR}/bench/${name}.c)
      add_executable(bench_${name} bench/${name}.c)
      set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
                                                     RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
      target_link_libraries(bench_${name} PRIVATE rs_sim)
    endif()
  endforeach()
endif()
