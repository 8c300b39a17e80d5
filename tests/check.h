/* check.h -- the test harness: CUnit with checks that print both operands.
 *
 * A test file tests/test_<module>.c defines `const struct rs_test rs_tests[]`, ended by {0}; CMake makes one executable
 * and one ctest entry of every such file, so an abort in one suite cannot hide another.
 */
#ifndef RS_TESTS_CHECK_H
#define RS_TESTS_CHECK_H

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct rs_test {
  const char *name;
  void (*run)(void);
};
extern const struct rs_test rs_tests[];

#define CHECK(condition) CU_ASSERT_FATAL(!!(condition))

#define CHECK_EQ(a, b)                                                                                                 \
  do {                                                                                                                 \
    int64_t check_a = (int64_t)(a), check_b = (int64_t)(b);                                                            \
    if (check_a != check_b)                                                                                            \
      printf("\n    %s:%d: %s is %" PRId64 ", wanted %s = %" PRId64 "\n", __FILE__, __LINE__, #a, check_a, #b,         \
             check_b);                                                                                                 \
    CU_ASSERT_FATAL(check_a == check_b);                                                                               \
  } while (0)

#define CHECK_STR(a, b)                                                                                                \
  do {                                                                                                                 \
    const char *check_a = (a), *check_b = (b);                                                                         \
    if (strcmp(check_a, check_b) != 0)                                                                                 \
      printf("\n    %s:%d: %s is \"%s\", wanted \"%s\"\n", __FILE__, __LINE__, #a, check_a, check_b);                  \
    CU_ASSERT_FATAL(strcmp(check_a, check_b) == 0);                                                                    \
  } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                                                    \
  do {                                                                                                                 \
    double check_a = (a), check_b = (b), check_d = check_a > check_b ? check_a - check_b : check_b - check_a;          \
    if (!(check_d <= (tolerance)))                                                                                     \
      printf("\n    %s:%d: %s is %.9g, wanted %.9g within %.3g\n", __FILE__, __LINE__, #a, check_a, check_b,           \
             (double)(tolerance));                                                                                     \
    CU_ASSERT_FATAL(check_d <= (tolerance));                                                                           \
  } while (0)

#endif
