# The scenario schema, built into the simulator: scenarios/scenario.rng becomes a C array, so that the program validates
# from any folder. Reading happens at configure time, and again whenever the schema changes. The schema and the scenarios
# are installed too. May be included before or after rs_sim is defined.
include_guard(GLOBAL)
set(RS_SCHEMA_SOURCE ${CMAKE_SOURCE_DIR}/scenarios/scenario.rng)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${RS_SCHEMA_SOURCE})
file(READ ${RS_SCHEMA_SOURCE} RS_SCHEMA_HEX HEX)
file(SIZE ${RS_SCHEMA_SOURCE} RS_SCHEMA_BYTES)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," RS_SCHEMA_ARRAY "${RS_SCHEMA_HEX}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/scenario_schema_text.c CONTENT [[
/* Made from scenarios/scenario.rng by cmake/schema.cmake. */
#include "sim/scenario.h"

static const unsigned char text[@RS_SCHEMA_BYTES@ + 1] = {@RS_SCHEMA_ARRAY@ 0};

const char *rs_scenario_schema(size_t *bytes)
{
  *bytes = sizeof text - 1;
  return (const char *)text;
}
]] @ONLY)
add_library(rs_schema STATIC ${CMAKE_BINARY_DIR}/generated/scenario_schema_text.c)
target_include_directories(rs_schema PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(rs_schema PRIVATE -fno-common)

function(rs_schema_link)
  if(TARGET rs_sim)
    target_link_libraries(rs_sim PUBLIC rs_schema)
  endif()
endfunction()
cmake_language(DEFER CALL rs_schema_link)

include(GNUInstallDirs)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/raysim)
