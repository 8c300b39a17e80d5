/* proof_conform.c -- conform on a real run: processes, sockets, spillback and a node that was killed with SIGKILL.
 *
 * proof_run makes the run and leaves a recording of each endpoint; conform_replay, which links neither libuv nor
 * SimGrid, must reproduce every effect of every endpoint byte for byte. Then differences are planted into one recording
 * at a time, and must be found. RAYSIM_PROOF_RUN=FOLDER takes recordings that are there instead of making new ones.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "check.h"
#include "core/codec.h"
#include "core/record.h"

enum { TASKS = 6000, FILES_MAX = 512, NAME_BYTES = 64, OUTPUT_BYTES = 1 << 18 };

static struct {
  char folder[128], names[FILES_MAX][NAME_BYTES];
  unsigned count;
  bool ours; /* the folder is to be removed */
  uint64_t killed_bytes;
} run;

static char output[OUTPUT_BYTES];

/* ---- programs and files ---- */

static int command(const char *text)
{
  FILE *pipe = popen(text, "r");
  CHECK(pipe != NULL);
  size_t size = fread(output, 1, sizeof output - 1, pipe);
  output[size] = 0;
  int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int replay(const char *name)
{
  char text[512];
  snprintf(text, sizeof text, "%s/tests/conform_replay %s/%s 2>&1", RS_BINARY_DIR, run.folder, name);
  return command(text);
}

static uint8_t *load(const char *name, size_t *size)
{
  char path[512];
  snprintf(path, sizeof path, "%s/%s", run.folder, name);
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  CHECK(fseek(file, 0, SEEK_END) == 0);
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = rs_alloc(*size + 1);
  CHECK(fread(bytes, 1, *size, file) == *size);
  fclose(file);
  return bytes;
}

static void store(const char *name, const uint8_t *bytes, size_t size)
{
  char path[512];
  snprintf(path, sizeof path, "%s/%s", run.folder, name);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL);
  CHECK(fwrite(bytes, 1, size, file) == size);
  CHECK(fclose(file) == 0);
}

static int compare_names(const void *a, const void *b)
{
  return strcmp(a, b);
}

static void list(void)
{
  DIR *dir = opendir(run.folder);
  CHECK(dir != NULL);
  run.count = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || length >= NAME_BYTES || strcmp(entry->d_name + length - 4, ".rec") != 0)
      continue;
    CHECK(run.count < FILES_MAX);
    memcpy(run.names[run.count++], entry->d_name, length + 1);
  }
  closedir(dir);
  qsort(run.names, run.count, NAME_BYTES, compare_names);
}

static const char *first_named(const char *prefix)
{
  for (unsigned i = 0; i < run.count; i++)
    if (strncmp(run.names[i], prefix, strlen(prefix)) == 0)
      return run.names[i];
  return NULL;
}

/* ---- the run ---- */

static void a_real_run(void)
{
  const char *given = getenv("RAYSIM_PROOF_RUN");
  if (given) {
    snprintf(run.folder, sizeof run.folder, "%s", given);
  } else {
    char text[512];
    snprintf(run.folder, sizeof run.folder, "/tmp/raysim-proof-XXXXXX");
    CHECK(mkdtemp(run.folder) != NULL);
    run.ours = true;
    snprintf(text, sizeof text, "%s/tests/proof_run %s %d 2>&1", RS_BINARY_DIR, run.folder, TASKS);
    int status = command(text);
    printf("%s", output);
    CHECK_EQ(status, 0);
  }
  list();
  CHECK(run.count >= 20);
}

/* The judge is independent: neither driver's library is in it. */
static void the_replay_has_no_driver(void)
{
  char text[512];
  snprintf(text, sizeof text, "ldd %s/tests/conform_replay 2>&1", RS_BINARY_DIR);
  CHECK_EQ(command(text), 0);
  CHECK(strstr(output, "libc.so") != NULL);
  CHECK(strstr(output, "libuv") == NULL && strstr(output, "simgrid") == NULL);
}

static uint64_t number_before(const char *text, const char *word)
{
  const char *at = strstr(text, word);
  while (at && at > text && at[-1] >= '0' && at[-1] <= '9')
    at--;
  return at ? strtoull(at, NULL, 10) : 0;
}

