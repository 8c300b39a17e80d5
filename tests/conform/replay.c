/* replay.c -- conform: steps a fresh endpoint through a recording and compares every effect.
 *
 *     conform_replay [--policy NAME|LIBRARY] RECORDING...
 *
 * A recording (core/record.h) is what a driver wrote of one endpoint. This program has no driver at all: it links the
 * core alone. For each file it makes the endpoint that the recording begins with, gives it the recorded inputs at the
 * recorded times and compares the effects byte for byte. A recording that was cut off is compared as far as it goes.
 * --policy puts a placement policy in the place of the recorded one's: one out of a library is not in this program.
 *
 * Prints a line a file, and of a difference the number of the input, the input, and both forms of the first effect that
 * differs. Exit status: 0 all the same, 1 a difference, 2 a file that is no recording.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/record.h"
#include "dl/policy_library.h"

enum { SAME = 0, DIFFERENT = 1, UNREADABLE = 2, LINE_MAX_BYTES = 4096 };

void rs_panic(const char *text)
{
  fflush(stdout);
  fprintf(stderr, "%s\n", text);
}

static uint8_t *read_file(const char *path, size_t *size)
{
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    return NULL;
  }
  uint8_t *bytes = NULL;
  size_t count = 0, cap = 0;
  for (;;) {
    if (count == cap) {
      cap = cap ? 2 * cap : 1 << 16;
      uint8_t *grown = realloc(bytes, cap);
      if (!grown) {
        fprintf(stderr, "%s: out of memory\n", path);
        free(bytes);
        fclose(file);
        return NULL;
      }
      bytes = grown;
    }
    size_t more = fread(bytes + count, 1, cap - count, file);
    count += more;
    if (more == 0)
      break;
  }
  if (ferror(file)) {
    perror(path);
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  *size = count;
  return bytes;
}

static void print_effect(const char *label, const struct rs_effects *effects, uint32_t index)
{
  char line[LINE_MAX_BYTES];
  if (index < effects->count)
    rs_effect_print(&effects->items[index], line, sizeof line);
  else
    snprintf(line, sizeof line, "(nothing: %" PRIu32 " effects)", effects->count);
  printf("  %s %s\n", label, line);
}

/* One effect alone, as bytes. */
static struct rs_bytes one_effect(const struct rs_effects *effects, uint32_t index)
{
  struct rs_bytes bytes = {0};
  struct rs_effects one = {.items = effects->items + index, .count = 1};
  rs_record_effects(&bytes, &one);
  return bytes;
}

static uint32_t first_difference(const struct rs_effects *a, const struct rs_effects *b)
{
  for (uint32_t i = 0;; i++) {
    if (i >= a->count || i >= b->count)
      return i;
    struct rs_bytes x = one_effect(a, i), y = one_effect(b, i);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    rs_bytes_free(&x);
    rs_bytes_free(&y);
    if (!same)
      return i;
  }
}

struct replay {
  const char *path;
  struct rs_record_reader reader;
  struct rs_endpoint *endpoint;
  uint64_t inputs, effects;
};

/* Compares the effects of the step just taken with the next frame. */
static int compare(struct replay *replay, const struct rs_effects *effects, uint64_t now, const struct rs_input *input)
{
  struct rs_bytes ours = {0};
  rs_record_effects(&ours, effects);
  struct rs_record_reader our_reader = {.at = ours.data, .end = ours.data + ours.size}, theirs = replay->reader;
  size_t our_size, size;
  const uint8_t *our_frame = rs_record_read_frame(&our_reader, &our_size);
  const uint8_t *frame = rs_record_read_frame(&replay->reader, &size);
  RS_ASSERT(our_frame && frame);
  int outcome = SAME;
  if (our_size != size || memcmp(our_frame, frame, size) != 0) {
    outcome = DIFFERENT;
    struct rs_effects recorded;
    char line[LINE_MAX_BYTES];
    rs_input_print(now, input, line, sizeof line);
    printf("%s: input %" PRIu64 " of %s\n", replay->path, replay->inputs, line);
    int error = rs_record_read_effects(&theirs, &recorded);
    if (error) {
      printf("  recorded: %s\n", rs_error_text(error));
      outcome = UNREADABLE;
    } else {
      uint32_t at = first_difference(&recorded, effects);
      printf("  effect %" PRIu32 "\n", at);
      print_effect("recorded", &recorded, at);
      print_effect("replayed", effects, at);
      rs_record_effects_free(&recorded);
    }
  }
  rs_bytes_free(&ours);
  return outcome;
}

