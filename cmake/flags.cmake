# The flags of every target: warnings are errors, and floating point means the same everywhere.
set(RAYSIM_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize (address,undefined or thread); empty: none")

add_library(rs_flags INTERFACE)
target_compile_options(rs_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -ffp-contract=off
                                          -fno-omit-frame-pointer -fno-common)
target_include_directories(rs_flags INTERFACE ${CMAKE_SOURCE_DIR}/runtime)
target_compile_definitions(rs_flags INTERFACE _GNU_SOURCE)
if(RAYSIM_SANITIZE)
  # For every object and every link, those of targets without rs_flags too.
  add_compile_options(-fsanitize=${RAYSIM_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RAYSIM_SANITIZE})
endif()
