/* The codec on hostile bytes: flipped, cut, spliced and random. What is accepted must be written again as the same
 * bytes; what is refused must leak nothing (run under a sanitizer); and neither may take more than a small multiple of
 * the bytes in memory. The allocator of the base library is replaced by one that counts. */
#include "check.h"
#include "msg_random.h"

static size_t allocated; /* bytes since it was set to 0 */

static void *count(void *memory, size_t bytes)
{
  if (!memory && bytes)
    abort();
  allocated += bytes;
  return memory;
}
void *rs_alloc(size_t bytes)
{
  return count(malloc(bytes), bytes);
}
void *rs_alloc_zero(size_t n, size_t bytes)
{
  return count(calloc(n, bytes), n * bytes);
}
void *rs_realloc(void *old, size_t n, size_t bytes)
{
  return count(realloc(old, n * bytes), n * bytes);
}
void *rs_memdup(const void *from, size_t bytes)
{
  return bytes ? memcpy(rs_alloc(bytes), from, bytes) : 0;
}

static unsigned accepted, refused;

static void feed(const uint8_t *bytes, size_t size)
{
  struct rs_msg *msg;
  allocated = 0;
  int error = rs_msg_decode(bytes, size, &msg);
  if (allocated > 64 * size + 1024)
    printf("\n    %zu bytes for %zu of input\n", allocated, size);
  CHECK(allocated <= 64 * size + 1024);
  if (error) {
    CHECK(error == RS_ERR_TRUNCATED || error == RS_ERR_MALFORMED || error == RS_ERR_TOO_LARGE);
    CHECK(msg == 0);
    refused++;
    return;
  }
  accepted++;
  uint8_t *again = malloc(size);
  CHECK_EQ(rs_msg_encode(msg, again, size), size);
  CHECK(memcmp(again, bytes, size) == 0);
  char line[128];
  rs_msg_print(msg, line, sizeof line);
  free(again);
  rs_msg_unref(msg);
}

/* A fresh allocation of exactly `size` bytes for every input. */
static void feed_copy(const uint8_t *bytes, size_t size)
{
  uint8_t *copy = malloc(size ? size : 1);
  memcpy(copy, bytes, size);
  feed(copy, size);
  free(copy);
}

enum { BYTES_MAX = 16384 };

static size_t valid(struct rs_rng *rng, uint8_t *bytes)
{
  for (;;) {
    struct rs_msg *msg = random_msg(rng, msg_types[random_below(rng, MSG_TYPES)], RANDOM_SMALL);
    size_t size = rs_msg_encode(msg, bytes, BYTES_MAX);
    rs_msg_unref(msg);
    if (size <= BYTES_MAX)
      return size;
  }
}

static void flipped_bits(void)
{
  static uint8_t bytes[BYTES_MAX];
  struct rs_rng rng;
  rs_rng_seed(&rng, 11);
  accepted = refused = 0;
  for (int i = 0; i < 12000; i++) {
    size_t size = valid(&rng, bytes);
    for (int k = 0; k < 10; k++) {
      uint32_t at = random_below(&rng, (uint32_t)size), bit = random_below(&rng, 8);
      bytes[at] ^= (uint8_t)(1u << bit);
      feed_copy(bytes, size);
      if (k & 1) /* every other flip stays: mistakes pile up */
        bytes[at] ^= (uint8_t)(1u << bit);
    }
  }
  printf("%u accepted, %u refused ", accepted, refused);
  CHECK(accepted > 1000 && refused > 1000);
}

/* Interesting bytes in interesting places: counts, masks and lengths are near the front. */
static void edited_bytes(void)
{
  static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff};
  static uint8_t bytes[BYTES_MAX];
  struct rs_rng rng;
  rs_rng_seed(&rng, 12);
  accepted = refused = 0;
  for (int i = 0; i < 60000; i++) {
    size_t size = valid(&rng, bytes);
    uint32_t edits = 1 + random_below(&rng, 4);
    for (uint32_t k = 0; k < edits; k++)
      bytes[random_below(&rng, (uint32_t)(random_below(&rng, 2) && size > 24 ? 24 : size))] =
          values[random_below(&rng, sizeof values)];
    feed_copy(bytes, random_below(&rng, 4) ? size : random_below(&rng, (uint32_t)size + 1));
  }
  printf("%u accepted, %u refused ", accepted, refused);
  CHECK(accepted > 1000 && refused > 1000);
}

static void spliced_messages(void)
{
  static uint8_t a[BYTES_MAX], b[BYTES_MAX], both[2 * BYTES_MAX];
  struct rs_rng rng;
  rs_rng_seed(&rng, 13);
  accepted = refused = 0;
  for (int i = 0; i < 40000; i++) {
    size_t a_size = random_below(&rng, (uint32_t)valid(&rng, a) + 1), b_size = valid(&rng, b);
    size_t from = random_below(&rng, (uint32_t)b_size + 1);
    memcpy(both, a, a_size);
    memcpy(both + a_size, b + from, b_size - from);
    feed_copy(both, a_size + b_size - from);
  }
  printf("%u accepted, %u refused ", accepted, refused);
  CHECK(refused > 1000);
}

static void random_input(void)
{
  static uint8_t bytes[512];
  struct rs_rng rng;
  rs_rng_seed(&rng, 14);
  accepted = refused = 0;
  for (int i = 0; i < 200000; i++) {
    uint32_t size = random_below(&rng, i % 100 ? 96 : sizeof bytes);
    random_bytes(&rng, bytes, size);
    if (size >= 2 && i % 8) { /* most with a type that exists, some with plausible small numbers behind it */
      bytes[0] = (uint8_t)msg_types[random_below(&rng, MSG_TYPES)];
      bytes[1] = 0;
      for (uint32_t k = 2; k < size && i % 3 == 0; k++)
        bytes[k] &= 3;
    }
    feed_copy(bytes, size);
  }
  printf("%u accepted, %u refused ", accepted, refused);
  CHECK(accepted > 100 && refused > 1000);
}

/* Counts at their caps with nothing behind them. */
static void promised_but_not_there(void)
{
  for (int t = 0; t < MSG_TYPES; t++)
    for (unsigned fill = 0; fill < 256; fill++) {
      uint8_t bytes[256];
      memset(bytes, (int)fill, sizeof bytes);
      bytes[0] = (uint8_t)msg_types[t];
      bytes[1] = 0;
      for (size_t size = 2; size < sizeof bytes; size += 23)
        feed_copy(bytes, size);
    }
}

const struct rs_test rs_tests[] = {
    {"codec fuzz: flipped bits", flipped_bits},
    {"codec fuzz: edited bytes", edited_bytes},
    {"codec fuzz: spliced messages", spliced_messages},
    {"codec fuzz: random input", random_input},
    {"codec fuzz: promised but not there", promised_but_not_there},
    {0},
};
