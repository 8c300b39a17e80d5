# Programs that prepare data; docs/ says how each is used.
if(TARGET rs_sim)
  add_executable(fit_curves tools/fit_curves.c)
  target_link_libraries(fit_curves PRIVATE rs_sim)
endif()