static int run(struct replay *replay)
{
  struct rs_effects effects = {0};
  int outcome = SAME;
  while (outcome == SAME && rs_record_next(&replay->reader) == RS_RECORD_INPUT) {
    uint64_t now;
    struct rs_input input;
    int error = rs_record_read_input(&replay->reader, &now, &input);
    if (error) {
      fprintf(stderr, "%s: input %" PRIu64 ": %s\n", replay->path, replay->inputs, rs_error_text(error));
      outcome = UNREADABLE;
      break;
    }
    rs_endpoint_step(replay->endpoint, now, &input, &effects);
    if (rs_record_next(&replay->reader) == RS_RECORD_EFFECTS)
      outcome = compare(replay, &effects, now, &input);
    else if (rs_record_next(&replay->reader) == RS_RECORD_INPUT)
      outcome = UNREADABLE; /* only the last input may be without its effects */
    replay->inputs++;
    replay->effects += effects.count;
    rs_effects_clear(&effects);
    rs_record_input_free(&input);
  }
  rs_effects_free(&effects);
  return outcome;
}

static int replay_file(const char *path, const struct rs_place_policy *policy)
{
  struct replay replay = {.path = path};
  size_t size;
  uint8_t *bytes = read_file(path, &size);
  if (!bytes)
    return UNREADABLE;
  struct rs_record_start start;
  int error = rs_record_read_start(&replay.reader, bytes, size, &start);
  int outcome = UNREADABLE;
  if (error) {
    fprintf(stderr, "%s: not a recording of this version: %s\n", path, rs_error_text(error));
  } else {
    if (policy)
      start.config.policy = policy;
    if (!start.config.policy) {
      fprintf(stderr, "%s: no built-in policy is named \"%s\": give its library with --policy\n", path, start.policy);
    } else {
      replay.endpoint = rs_endpoint_new(&start.start);
      outcome = run(&replay);
      rs_endpoint_free(replay.endpoint);
      static const char *const words[] = {"the same", "DIFFERENT", "UNREADABLE"};
      printf("%s: %" PRIu64 " inputs, %" PRIu64 " effects: %s%s\n", path, replay.inputs, replay.effects, words[outcome],
             outcome == SAME && replay.reader.at != replay.reader.end ? " (cut off)" : "");
    }
    rs_record_start_free(&start);
  }
  free(bytes);
  return outcome;
}

int main(int argc, char **argv)
{
  const struct rs_place_policy *policy = NULL;
  int first = 1;
  if (argc > 2 && strcmp(argv[1], "--policy") == 0) {
    char error[512];
    snprintf(error, sizeof error, "there is no policy \"%.64s\"", argv[2]);
    policy =
        rs_policy_is_library(argv[2]) ? rs_policy_open(argv[2], error, sizeof error) : rs_place_policy_by_name(argv[2]);
    if (!policy) {
      fprintf(stderr, "%s: %s\n", argv[0], error);
      return UNREADABLE;
    }
    first = 3;
  }
  if (first >= argc) {
    fprintf(stderr, "usage: %s [--policy NAME|LIBRARY] RECORDING...\n", argv[0]);
    return UNREADABLE;
  }
  int worst = SAME;
  for (int i = first; i < argc; i++) {
    int outcome = replay_file(argv[i], policy);
    worst = outcome > worst ? outcome : worst;
  }
  return worst;
}
