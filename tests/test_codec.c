/* The codec: every message of the table there and back, sizes, truncation, refusals, hashes and printing. */
#include "msg_random.h"

#include <time.h>

#include "check.h"
#include "core/codec.h"

/* Encodes into an allocation of exactly the right size, so that a sanitizer sees every step outside. */
static uint8_t *encode(struct rs_msg *msg, size_t *size)
{
  *size = rs_msg_wire_bytes(msg);
  uint8_t *bytes = rs_alloc(*size);
  CHECK_EQ(rs_msg_encode(msg, bytes, *size), *size);
  return bytes;
}

static void there_and_back(struct rs_msg *msg)
{
  size_t size;
  uint8_t *bytes = encode(msg, &size);
  struct rs_msg *back = 0;
  CHECK_EQ(rs_msg_decode(bytes, size, &back), RS_ERR_OK);
  CHECK(back != 0);
  if (!same_msg(msg, back))
    printf("\n    %s is not the same after decoding\n", rs_msg_name(msg->type));
  CHECK(same_msg(msg, back));
  CHECK_EQ(rs_msg_wire_bytes(back), size);
  CHECK(rs_msg_hash(back) == rs_msg_hash(msg));
  size_t again_size;
  back->wire_bytes = 0;
  uint8_t *again = encode(back, &again_size);
  CHECK_EQ(again_size, size);
  CHECK(memcmp(again, bytes, size) == 0);
  rs_msg_unref(back);
  free(again);
  free(bytes);
}

static void every_message_survives(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  for (int t = 0; t < MSG_TYPES; t++)
    for (int i = 0; i < 402; i++) {
      enum random_size size = i == 0 ? RANDOM_EMPTY : i < 400 ? RANDOM_SMALL : RANDOM_FULL;
      struct rs_msg *msg = random_msg(&rng, msg_types[t], size);
      there_and_back(msg);
      rs_msg_unref(msg);
    }
}

/* The cap itself of the largest array. */
static void a_view_of_all_nodes_survives(void)
{
  enum { NODES = 1048576 };
  struct rs_m_view *view = rs_msg_new(RS_MSG_VIEW);
  view->nodes_count = NODES;
  view->nodes = rs_alloc_zero(NODES, sizeof *view->nodes);
  for (uint32_t i = 0; i < NODES; i++) {
    view->nodes[i].node = i;
    view->nodes[i].state = RS_NODE_ALIVE;
  }
  size_t size;
  uint8_t *bytes = encode(&view->head, &size);
  rs_msg_unref(&view->head);
  struct rs_msg *back;
  CHECK_EQ(rs_msg_decode(bytes, size, &back), RS_ERR_OK);
  CHECK_EQ(((struct rs_m_view *)(void *)back)->nodes[NODES - 1].node, NODES - 1);
  rs_msg_unref(back);
  bytes[2 + 16 + 2] = 0x11; /* the count: 0x110000, more than the cap */
  CHECK_EQ(rs_msg_decode(bytes, size, &back), RS_ERR_TOO_LARGE);
  CHECK(back == 0);
  free(bytes);
}

static void every_shorter_or_longer_form_is_refused(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 2);
  for (int t = 0; t < MSG_TYPES; t++)
    for (int i = 0; i < 8; i++) {
      struct rs_msg *msg = random_msg(&rng, msg_types[t], RANDOM_SMALL), *back;
      size_t size;
      uint8_t *bytes = encode(msg, &size);
      for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = rs_alloc(cut ? cut : 1);
        memcpy(part, bytes, cut);
        CHECK_EQ(rs_msg_decode(part, cut, &back), RS_ERR_TRUNCATED);
        CHECK(back == 0);
        free(part);
      }
      bytes = rs_realloc(bytes, size + 1, 1);
      bytes[size] = 0;
      CHECK_EQ(rs_msg_decode(bytes, size + 1, &back), RS_ERR_MALFORMED);
      free(bytes);
      rs_msg_unref(msg);
    }
}

