#include "check.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#include "base/assert.h"

void rs_panic(const char *text)
{
  fflush(stdout);
  fprintf(stderr, "%s\n", text);
}

/* Runs every test of the file, or with an argument only those whose name contains it. */
int main(int argc, char **argv)
{
  if (CU_initialize_registry() != CUE_SUCCESS)
    return EXIT_FAILURE;
  CU_pSuite suite = CU_add_suite(argv[0], NULL, NULL);
  for (const struct rs_test *test = rs_tests; test->name; test++)
    if (argc < 2 || strstr(test->name, argv[1]))
      CU_add_test(suite, test->name, test->run);
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failed = CU_get_number_of_failures(), ran = CU_get_number_of_tests_run();
  CU_cleanup_registry();
  return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
