# The install target. Plots and scenarios are installed by plots.cmake and schema.cmake, beside what they describe.
include(GNUInstallDirs)

foreach(target raysim raysimd)
  if(TARGET ${target})
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

if(TARGET raysim_shared)
  install(TARGETS raysim_shared raysim_static LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                              ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES runtime/api/raysim.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  # Relative to the file itself, so that `cmake --install build --prefix ELSEWHERE` gives one that is right there.
  file(RELATIVE_PATH RAYSIM_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" RAYSIM_PC_TO_PREFIX "${RAYSIM_PC_TO_PREFIX}")
  configure_file(cmake/raysim.pc.in ${CMAKE_BINARY_DIR}/raysim.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/raysim.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

# A policy in a shared library (examples/policy_two_choices) is compiled against these headers and its own copy of the core.
install(FILES runtime/policy/policy.h runtime/policy/view.h runtime/policy/resources.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/raysim/policy)
install(FILES runtime/base/rng.h runtime/base/alloc.h runtime/base/assert.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/raysim/base)
install(TARGETS rs_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES LICENSE LICENSES/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