/* A buffer that is too small: the true size comes back and nothing is written beyond the cap. */
static void a_small_buffer_is_not_overrun(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  for (int t = 0; t < MSG_TYPES; t++) {
    struct rs_msg *msg = random_msg(&rng, msg_types[t], RANDOM_SMALL);
    size_t size = rs_msg_wire_bytes(msg);
    for (size_t cap = 0; cap < size; cap += 1 + cap / 8) {
      uint8_t *out = rs_alloc(cap ? cap : 1);
      CHECK_EQ(rs_msg_encode(msg, out, cap), size);
      free(out);
    }
    rs_msg_unref(msg);
  }
}

static int decode(const void *bytes, size_t size)
{
  struct rs_msg *msg;
  int error = rs_msg_decode(bytes, size, &msg);
  CHECK((error == 0) == (msg != 0));
  rs_msg_unref(msg);
  return error;
}

static void bad_values_are_refused(void)
{
  CHECK_EQ(decode("\xff\x00", 2), RS_ERR_MALFORMED); /* no message 255 */
  CHECK_EQ(decode("\x00\x00", 2), RS_ERR_MALFORMED);
  CHECK_EQ(decode("\x06\x00", 2), RS_ERR_OK); /* SUBSCRIBE */
  CHECK_EQ(decode("", 0), RS_ERR_TRUNCATED);

  /* LEASE_RETURN: the last byte is a flag. */
  struct rs_m_lease_return *ret = rs_msg_new(RS_MSG_LEASE_RETURN);
  uint8_t small[64];
  size_t size = rs_msg_encode(&ret->head, small, sizeof small);
  rs_msg_unref(&ret->head);
  CHECK_EQ(size, 11);
  small[10] = 1;
  CHECK_EQ(decode(small, size), RS_ERR_OK);
  small[10] = 2;
  CHECK_EQ(decode(small, size), RS_ERR_MALFORMED);

  /* ACTOR_KILL: an id without a number. */
  struct rs_m_actor_kill *kill = rs_msg_new(RS_MSG_ACTOR_KILL);
  kill->actor = (struct rs_id){5, 6};
  size = rs_msg_encode(&kill->head, small, sizeof small);
  rs_msg_unref(&kill->head);
  CHECK_EQ(decode(small, size), RS_ERR_OK);
  small[2 + 8] = 0;
  CHECK_EQ(decode(small, size), RS_ERR_MALFORMED);
}

/* One value through the primitives, given as bytes. */
static int get_demand(const void *bytes, size_t size, struct rs_demand *out)
{
  struct rs_reader reader = {.at = bytes, .end = (const uint8_t *)bytes + size};
  rs_get_demand(&reader, out);
  if (!reader.error && reader.at != reader.end)
    return RS_ERR_MALFORMED;
  return reader.error;
}

