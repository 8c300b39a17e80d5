# The figures' templates, plots/*.gp, built into the simulator's library: a figure needs no file to be found at run time.
# They are installed too, to be read.
if(TARGET rs_sim)
  file(GLOB RS_PLOT_TEMPLATES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/plots/*.gp)
  set(RS_PLOT_SOURCE ${CMAKE_BINARY_DIR}/generated/plot_templates.c)
  add_custom_command(
    OUTPUT ${RS_PLOT_SOURCE}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${RS_PLOT_SOURCE} "-DTEMPLATES=${RS_PLOT_TEMPLATES}" -P
            ${CMAKE_SOURCE_DIR}/cmake/embed_plots.cmake
    DEPENDS ${RS_PLOT_TEMPLATES} ${CMAKE_SOURCE_DIR}/cmake/embed_plots.cmake
    COMMENT "Embedding the plot templates"
    VERBATIM)
  target_sources(rs_sim PRIVATE ${RS_PLOT_SOURCE})
  include(GNUInstallDirs)
  install(FILES ${RS_PLOT_TEMPLATES} DESTINATION ${CMAKE_INSTALL_DATADIR}/raysim/plots)
endif()