/* How often each TRACE is in a recording. */
static void count_traces(const char *name, uint64_t *counts)
{
  size_t size;
  uint8_t *bytes = load(name, &size);
  struct rs_record_reader reader;
  struct rs_record_start start;
  CHECK_EQ(rs_record_read_start(&reader, bytes, size, &start), 0);
  for (enum rs_record_kind kind; (kind = rs_record_next(&reader)) != RS_RECORD_END;) {
    size_t frame_bytes;
    if (kind == RS_RECORD_INPUT) {
      rs_record_read_frame(&reader, &frame_bytes);
      continue;
    }
    struct rs_effects effects;
    CHECK_EQ(rs_record_read_effects(&reader, &effects), 0);
    for (uint32_t i = 0; i < effects.count; i++)
      if (effects.items[i].kind == RS_OUT_TRACE)
        counts[effects.items[i].trace]++;
    rs_record_effects_free(&effects);
  }
  rs_record_start_free(&start);
  free(bytes);
}

static void every_endpoint_conforms(void)
{
  uint64_t inputs = 0, effects = 0, traces[RS_TRACE_KINDS] = {0};
  for (unsigned i = 0; i < run.count; i++) {
    int status = replay(run.names[i]);
    if (status != 0)
      printf("\n%s", output);
    CHECK_EQ(status, 0);
    CHECK(strstr(output, ": the same") != NULL);
    inputs += number_before(output, " inputs");
    effects += number_before(output, " effects");
    count_traces(run.names[i], traces);
  }
  printf("%u endpoints, %" PRIu64 " inputs, %" PRIu64 " effects, %" PRIu64 " tasks started, %" PRIu64
         " leases granted, "
         "%" PRIu64 " spilled, %" PRIu64 " objects pulled, %" PRIu64 " tasks retried, %" PRIu64 " node dead ",
         run.count, inputs, effects, traces[RS_TRACE_TASK_STARTED], traces[RS_TRACE_LEASE_GRANTED],
         traces[RS_TRACE_LEASE_SPILLED], traces[RS_TRACE_OBJECT_PULLED], traces[RS_TRACE_TASK_RETRIED],
         traces[RS_TRACE_NODE_DEAD]);
  CHECK(traces[RS_TRACE_TASK_STARTED] >= 5000);
  CHECK(traces[RS_TRACE_LEASE_SPILLED] > 0);
  CHECK(traces[RS_TRACE_OBJECT_PULLED] > 0);
  CHECK(traces[RS_TRACE_TASK_RETRIED] > 0); /* the kill was felt */
  CHECK(traces[RS_TRACE_NODE_DEAD] > 0);
}

/* The killed raylet's file was never closed: frames, then zeros to the end of the mapping, and it has inputs. */
static void a_kill_leaves_a_valid_prefix(void)
{
  const char *name = first_named("raylet-4.");
  CHECK(name != NULL);
  size_t size, at = 16, frames = 0;
  uint8_t *bytes = load(name, &size);
  while (at + 8 <= size && rs_load_u32(bytes + at) != 0) {
    uint32_t payload_bytes = rs_load_u32(bytes + at);
    CHECK(payload_bytes <= size - at - 8);
    CHECK_EQ(rs_load_u32(bytes + at + 4), (uint32_t)rs_hash_bytes(0, bytes + at + 8, payload_bytes));
    at += 8 + payload_bytes;
    frames++;
  }
  run.killed_bytes = at;
  size_t zeros = size - at;
  CHECK(frames > 100);
  CHECK(zeros > 0); /* a file that was closed is cut to what was written */
  for (size_t i = at; i < size; i++)
    CHECK(bytes[i] == 0);
  printf("%zu frames in %zu bytes, then %zu zeros ", frames, at, zeros);
  free(bytes);
}

/* ---- planted differences ---- */

/* A frame, in the second third where there is one, of a kind ('I', 'E') whose (first) input or effect is `what`; 0:
 * none. */
static size_t find_frame(const uint8_t *bytes, size_t size, uint8_t kind, uint8_t what)
{
  size_t found = 0;
  for (size_t at = 16; at + 8 < size && rs_load_u32(bytes + at) != 0; at += 8 + rs_load_u32(bytes + at)) {
    const uint8_t *payload = bytes + at + 8;
    bool is =
        payload[0] == kind && (kind == 'E' ? rs_load_u32(payload + 1) > 0 && payload[5] == what : payload[9] == what);
    if (is) {
      found = at;
      if (at > size / 3)
        break;
    }
  }
  return found;
}

