/* word_count.c -- map and reduce: words are counted in pieces of a text, and the counts added in a tree of tasks.
 *
 * A table of counts is a plain array, so it travels as it is.
 */
#include <ctype.h>
#include <string.h>

#include "example.h"

enum { WORDS_MAX = 64, WORD_BYTES = 24, PIECES = 6 };

struct table {
  int used;
  struct {
    char word[WORD_BYTES];
    int count;
  } rows[WORDS_MAX];
};

static void count_word(struct table *table, const char *word, int times)
{
  int i = 0;
  while (i < table->used && strcmp(table->rows[i].word, word) != 0)
    i++;
  if (i == WORDS_MAX)
    return;
  if (i == table->used) {
    snprintf(table->rows[i].word, WORD_BYTES, "%s", word);
    table->used++;
  }
  table->rows[i].count += times;
}

static int map(struct raysim_context *context)
{
  size_t size;
  const char *text = raysim_arg(context, 0, &size);
  struct table table = {0};
  char word[WORD_BYTES];
  int letters = 0;
  for (size_t i = 0; i <= size; i++) {
    if (i < size && isalpha((unsigned char)text[i])) {
      if (letters < WORD_BYTES - 1)
        word[letters++] = (char)tolower((unsigned char)text[i]);
      continue;
    }
    word[letters] = 0;
    if (letters)
      count_word(&table, word, 1);
    letters = 0;
  }
  return raysim_return(context, 0, &table, sizeof table);
}

static int reduce(struct raysim_context *context)
{
  struct table sum = *(const struct table *)raysim_arg(context, 0, NULL);
  const struct table *other = raysim_arg(context, 1, NULL);
  for (int i = 0; i < other->used; i++)
    count_word(&sum, other->rows[i].word, other->rows[i].count);
  return raysim_return(context, 0, &sum, sizeof sum);
}

void raysim_register_functions(void)
{
  raysim_register("map", map);
  raysim_register("reduce", reduce);
}

static const char *const text[PIECES] = {
    "the core is a set of state machines",           "the core never calls a platform",
    "a driver owns the clock and the network",       "a driver hands one input to the core",
    "the core appends its effects and then returns", "the driver performs the effects in order",
};

int main(void)
{
  struct raysim *ray = example_start(2);
  raysim_ref tables[PIECES];
  for (int i = 0; i < PIECES; i++)
    tables[i] = raysim_submit(ray, "map", RAYSIM_ARGS(raysim_bytes(text[i], strlen(text[i]))), NULL);
  for (int left = PIECES; left > 1; left = (left + 1) / 2)
    for (int i = 0; i + 1 < left; i += 2) {
      raysim_ref both =
          raysim_submit(ray, "reduce", RAYSIM_ARGS(raysim_object(tables[i]), raysim_object(tables[i + 1])), NULL);
      raysim_release(ray, tables[i]);
      raysim_release(ray, tables[i + 1]);
      tables[i / 2] = both;
      if (i + 3 == left)
        tables[i / 2 + 1] = tables[i + 2];
    }
  struct raysim_value value = example_get(ray, tables[0]);
  const struct table *table = value.bytes;
  for (int i = 0; i < table->used; i++)
    if (table->rows[i].count > 2)
      printf("%-8s %d\n", table->rows[i].word, table->rows[i].count);
  raysim_value_free(&value);
  raysim_release(ray, tables[0]);
  raysim_shutdown(ray);
  return 0;
}
