/* record.h -- the life of one endpoint as bytes: how it began, every input, every effect.
 *
 * A driver records an endpoint by appending to a buffer, before it performs the effects:
 *
 *     rs_record_start(&bytes, &start)                 once; writes the file's head too
 *     rs_record_input(&bytes, now, &input)            before each step
 *     rs_record_effects(&bytes, &effects)             after it
 *
 * Stepping a fresh endpoint with the recorded inputs must give the same effects, byte for byte, whatever driver the
 * recording comes from (tests/conform/replay.c). A VIEW that goes by pointer is recorded as its delta: a driver that
 * coalesces versions must not record, or must run with codec_forced.
 *
 * Format, little-endian: "raysimrc", version (u32), 0 (u32); then frames: length of the payload (u32), its hash (u32),
 * the payload, which begins with a kind ('S', 'I', 'E'). A frame of length 0, one that is cut off and one whose hash is
 * wrong end the recording: what a killed process leaves in a shared mapping is a valid prefix. Only the same build of
 * the tables reads it back: START carries a hash of the names of all settings and messages.
 *
 * Not thread-safe: a buffer belongs to its endpoint.
 */
#ifndef RS_CORE_RECORD_H
#define RS_CORE_RECORD_H

#include "core/io.h"

struct rs_bytes {
  uint8_t *data;
  size_t size, cap;
};
void rs_bytes_free(struct rs_bytes *bytes);

/* ---- writing ---- */

void rs_record_start(struct rs_bytes *out, const struct rs_start *start);
void rs_record_input(struct rs_bytes *out, uint64_t now, const struct rs_input *input);
void rs_record_effects(struct rs_bytes *out, const struct rs_effects *effects);

/* ---- reading: safe on any bytes ---- */

struct rs_record_reader {
  const uint8_t *at, *end;
};

enum rs_record_kind { RS_RECORD_END, RS_RECORD_INPUT, RS_RECORD_EFFECTS };

/* How the recorded endpoint began; `start` points into the rest of this struct, which must not move. */
struct rs_record_start {
  struct rs_start start;
  struct rs_config config; /* policy: NULL where no built-in one has that name; then set it before use */
  char policy[64];
  struct rs_node_type *node_types;
};

/* All return 0, or RS_ERR_TRUNCATED, RS_ERR_MALFORMED (also: of other tables), RS_ERR_TOO_LARGE; then nothing is held.
 */
int rs_record_read_start(struct rs_record_reader *reader, const uint8_t *bytes, size_t size,
                         struct rs_record_start *out);
void rs_record_start_free(struct rs_record_start *start);

/* The kind of the next frame; END at the end of what is valid. */
enum rs_record_kind rs_record_next(const struct rs_record_reader *reader);

/* The next frame as an input, which owns its message, result or call. */
int rs_record_read_input(struct rs_record_reader *reader, uint64_t *now, struct rs_input *input);
void rs_record_input_free(struct rs_input *input);

/* The next frame as effects, which own what they hold, the receivers of SEND_MANY too. */
int rs_record_read_effects(struct rs_record_reader *reader, struct rs_effects *effects);
void rs_record_effects_free(struct rs_effects *effects);

/* The next frame's bytes, to compare or to skip; NULL at the end. */
const uint8_t *rs_record_read_frame(struct rs_record_reader *reader, size_t *size);

/* ---- hashing and printing ---- */

/* A hash over the same fields that rs_record_effects writes, chained by `seed`: equal traces, equal hashes. Messages
 * are hashed once each (rs_msg_hash). */
uint64_t rs_effects_hash(uint64_t seed, const struct rs_effects *effects);

/* One line each for logs, cut at cap, like rs_msg_print. */
void rs_input_print(uint64_t now, const struct rs_input *input, char *out, size_t cap);
void rs_effect_print(const struct rs_effect *effect, char *out, size_t cap);

#endif