static void mend(uint8_t *frame)
{
  uint32_t size = rs_load_u32(frame);
  rs_store_u32(frame + 4, (uint32_t)rs_hash_bytes(0, frame + 8, size));
}

static void a_changed_effect_is_found(void)
{
  size_t size;
  const char *name = first_named("driver-");
  CHECK(name != NULL);
  uint8_t *bytes = load(name, &size);
  size_t at = find_frame(bytes, size, 'E', RS_OUT_SEND);
  CHECK(at > 0);
  bytes[at + 8 + 6] ^= 1; /* one bit of whom it goes to */
  mend(bytes + at);
  store("planted.bytes", bytes, size);
  free(bytes);
  CHECK_EQ(replay("planted.bytes"), 1);
  CHECK(strstr(output, "DIFFERENT") != NULL);
}

/* A byte that rots on the disk ends the recording there: less is compared, nothing wrong is accepted. */
static void a_rotten_byte_ends_the_recording(void)
{
  size_t size;
  const char *name = first_named("driver-");
  CHECK_EQ(replay(name), 0);
  uint64_t whole = number_before(output, " inputs");
  uint8_t *bytes = load(name, &size);
  size_t at = find_frame(bytes, size, 'E', RS_OUT_SEND);
  bytes[at + 8 + 6] ^= 1;
  store("planted.bytes", bytes, size);
  free(bytes);
  CHECK_EQ(replay("planted.bytes"), 0);
  CHECK(strstr(output, "cut off") != NULL);
  CHECK(number_before(output, " inputs") < whole);
}

/* One input and its effects less: a program that never got a lease does not use it later. */
static void a_dropped_input_is_found(void)
{
  size_t size;
  const char *name = first_named("driver-");
  CHECK(name != NULL);
  uint8_t *bytes = load(name, &size);
  size_t at = 0;
  for (size_t next = 16; next + 8 < size && rs_load_u32(bytes + next) != 0; next += 8 + rs_load_u32(bytes + next)) {
    const uint8_t *payload = bytes + next + 8;
    if (payload[0] == 'I' && payload[9] == RS_IN_MESSAGE && payload[18] == RS_MSG_LEASE_GRANT && next > size / 4) {
      at = next;
      break;
    }
  }
  CHECK(at > 0);
  size_t end = at + 8 + rs_load_u32(bytes + at);
  end += 8 + rs_load_u32(bytes + end); /* its effects */
  memmove(bytes + at, bytes + end, size - end);
  store("planted.bytes", bytes, size - (end - at));
  free(bytes);
  CHECK_EQ(replay("planted.bytes"), 1);
  CHECK(strstr(output, "DIFFERENT") != NULL);
}

/* Wherever a process is stopped, what it leaves conforms. */
static void every_prefix_conforms(void)
{
  size_t size;
  const char *name = first_named("raylet-4.");
  uint8_t *bytes = load(name, &size);
  for (int i = 1; i <= 12; i++) {
    store("planted.bytes", bytes, run.killed_bytes * (size_t)i / 13 + (size_t)i);
    CHECK_EQ(replay("planted.bytes"), 0);
    CHECK(number_before(output, " inputs") > 0);
  }
  free(bytes);
}

static void clean_up(void)
{
  char text[512];
  snprintf(text, sizeof text, run.ours ? "rm -r %s" : "rm -f %s/planted.bytes", run.folder);
  CHECK_EQ(command(text), 0);
}

const struct rs_test rs_tests[] = {
    {"conform: a real run", a_real_run},
    {"conform: the replay has no driver", the_replay_has_no_driver},
    {"conform: every endpoint, byte for byte", every_endpoint_conforms},
    {"conform: kill -9 leaves a valid prefix", a_kill_leaves_a_valid_prefix},
    {"conform: every prefix conforms", every_prefix_conforms},
    {"conform: a changed effect is found", a_changed_effect_is_found},
    {"conform: a dropped input is found", a_dropped_input_is_found},
    {"conform: a rotten byte ends the recording", a_rotten_byte_ends_the_recording},
    {"conform: clean up", clean_up},
    {0},
};
