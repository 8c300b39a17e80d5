/* Framing: whole, cut, oversized and random streams. */
#include "base/rng.h"
#include "check.h"
#include "core/errors.h"
#include "uv/frame.h"
#include "uv/limits.h"

static void whole(void)
{
  uint8_t bytes[64] = {0};
  rs_frame_header(bytes, RS_FRAME_PING, 8);
  struct rs_frame f;
  size_t need;
  CHECK_EQ(rs_frame_next(bytes, sizeof bytes, 100, &f, &need), RS_FRAME_HEADER + 8);
  CHECK_EQ(f.type, RS_FRAME_PING);
  CHECK_EQ(f.body_bytes, 8);
  CHECK(f.body == bytes + RS_FRAME_HEADER);
}

static void cut(void)
{
  uint8_t bytes[64] = {0};
  rs_frame_header(bytes, RS_FRAME_PING, 8);
  struct rs_frame f;
  size_t need;
  for (size_t have = 0; have < RS_FRAME_HEADER + 8; have++) {
    CHECK_EQ(rs_frame_next(bytes, have, 100, &f, &need), 0);
    CHECK_EQ(need, have < 4 ? RS_FRAME_HEADER : RS_FRAME_HEADER + 8);
  }
}

static void too_large(void)
{
  uint8_t bytes[8] = {0};
  struct rs_frame f;
  size_t need;
  rs_frame_header(bytes, RS_FRAME_MSG, 100);
  CHECK_EQ(rs_frame_next(bytes, 4, 100, &f, &need), RS_ERR_TOO_LARGE); /* before any of it has come */
  CHECK_EQ(rs_frame_next(bytes, 4, 101, &f, &need), 0);
  memset(bytes, 0xff, sizeof bytes);
  CHECK_EQ(rs_frame_next(bytes, sizeof bytes, RS_UV_FRAME_MAX, &f, &need), RS_ERR_TOO_LARGE);
  memset(bytes, 0, sizeof bytes);
  CHECK_EQ(rs_frame_next(bytes, sizeof bytes, 100, &f, &need), RS_ERR_MALFORMED);
}

/* Any stream is cut into frames inside it, or refused, whatever the pieces in which it comes. */
static void random_streams(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  for (int round = 0; round < 20000; round++) {
    uint8_t bytes[256];
    size_t size = rs_rng_below(&rng, sizeof bytes), at = 0;
    for (size_t i = 0; i < size; i++)
      bytes[i] = (uint8_t)(rs_rng_below(&rng, 3) ? 0 : rs_rng_next(&rng));
    for (;;) {
      struct rs_frame f;
      size_t need;
      int64_t n = rs_frame_next(bytes + at, size - at, 200, &f, &need);
      if (n <= 0) {
        CHECK(n < 0 || need > size - at);
        break;
      }
      CHECK(n >= 5 && (size_t)n <= size - at);
      CHECK(f.body + f.body_bytes == bytes + at + n);
      at += (size_t)n;
    }
  }
}

const struct rs_test rs_tests[] = {
    {"whole", whole}, {"cut", cut}, {"too_large", too_large}, {"random_streams", random_streams}, {0}};
