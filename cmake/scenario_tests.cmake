# The scenarios, made small, print the committed rows; bad input is refused and interruptions leave nothing behind
# (tests/scenarios/README.md). Not under sanitizers: they write to stderr about the stacks of SimGrid's contexts, and what a user sees on
# stderr is what these tests look at.
if(RAYSIM_SIM AND NOT RAYSIM_SANITIZE)
  foreach(script rows refusals figures)
    add_test(NAME scenarios_${script} COMMAND ${CMAKE_SOURCE_DIR}/tests/scenarios/${script}.sh $<TARGET_FILE:raysim>)
    set_tests_properties(scenarios_${script} PROPERTIES LABELS scenarios TIMEOUT 300)
  endforeach()
endif()
