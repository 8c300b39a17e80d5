# The simulator: SimGrid driver, scenarios, workloads, results.
pkg_check_modules(SIMGRID REQUIRED IMPORTED_TARGET simgrid)
pkg_check_modules(GSL REQUIRED IMPORTED_TARGET gsl)
pkg_check_modules(XML2 REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)

# Everything under sim/ but the programs' main files. Its folder is on the include path as "sim/...".
file(GLOB RS_SIM_SOURCES CONFIGURE_DEPENDS sim/*.c)
if(RS_SIM_SOURCES)
  add_library(rs_sim STATIC ${RS_SIM_SOURCES})
  target_include_directories(rs_sim PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(rs_sim PUBLIC rs_dl rs_core PkgConfig::SIMGRID PkgConfig::GSL PkgConfig::XML2 PkgConfig::JANSSON
                                      PkgConfig::ZLIB m)
  # The simulator makes and drops some ten small blocks a task: with mimalloc a run without lease reuse takes a tenth
  # less time than with the C library's allocator. Sanitizers bring their own.
  if(NOT RAYSIM_SANITIZE)
    find_package(mimalloc REQUIRED)
    target_link_libraries(rs_sim PUBLIC -Wl,--push-state,--no-as-needed mimalloc -Wl,--pop-state)
  endif()
endif()
