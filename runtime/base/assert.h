/* assert.h -- asserts that are always on.
 *
 * A failed assert is a programmer error: the process says where and what, and aborts. Operating errors (a full disk, a
 * lost peer) are never asserts; they are negative codes from errors.def.
 */
#ifndef RS_BASE_ASSERT_H
#define RS_BASE_ASSERT_H

#define RS_ASSERT(condition)                                                                                           \
  do {                                                                                                                 \
    if (__builtin_expect(!(condition), 0))                                                                             \
      rs_assert_failed(__FILE__, __LINE__, #condition);                                                                \
  } while (0)

_Noreturn void rs_assert_failed(const char *file, int line, const char *condition);

/* Called with one line of text before the abort. Each program installs its own printer by defining rs_panic; the
 * default (a weak symbol) only aborts, because the core may not touch a file. */
void rs_panic(const char *text);

#endif
