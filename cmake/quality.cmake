# The gates that need no program of the project to run: the layout, the linters, the tidy rules, the purity of the core's
# object code. Label: quality. A gate whose tool is not installed is skipped, and says so. Included last.
option(RAYSIM_QUALITY "Register the quality gates as tests" ON)
if(NOT RAYSIM_QUALITY OR RAYSIM_SANITIZE)
  return()
endif()

function(rs_gate name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS quality TIMEOUT 900 SKIP_RETURN_CODE 77)
endfunction()