static void demands_are_checked(void)
{
  struct rs_demand d;
  CHECK_EQ(get_demand("\x00", 1, &d), 0);
  CHECK_EQ(get_demand("\x01\x10\x27\0\0\0\0\0\0", 9, &d), 0);
  CHECK_EQ(d.cpu_e4, 10000);
  CHECK_EQ(get_demand("\x80\0\0\0\0\0\0\0\0", 9, &d), RS_ERR_MALFORMED);                    /* no environment */
  CHECK_EQ(get_demand("\x01\0\0\0\0\0\0\0\0", 9, &d), RS_ERR_MALFORMED);                    /* announced, but 0 */
  CHECK_EQ(get_demand("\x01\0\0\0\0\0\0\0\x80", 9, &d), RS_ERR_MALFORMED);                  /* negative */
  CHECK_EQ(get_demand("\x01\1\0\0\0\0\0\2\0", 9, &d), RS_ERR_MALFORMED);                    /* above the limit */
  CHECK_EQ(get_demand("\x01\0\0\0\0\0\0\2\0", 9, &d), 0);                                   /* the limit */
  CHECK_EQ(get_demand("\x08\x10\x27\0\0", 5, &d), 0);                                       /* one device */
  CHECK_EQ(get_demand("\x08\x11\x27\0\0", 5, &d), RS_ERR_MALFORMED);                        /* 1.0001 devices */
  CHECK_EQ(get_demand("\x08\x10\x98\x02\0", 5, &d), RS_ERR_MALFORMED);                      /* 17 devices */
  CHECK_EQ(get_demand("\x10\x05", 2, &d), RS_ERR_MALFORMED);                                /* 5 custom names */
  CHECK_EQ(get_demand("\x10\x00", 2, &d), RS_ERR_MALFORMED);                                /* announced, but none */
  CHECK_EQ(get_demand("\x10\1\7\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 18, &d), 0);                /* name 7: 1 */
  CHECK_EQ(get_demand("\x10\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 18, &d), RS_ERR_MALFORMED); /* no name */
  CHECK_EQ(get_demand("\x10\2\7\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 34, &d),
           RS_ERR_MALFORMED); /* the same name twice */
  CHECK_EQ(get_demand("\x20\1\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0", 21, &d), 0);
  CHECK_EQ(get_demand("\x20\1\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\4\0", 21, &d), RS_ERR_MALFORMED); /* no test */
  CHECK_EQ(get_demand("\x20\1\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\1", 21, &d), RS_ERR_MALFORMED); /* no fallback 1 */
  CHECK_EQ(get_demand("\x20\0\1", 3, &d), 0); /* nothing first, and nothing as its fallback */
  CHECK_EQ(get_demand("\x20\0\0", 3, &d), RS_ERR_MALFORMED);
  CHECK_EQ(get_demand("\x40\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\xff\xff\xff\xff", 21, &d), 0);
  CHECK_EQ(d.group_bundle, -1);
  CHECK_EQ(get_demand("\x40\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\xfe\xff\xff\xff", 21, &d), RS_ERR_MALFORMED);
  CHECK_EQ(get_demand("\x40\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 21, &d), RS_ERR_MALFORMED);
}

static void resources_are_checked(void)
{
  struct rs_writer w = {0};
  struct rs_res res = {.gpu_count = 2, .gpu_e4 = {5000, 10000}}, back;
  uint8_t bytes[16];
  w.out = bytes, w.cap = sizeof bytes;
  rs_put_res(&w, &res);
  CHECK_EQ(w.size, 6);
  struct rs_reader r = {.at = bytes, .end = bytes + w.size};
  rs_get_res(&r, &back);
  CHECK_EQ(r.error, 0);
  CHECK(same_left(&res, &back));
  bytes[1] = 17; /* devices */
  r = (struct rs_reader){.at = bytes, .end = bytes + w.size};
  rs_get_res(&r, &back);
  CHECK_EQ(r.error, RS_ERR_MALFORMED);
  bytes[1] = 2;
  bytes[4] = 0x11; /* 1.0001 of a device */
  r = (struct rs_reader){.at = bytes, .end = bytes + w.size};
  rs_get_res(&r, &back);
  CHECK_EQ(r.error, RS_ERR_MALFORMED);
}

static void sizes_of_tasks_are_checked(void)
{
  struct rs_task *task = rs_task_new(0, 0);
  task->id = (struct rs_id){1, 1};
  uint8_t good[64], bytes[64];
  struct rs_writer w = {.out = good, .cap = sizeof good};
  rs_put_task(&w, task);
  rs_task_unref(task);
  CHECK_EQ(w.size, 32);
  static const struct {
    unsigned at;
    uint8_t value;
    int error;
  } cases[] = {
      {0, 16, RS_ERR_TRUNCATED},  /* how many unread items there may be, which does not come */
      {0, 3, RS_ERR_MALFORMED},   /* creation and call */
      {0, 128, RS_ERR_TRUNCATED}, /* actor fields, which do not come */
      {1, 65, RS_ERR_TOO_LARGE},  /* returns */
      {3, 65, RS_ERR_TOO_LARGE},  /* 16640 dependencies */
      {3, 64, RS_ERR_TRUNCATED},  /* 16384, which do not come */
      {7, 1, RS_ERR_TRUNCATED},   /* 16 MiB of arguments, which do not come */
      {7, 2, RS_ERR_TOO_LARGE},   /* 32 MiB */
      {8, 0, RS_ERR_MALFORMED},   /* no owner */
  };
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    memcpy(bytes, good, sizeof good);
    bytes[cases[i].at] = cases[i].value;
    struct rs_reader r = {.at = bytes, .end = bytes + w.size};
    CHECK(rs_get_task(&r) == 0);
    CHECK_EQ(r.error, cases[i].error);
  }
}

static void results_point_into_their_data(void)
{
  struct rs_result *result = rs_result_new(1, 10);
  result->task = (struct rs_id){1, 1};
  result->returns[0] = (struct rs_return){.size_bytes = 6, .inline_bytes = 6, .inline_at = 4};
  uint8_t bytes[128];
  struct rs_writer w = {.out = bytes, .cap = sizeof bytes};
  rs_put_result(&w, result);
  rs_result_unref(result);
  struct rs_reader r = {.at = bytes, .end = bytes + w.size};
  struct rs_result *back = rs_get_result(&r);
  CHECK_EQ(r.error, 0);
  CHECK_EQ(back->returns[0].inline_at, 4);
  rs_result_unref(back);
  bytes[41 + 8] = 5; /* one too far */
  r = (struct rs_reader){.at = bytes, .end = bytes + w.size};
  CHECK(rs_get_result(&r) == 0);
  CHECK_EQ(r.error, RS_ERR_MALFORMED);
}

/* The version that a VIEW carries inside a process is not part of its size, and goes with the message. */
static void a_version_by_pointer_costs_nothing(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 5);
  struct rs_msg *msg = random_msg(&rng, RS_MSG_VIEW, RANDOM_SMALL);
  uint32_t before = rs_msg_wire_bytes(msg);
  struct rs_view *view = rs_view_new();
  ((struct rs_view_msg *)(void *)msg)->view = rs_view_ref(view);
  msg->wire_bytes = 0;
  CHECK_EQ(rs_msg_wire_bytes(msg), before);
  CHECK(rs_view_of(msg) == view);
  rs_view_unref(view);
  rs_msg_unref(msg); /* the last reference: a sanitizer would report a leak */
}

static void hashes_follow_the_content(void)
{
  struct rs_m_lease_grant *a = rs_msg_new(RS_MSG_LEASE_GRANT), *b = rs_msg_new(RS_MSG_LEASE_GRANT);
  a->lease = b->lease = 7;
  CHECK(rs_msg_hash(&a->head) == rs_msg_hash(&b->head));
  rs_msg_unref(&b->head);
  for (unsigned bit = 0; bit < 64; bit++) {
    b = rs_msg_new(RS_MSG_LEASE_GRANT);
    b->lease = 7 ^ UINT64_C(1) << bit;
    CHECK(rs_msg_hash(&a->head) != rs_msg_hash(&b->head));
    rs_msg_unref(&b->head);
  }
  rs_msg_unref(&a->head);
  CHECK(rs_hash_bytes(0, "", 0) != rs_hash_bytes(0, "\0", 1));
  CHECK(rs_hash_bytes(0, "12345678", 8) != rs_hash_bytes(0, "12345679", 8));
}

static void lines_for_logs(void)
{
  char line[512];
  struct rs_m_lease_spill *spill = rs_msg_new(RS_MSG_LEASE_SPILL);
  spill->request = 7;
  spill->raylet = rs_addr_make(3, 2, RS_EP_RAYLET);
  rs_msg_print(&spill->head, line, sizeof line);
  CHECK(strncmp(line, "LEASE_SPILL request=7 raylet=3.2:1", 34) == 0);
  rs_msg_print(&spill->head, line, 6);
  CHECK_STR(line, "LEASE");
  rs_msg_unref(&spill->head);
  struct rs_rng rng;
  rs_rng_seed(&rng, 8);
  for (int i = 0; i < 20 * MSG_TYPES; i++) {
    struct rs_msg *msg = random_msg(&rng, msg_types[i % MSG_TYPES], i < MSG_TYPES ? RANDOM_FULL : RANDOM_SMALL);
    rs_msg_print(msg, line, sizeof line);
    size_t name = strlen(rs_msg_name(msg->type));
    CHECK(strlen(line) < sizeof line && strncmp(line, rs_msg_name(msg->type), name) == 0);
    rs_msg_unref(msg);
  }
}

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Not a test of the machine: the figure is printed, the bound is a hundred times what is wanted. */
static void small_messages_are_cheap(void)
{
  enum { ROUNDS = 200000 };
  struct rs_m_lease_request *m = rs_msg_new(RS_MSG_LEASE_REQUEST);
  m->request = 1, m->count = 1;
  m->demand = rs_shared_demand_new(&(struct rs_demand){.cpu_e4 = 10000});
  m->hold = rs_shared_demand_new(&(struct rs_demand){0});
  uint8_t out[256];
  size_t total = 0;
  double start = seconds();
  for (int i = 0; i < ROUNDS; i++) {
    m->head.wire_bytes = 0;
    m->request = (uint64_t)i;
    total += rs_msg_wire_bytes(&m->head);
    total += rs_msg_encode(&m->head, out, sizeof out);
  }
  double encode_ns = (seconds() - start) / ROUNDS * 1e9;
  size_t size = m->head.wire_bytes;
  start = seconds();
  for (int i = 0; i < ROUNDS; i++) {
    struct rs_msg *back;
    total += (size_t)rs_msg_decode(out, size, &back);
    rs_msg_unref(back);
  }
  double decode_ns = (seconds() - start) / ROUNDS * 1e9;
  start = seconds();
  for (int i = 0; i < ROUNDS; i++) {
    m->head.hash = 0;
    total += rs_msg_hash(&m->head) & 1;
  }
  double hash_ns = (seconds() - start) / ROUNDS * 1e9;
  printf("LEASE_REQUEST, %zu bytes: count and encode %.0f ns, decode %.0f ns, hash %.0f ns ", size, encode_ns,
         decode_ns, hash_ns);
  CHECK(total > 0); /* a busy machine is no failure: the times are for who reads them */
  rs_msg_unref(&m->head);
}

/* The catalogue names every message. */
static void the_catalogue_is_complete(void)
{
  FILE *file = fopen(RS_SOURCE_DIR "/docs/messages.md", "r");
  CHECK(file != 0);
  static char text[1 << 17];
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  CHECK(size > 0 && size < sizeof text - 1);
  for (int t = 0; t < MSG_TYPES; t++) {
    char heading[64];
    snprintf(heading, sizeof heading, "`%s`", rs_msg_name(msg_types[t]));
    if (!strstr(text, heading))
      printf("\n    docs/messages.md does not name %s\n", heading);
    CHECK(strstr(text, heading) != 0);
  }
}

const struct rs_test rs_tests[] = {
    {"codec: every message there and back", every_message_survives},
    {"codec: a view of a million nodes", a_view_of_all_nodes_survives},
    {"codec: shorter and longer forms are refused", every_shorter_or_longer_form_is_refused},
    {"codec: a small buffer is not overrun", a_small_buffer_is_not_overrun},
    {"codec: bad values are refused", bad_values_are_refused},
    {"codec: demands are checked", demands_are_checked},
    {"codec: resources are checked", resources_are_checked},
    {"codec: sizes of tasks are checked", sizes_of_tasks_are_checked},
    {"codec: results point into their data", results_point_into_their_data},
    {"codec: a version by pointer costs nothing", a_version_by_pointer_costs_nothing},
    {"codec: hashes follow the content", hashes_follow_the_content},
    {"codec: lines for logs", lines_for_logs},
    {"codec: small messages are cheap", small_messages_are_cheap},
    {"codec: the catalogue is complete", the_catalogue_is_complete},
    {0},
};
