# `raysim`, the command line. With the simulator it links SimGrid and GSL; without it only the cluster commands remain.
if(TARGET rs_sim)
  add_executable(raysim cli/main.c cli/sim_commands.c cli/real.c cli/real_faults.c cli/proof_commands.c cli/calibrate.c cli/cluster_commands.c)
  target_link_libraries(raysim PRIVATE rs_sim rs_cli rs_uv)
else()
  add_executable(raysim cli/main.c cli/sim_absent.c cli/cluster_commands.c)
  target_link_libraries(raysim PRIVATE rs_cli rs_uv)
endif()
target_include_directories(raysim PRIVATE ${CMAKE_SOURCE_DIR})
add_dependencies(raysim raysimd) # --real and start look for it beside themselves
