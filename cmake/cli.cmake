# The commit of a checkout, when the build was configured: what --swarm says of a failure.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD OUTPUT_VARIABLE rs_commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rs_no_commit)

# `raysim`, the command line. With the simulator it links SimGrid and GSL; without it only the cluster commands remain.
if(TARGET rs_sim)
  add_executable(raysim cli/main.c cli/sim_commands.c cli/real.c cli/real_faults.c cli/proof_commands.c cli/calibrate.c cli/cluster_commands.c)
  target_link_libraries(raysim PRIVATE rs_sim rs_cli rs_uv)
else()
  add_executable(raysim cli/main.c cli/sim_absent.c cli/cluster_commands.c)
  target_link_libraries(raysim PRIVATE rs_cli rs_uv)
endif()
if(NOT rs_no_commit)
  set_source_files_properties(cli/proof_commands.c PROPERTIES COMPILE_DEFINITIONS RS_COMMIT="${rs_commit}")
endif()
target_include_directories(raysim PRIVATE ${CMAKE_SOURCE_DIR})
add_dependencies(raysim raysimd) # --real and start look for it beside themselves
