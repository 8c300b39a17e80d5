# The examples: each examples/policy_<name>/policy.c is a placement policy as a shared library, build/examples/policy_<name>.so.
# It links its own copy of the pure functions and exports the symbol rs_policy alone.
file(GLOB RS_POLICY_EXAMPLES CONFIGURE_DEPENDS examples/policy_*/policy.c)
set(RS_POLICY_EXAMPLE_TARGETS)
foreach(source ${RS_POLICY_EXAMPLES})
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(name ${folder} NAME)
  add_library(${name} MODULE ${source})
  set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden
                                           LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples)
  target_link_libraries(${name} PRIVATE rs_core)
  target_link_options(${name} PRIVATE -Wl,--exclude-libs,ALL)
  list(APPEND RS_POLICY_EXAMPLE_TARGETS ${name})
endforeach()

# tests/test_policy_external.c opens the first one, tests/uv/test_policy_real.c runs it on a cluster.
function(rs_examples_before_tests)
  foreach(test test_policy_external test_policy_real)
    if(TARGET ${test} AND RS_POLICY_EXAMPLE_TARGETS)
      add_dependencies(${test} ${RS_POLICY_EXAMPLE_TARGETS})
    endif()
  endforeach()
  if(TARGET test_policy_real)
    add_dependencies(test_policy_real raysim conform_replay)
    target_compile_definitions(test_policy_real PRIVATE RS_HAS_SIM=$<BOOL:${RAYSIM_SIM}>) # else no scenarios
  endif()
endfunction()
cmake_language(DEFER CALL rs_examples_before_tests)
