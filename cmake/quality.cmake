# The gates that need no program of the project to run: the layout, the linters, the tidy rules, the purity of the core's
# object code. Label: quality. A gate whose tool is not installed is skipped, and says so. Included last.
option(RAYSIM_QUALITY "Register the quality gates as tests" ON)
if(NOT RAYSIM_QUALITY OR RAYSIM_SANITIZE)
  return()
endif()

function(rs_gate name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS quality TIMEOUT 900 SKIP_RETURN_CODE 77 PROCESSORS 2)
endfunction()

# Purity (tests/purity): what the core's object code references and owns; that the gate fires; what the runtime links.
rs_gate(purity sh ${CMAKE_SOURCE_DIR}/tests/purity/purity.sh ${CMAKE_BINARY_DIR}/purity $<TARGET_FILE:rs_core>)
rs_gate(purity_planted sh ${CMAKE_SOURCE_DIR}/tests/purity/planted.sh ${CMAKE_BINARY_DIR}/purity_planted
        $<TARGET_FILE:rs_core> ${CMAKE_C_COMPILER})
rs_gate(purity_links sh ${CMAKE_SOURCE_DIR}/tests/purity/links.sh $<TARGET_FILE:raysimd> $<TARGET_FILE:raysim_shared>)

# Tidy (tests/tidy): the house rules that a text can show, the exported names, the layout, the linters; and that the first two fire.
rs_gate(tidy sh ${CMAKE_SOURCE_DIR}/tests/tidy/tidy.sh ${CMAKE_SOURCE_DIR})
rs_gate(tidy_planted sh ${CMAKE_SOURCE_DIR}/tests/tidy/planted.sh ${CMAKE_BINARY_DIR}/tidy_planted ${CMAKE_C_COMPILER})
set(names $<TARGET_FILE:rs_core> rs_ $<TARGET_FILE:rs_dl> rs_ $<TARGET_FILE:rs_uv> rs_ $<TARGET_FILE:raysim_static> "rs_|raysim_")
if(TARGET rs_sim)
  list(APPEND names $<TARGET_FILE:rs_sim> "(rs|sim|faithful|cmp|swarm|parity|cal|calibrate)_")
endif()
rs_gate(tidy_names sh ${CMAKE_SOURCE_DIR}/tests/tidy/names.sh ${names})
foreach(kind format clang-tidy cppcheck)
  rs_gate(${kind} sh ${CMAKE_SOURCE_DIR}/tests/tidy/lint.sh ${kind} ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
endforeach()
