# What both drivers open shared libraries with.
file(GLOB RS_DL_SOURCES CONFIGURE_DEPENDS runtime/dl/*.c)
add_library(rs_dl STATIC ${RS_DL_SOURCES})
target_link_libraries(rs_dl PUBLIC rs_core ${CMAKE_DL_LIBS})

# The libuv driver, the C API, the node daemon and the command line.
file(GLOB RS_UV_SOURCES CONFIGURE_DEPENDS runtime/uv/*.c)
add_library(rs_uv STATIC ${RS_UV_SOURCES})
target_include_directories(rs_uv PRIVATE ${ARCHIVE_INCLUDE_DIRS})
target_link_libraries(rs_uv PUBLIC rs_dl rs_core PkgConfig::UV PkgConfig::SODIUM Threads::Threads ${CMAKE_DL_LIBS})

# The public API.
file(GLOB RS_API_SOURCES CONFIGURE_DEPENDS runtime/api/*.c)
add_library(rs_api OBJECT ${RS_API_SOURCES})
target_link_libraries(rs_api PUBLIC rs_uv)

# The node daemon: head, node and worker. Functions of loaded libraries find the API in it, so nothing is dropped.
add_executable(raysimd runtime/raysimd.c $<TARGET_OBJECTS:rs_api>)
target_link_libraries(raysimd PRIVATE -Wl,--whole-archive rs_uv -Wl,--no-whole-archive)
set_target_properties(raysimd PROPERTIES ENABLE_EXPORTS ON)

# libraysim: core, driver and public API in one.
set(RS_API_OBJECTS $<TARGET_OBJECTS:rs_api> $<TARGET_OBJECTS:rs_uv> $<TARGET_OBJECTS:rs_dl> $<TARGET_OBJECTS:rs_core>)
add_library(raysim_shared SHARED ${RS_API_OBJECTS})
add_library(raysim_static STATIC ${RS_API_OBJECTS})
foreach(target raysim_shared raysim_static)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME raysim LINKER_LANGUAGE C)
  target_link_libraries(${target} PUBLIC PkgConfig::UV PkgConfig::SODIUM Threads::Threads ${CMAKE_DL_LIBS})
  target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR}/runtime)
endforeach()
set_target_properties(raysim_shared PROPERTIES SOVERSION 0 VERSION ${PROJECT_VERSION})

# raysim start, stop, status, list and the like: called by the main program.
file(GLOB RS_CLI_SOURCES CONFIGURE_DEPENDS runtime/cli/*.c)
add_library(rs_cli STATIC ${RS_CLI_SOURCES})
target_link_libraries(rs_cli PUBLIC rs_uv)

if(RAYSIM_BENCH)
  add_executable(noop bench/noop.c)
  add_executable(core bench/core.c) # its cluster's processes are itself
  add_executable(many bench/many.c) # likewise
  add_executable(bench_store bench/store.c)
  set_target_properties(bench_store PROPERTIES OUTPUT_NAME store)
  foreach(target noop core many bench_store)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    target_link_libraries(${target} PRIVATE rs_flags raysim_static)
  endforeach()
  add_dependencies(noop raysimd)
  add_dependencies(bench_store raysimd)
  add_executable(bench_workers bench/workers.c)
  set_target_properties(bench_workers PROPERTIES OUTPUT_NAME workers RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(bench_workers PRIVATE rs_flags rs_uv)
  add_dependencies(bench_workers raysimd)
endif()

# Tests and benchmarks of real processes start raysimd.
function(rs_needs_raysimd)
  file(GLOB sources ${CMAKE_SOURCE_DIR}/tests/uv/test_*.c)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    if(TARGET ${name})
      add_dependencies(${name} raysimd)
    endif()
  endforeach()
  if(TARGET test_cli)
    target_link_libraries(test_cli PRIVATE rs_cli)
    add_library(uv_functions MODULE ${CMAKE_SOURCE_DIR}/tests/uv/functions.c
                ${CMAKE_SOURCE_DIR}/tests/uv/functions_about.c)
    target_link_libraries(uv_functions PRIVATE rs_flags)
    set_target_properties(uv_functions PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    foreach(name test_api test_api_about test_api_place test_api_actor test_api_arguments test_api_async test_api_env test_api_objects test_api_pg test_state
            test_state_names test_store_real)
      target_sources(${name} PRIVATE $<TARGET_OBJECTS:rs_api>)
      add_dependencies(${name} uv_functions)
    endforeach()
    target_link_libraries(test_state PRIVATE rs_cli)
    target_link_libraries(test_state_names PRIVATE rs_cli)
    target_link_libraries(test_api_env PRIVATE rs_cli)
  endif()
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL rs_needs_raysimd)
