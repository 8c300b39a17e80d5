# conform_replay: steps the core through recordings of real runs. It links the core alone (and what opens a
# policy's library), neither libuv nor SimGrid.
# Included after tests.cmake.
add_executable(conform_replay tests/conform/replay.c)
set_target_properties(conform_replay PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(conform_replay PRIVATE rs_dl rs_core)
if(TARGET test_conform)
  add_dependencies(test_conform conform_replay)
endif()
