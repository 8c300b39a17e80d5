# One executable and one ctest entry for every tests/test_<module>.c; tests/sim/ and tests/uv/ link their driver too.
pkg_check_modules(CUNIT REQUIRED IMPORTED_TARGET cunit)

add_library(rs_check STATIC tests/check.c tests/mini.c)
target_include_directories(rs_check PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(rs_check PUBLIC rs_core PkgConfig::CUNIT)

function(rs_test_programs folder label)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/test_*.c)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE rs_check ${ARGN})
    target_compile_definitions(${name} PRIVATE RS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" RS_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300)
    if(label STREQUAL uv) # real processes, which time limits are about
      set_tests_properties(${name} PROPERTIES PROCESSORS 2)
    endif()
  endforeach()
endfunction()

rs_test_programs(tests unit rs_core)
if(TARGET rs_sim)
  rs_test_programs(tests/sim sim rs_sim)
  # Swarm mode has a label of its own; a failure names the commit where there is one.
  set_tests_properties(test_swarm test_swarm_simgrid PROPERTIES LABELS swarm)
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD OUTPUT_VARIABLE rs_commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rs_no_commit)
  if(NOT rs_no_commit)
    target_compile_definitions(test_swarm PRIVATE RS_COMMIT="${rs_commit}")
  endif()
endif()
if(TARGET rs_uv)
  rs_test_programs(tests/uv uv rs_uv)
endif()
