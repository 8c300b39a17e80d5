# The proofs that need a real cluster: conform and parity on one recorded run. Label: proofs. docs/proofs.md tells what
# each shows. Included after tests.cmake and conform.cmake.
if(TARGET rs_uv)
  function(rs_proof name)
    add_executable(${name} tests/proofs/${name}.c)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} PRIVATE ${ARGN})
    target_compile_definitions(${name} PRIVATE RS_SOURCE_DIR="${CMAKE_SOURCE_DIR}" RS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  endfunction()

  # Runs a real cluster and leaves its recordings in a folder.
  rs_proof(proof_run rs_uv)
  add_dependencies(proof_run raysimd)

  # Replays the recordings in a program without a driver, then with planted differences.
  rs_proof(proof_conform rs_check rs_core)
  add_dependencies(proof_conform conform_replay proof_run)
  add_test(NAME proof_conform COMMAND proof_conform)
  set_tests_properties(proof_conform PROPERTIES LABELS proofs TIMEOUT 120 PROCESSORS 2)

  # Simulates the recorded run from what came from outside alone.
  if(TARGET rs_sim)
    rs_proof(proof_parity rs_check rs_sim)
    add_dependencies(proof_parity proof_run)
    add_test(NAME proof_parity COMMAND proof_parity)
    set_tests_properties(proof_parity PROPERTIES LABELS proofs TIMEOUT 120 PROCESSORS 2)
  endif()
endif()
