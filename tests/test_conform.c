/* Conform in small: a cluster in memory (head, three nodes, workers, one driver program; every message goes through the
 * codec) runs tasks, spills some and loses a node. Each endpoint is recorded, and conform_replay must reproduce every
 * effect of every endpoint; and must not, once a recording is tampered with.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "check.h"
#include "core/codec.h"
#include "core/record.h"

enum { NODES = 3, TASKS = 5000, ENDPOINTS_MAX = 200, EVENTS_MAX = 1 << 16, PEERS_MAX = 64 };

#define LATENCY_NS (150 * RS_US)
#define TASK_NS (3 * RS_MS)

struct process {
  rs_addr addr;
  struct rs_endpoint *endpoint;
  bool alive;
  struct rs_bytes recording;
  rs_addr peers[PEERS_MAX];
  unsigned peer_count;
  uint64_t alarm_at, busy_until;
  struct rs_task *running;
};

enum what { MESSAGE, DOWN, FAILED, RESULT, COPIED, SPILLED, BORN };

struct event {
  uint64_t at, order;
  enum what what;
  rs_addr from, to;
  uint8_t *bytes;
  size_t size;
  struct rs_id id;
};

static struct {
  struct rs_config config;
  struct rs_node_info *info;
  struct process processes[ENDPOINTS_MAX];
  unsigned count;
  struct event events[EVENTS_MAX]; /* a heap by (at, order) */
  unsigned event_count;
  uint64_t now, order;
  unsigned replies, failures, spills, retries;
} c;

static const rs_addr head = UINT64_C(1) << 28 | RS_EP_GCS; /* node 0, incarnation 1 */

static bool before(const struct event *a, const struct event *b)
{
  return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct event event)
{
  CHECK(c.event_count < EVENTS_MAX);
  event.order = c.order++;
  unsigned i = c.event_count++;
  for (; i && before(&event, &c.events[(i - 1) / 2]); i = (i - 1) / 2)
    c.events[i] = c.events[(i - 1) / 2];
  c.events[i] = event;
}

static struct event pop(void)
{
  struct event top = c.events[0], last = c.events[--c.event_count];
  unsigned i = 0;
  for (unsigned child; (child = 2 * i + 1) < c.event_count; i = child) {
    if (child + 1 < c.event_count && before(&c.events[child + 1], &c.events[child]))
      child++;
    if (!before(&c.events[child], &last))
      break;
    c.events[i] = c.events[child];
  }
  c.events[i] = last;
  return top;
}

static struct process *find(rs_addr addr)
{
  for (unsigned i = 0; i < c.count; i++)
    if (c.processes[i].addr == addr && c.processes[i].alive)
      return &c.processes[i];
  return NULL;
}

static void meet(struct process *p, rs_addr peer)
{
  for (unsigned i = 0; i < p->peer_count; i++)
    if (p->peers[i] == peer)
      return;
  CHECK(p->peer_count < PEERS_MAX);
  p->peers[p->peer_count++] = peer;
}

/* The clock of each node has its own origin. */
static uint64_t clock_of(const struct process *p)
{
  return c.now + (1 + rs_addr_node(p->addr)) * 7919 * RS_MS;
}

static void step(struct process *p, const struct rs_input *input);

static struct process *spawn(uint32_t roles, rs_addr addr)
{
  CHECK(c.count < ENDPOINTS_MAX);
  struct process *p = &c.processes[c.count++];
  struct rs_start start = {
      .roles = roles, .self = addr, .gcs = head, .config = &c.config, .info = roles == RS_ROLE_RAYLET ? c.info : NULL};
  *p = (struct process){.addr = addr, .alive = true, .alarm_at = RS_TIME_NEVER};
  p->endpoint = rs_endpoint_new(&start);
  rs_record_start(&p->recording, &start);
  step(p, &(struct rs_input){.kind = RS_IN_START});
  return p;
}

static void end(struct process *p)
{
  p->alive = false;
  for (unsigned i = 0; i < p->peer_count; i++)
    push((struct event){.at = c.now + LATENCY_NS, .what = DOWN, .from = p->addr, .to = p->peers[i]});
  rs_task_unref(p->running);
  p->running = NULL;
}

static void send_to(struct process *p, rs_addr to, struct rs_msg *msg)
{
  struct event event = {.at = c.now + LATENCY_NS, .what = MESSAGE, .from = p->addr, .to = to};
  if (!find(to)) {
    push((struct event){.at = event.at, .what = FAILED, .from = to, .to = p->addr});
    return;
  }
  meet(p, to);
  meet(find(to), p->addr);
  event.size = rs_msg_wire_bytes(msg);
  event.bytes = rs_alloc(event.size);
  rs_msg_encode(msg, event.bytes, event.size);
  push(event);
}

static void perform(struct process *p, const struct rs_effect *e)
{
  switch (e->kind) {
  case RS_OUT_SEND: send_to(p, e->to, e->msg); break;
  case RS_OUT_SEND_MANY:
    for (uint32_t i = 0; i < e->count; i++)
      send_to(p, e->many[i], e->msg);
    break;
  case RS_OUT_TASK_RUN:
    CHECK(!p->running);
    p->running = rs_task_ref(e->task);
    push((struct event){.at = c.now + TASK_NS + e->task->id.seq % 7 * RS_MS, .what = RESULT, .to = p->addr});
    break;
  case RS_OUT_WORKER_START: push((struct event){.at = c.now + RS_MS, .what = BORN, .to = e->to}); break;
  case RS_OUT_WORKER_STOP:
    if (find(e->to))
      end(find(e->to));
    break;
  case RS_OUT_COPY: push((struct event){.at = c.now + RS_MS, .what = COPIED, .to = p->addr, .id = e->object}); break;
  case RS_OUT_SPILL: push((struct event){.at = c.now + RS_MS, .what = SPILLED, .to = p->addr, .id = e->object}); break;
  case RS_OUT_RESTORE: push((struct event){.at = c.now + RS_MS, .what = COPIED, .to = p->addr, .id = e->object}); break;
  case RS_OUT_CREATE:
    if (e->count & RS_CREATE_ON_DISK)
      push((struct event){.at = c.now + RS_MS, .what = SPILLED, .to = p->addr, .id = e->object});
    break;
  case RS_OUT_REPLY:
    c.replies++;
    c.failures += e->reply->status != RS_ERR_OK;
    break;
  case RS_OUT_EXIT: end(p); break;
  case RS_OUT_TRACE:
    c.spills += e->trace == RS_TRACE_LEASE_SPILLED;
    c.retries += e->trace == RS_TRACE_TASK_RETRIED;
    break;
  default: break;
  }
}

static void step(struct process *p, const struct rs_input *input)
{
  struct rs_effects effects = {0};
  uint64_t now = clock_of(p);
  rs_record_input(&p->recording, now, input);
  rs_endpoint_step(p->endpoint, now, input, &effects);
  rs_record_effects(&p->recording, &effects);
  uint64_t deadline = rs_endpoint_deadline(p->endpoint);
  p->alarm_at = deadline == RS_TIME_NEVER ? RS_TIME_NEVER : rs_time_since(deadline, now) + c.now;
  for (uint32_t i = 0; i < effects.count; i++)
    perform(p, &effects.items[i]);
  rs_effects_free(&effects);
}

static void deliver(const struct event *e)
{
  struct process *p = find(e->to);
  if (e->what == BORN) {
    if (find(rs_addr_raylet(e->to)))
      spawn(RS_ROLE_WORKER, e->to);
    return;
  }
  if (!p) {
    free(e->bytes);
    return;
  }
  struct rs_input input = {.peer = e->from};
  switch (e->what) {
  case MESSAGE:
    input.kind = RS_IN_MESSAGE;
    CHECK_EQ(rs_msg_decode(e->bytes, e->size, &input.msg), 0);
    free(e->bytes);
    step(p, &input);
    rs_msg_unref(input.msg);
    break;
  case DOWN:
    input.kind = RS_IN_PEER_DOWN;
    step(p, &input);
    break;
  case FAILED:
    input.kind = RS_IN_SEND_FAILED;
    step(p, &input);
    break;
  case RESULT: {
    struct rs_task *task = p->running;
    p->running = NULL;
    input.kind = RS_IN_TASK_FINISHED;
    input.result = rs_result_new(task->return_count, 8);
    input.result->task = task->id;
    input.result->run_ns = TASK_NS;
    input.result->node = rs_addr_raylet(p->addr);
    memcpy(input.result->data, "12345678", 8);
    for (unsigned i = 0; i < task->return_count; i++)
      input.result->returns[i] = (struct rs_return){.size_bytes = 8, .inline_bytes = 8};
    step(p, &input);
    rs_result_unref(input.result);
    rs_task_unref(task);
    break;
  }
  case COPIED:
  case SPILLED:
    input = (struct rs_input){.kind = e->what == COPIED ? RS_IN_COPY_DONE : RS_IN_SPILL_DONE, .object = e->id};
    step(p, &input);
    break;
  default: break;
  }
}

/* The next event or alarm, whichever is earlier; false when nothing will ever happen. */
static bool advance(void)
{
  struct process *first = NULL;
  for (unsigned i = 0; i < c.count; i++)
    if (c.processes[i].alive && c.processes[i].alarm_at != RS_TIME_NEVER &&
        (!first || c.processes[i].alarm_at < first->alarm_at))
      first = &c.processes[i];
  if (first && (c.event_count == 0 || first->alarm_at < c.events[0].at)) {
    c.now = c.now > first->alarm_at ? c.now : first->alarm_at;
    step(first, &(struct rs_input){.kind = RS_IN_TIMER});
    return true;
  }
  if (c.event_count == 0)
    return false;
  struct event event = pop();
  c.now = event.at;
  deliver(&event);
  return true;
}

static void submit(struct process *driver, uint64_t from, uint32_t count)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, count);
  call->max_retries = 3;
  call->demand.cpu_e4 = RS_ONE_E4;
  for (uint32_t i = 0; i < count; i++) {
    struct rs_task *task = rs_task_new(0, 4);
    task->id = (struct rs_id){driver->addr, from + 2 * i};
    task->function = rs_name_hash("some function");
    task->return_count = 1;
    call->tasks[i] = task;
  }
  step(driver, &(struct rs_input){.kind = RS_IN_CALL, .call = call});
  rs_call_free(call);
}

static void kill_node(rs_node_id node)
{
  for (unsigned i = 0; i < c.count; i++)
    if (c.processes[i].alive && rs_addr_node(c.processes[i].addr) == node)
      end(&c.processes[i]);
}

static void run_a_cluster(void)
{
  if (c.count)
    return; /* the same life serves every test */
  rs_config_defaults(&c.config);
  c.config.seed = 20;
  c.config.worker_lease_timeout_milliseconds = 50;
  struct rs_res total = {.cpu_e4 = 4 * RS_ONE_E4, .memory_bytes = 1 << 30, .store_bytes = 1 << 30};
  c.info = rs_node_info_new(&total);
  spawn(RS_ROLE_GCS, head);
  for (rs_node_id node = 0; node < NODES; node++)
    spawn(RS_ROLE_RAYLET, rs_addr_make(node, 1, RS_EP_RAYLET));
  struct process *driver = spawn(RS_ROLE_DRIVER, rs_addr_make(0, 1, RS_EP_DRIVER));
  uint64_t steps = 0, next = 1;
  for (; c.replies < TASKS && steps < 2000000; steps++) {
    if (next <= 2 * TASKS && c.now >= next / 2 * 100 * RS_US) { /* ten batches over time */
      submit(driver, next, TASKS / 10);
      next += 2 * (TASKS / 10);
    }
    if (c.replies > TASKS / 2 && find(rs_addr_make(2, 1, RS_EP_RAYLET)))
      kill_node(2);
    if (!advance())
      break;
  }
  printf("%u endpoints, %u tasks in %.1f s, %u spilled, %u retried ", c.count, c.replies, (double)c.now / 1e9, c.spills,
         c.retries);
}

static void tasks_end(void)
{
  run_a_cluster();
  CHECK_EQ(c.replies, TASKS);
  CHECK_EQ(c.failures, 0);
  CHECK(c.spills > 0 && c.retries > 0);
}

/* ---- the files and the program ---- */

static const char *folder(void)
{
  static char path[] = "/tmp/conform-XXXXXX";
  static bool made;
  if (!made)
    CHECK(mkdtemp(path) != NULL);
  made = true;
  return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder(), name);
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL);
  CHECK_EQ(fwrite(bytes, 1, size, file), size);
  CHECK_EQ(fclose(file), 0);
}

/* Runs the program on these files of the folder (a pattern); its exit status, and what it printed. */
static int replay(const char *pattern, char *output, size_t cap)
{
  char command[600];
  snprintf(command, sizeof command, "%s/tests/conform_replay %s/%s 2>&1", RS_BINARY_DIR, folder(), pattern);
  FILE *pipe = popen(command, "r");
  CHECK(pipe != NULL);
  size_t size = fread(output, 1, cap - 1, pipe);
  output[size] = 0;
  while (fgetc(pipe) != EOF)
    ;
  return pclose(pipe) >> 8;
}

static char output[1 << 16];

static void every_endpoint_conforms(void)
{
  run_a_cluster();
  for (unsigned i = 0; i < c.count; i++) {
    char name[32];
    snprintf(name, sizeof name, "life-%03u", i);
    write_file(name, c.processes[i].recording.data, c.processes[i].recording.size);
  }
  int status = replay("life-*", output, sizeof output);
  if (status)
    printf("\n%s\n", output);
  CHECK_EQ(status, 0);
  unsigned lines = 0;
  for (const char *at = output; (at = strstr(at, ": the same")); at++)
    lines++;
  CHECK_EQ(lines, c.count);
}

static void a_cut_recording_conforms(void)
{
  run_a_cluster();
  const struct rs_bytes *whole = &c.processes[1].recording;
  for (size_t cut = whole->size / 3; cut < whole->size / 3 + 60; cut += 7) {
    write_file("cut", whole->data, cut);
    CHECK_EQ(replay("cut", output, sizeof output), 0);
    CHECK(strstr(output, "the same") != NULL);
  }
}

/* One bit of one effect, with the frame's hash mended: as if the core had decided otherwise. */
static void a_planted_difference_is_found(void)
{
  run_a_cluster();
  const struct rs_bytes *whole = &c.processes[1].recording;
  uint8_t *copy = rs_memdup(whole->data, whole->size);
  size_t at = 16, planted = 0;
  for (unsigned frames = 0; at < whole->size; frames++) {
    uint32_t size = rs_load_u32(copy + at);
    uint8_t *payload = copy + at + 8;
    /* effects that begin with a SEND: the lowest bit of the receiver's endpoint */
    if (frames > 40 && payload[0] == 'E' && rs_load_u32(payload + 1) > 0 && payload[5] == RS_OUT_SEND) {
      payload[6] ^= 1;
      rs_store_u32(copy + at + 4, (uint32_t)rs_hash_bytes(0, payload, size));
      planted = at;
      break;
    }
    at += 8 + size;
  }
  CHECK(planted > 0);
  write_file("planted", copy, whole->size);
  free(copy);
  CHECK_EQ(replay("planted", output, sizeof output), 1);
  CHECK(strstr(output, "DIFFERENT") && strstr(output, "recorded SEND to") && strstr(output, "replayed SEND to"));
}

/* An input that is told otherwise: the run parts from there on. */
static void a_changed_input_is_found(void)
{
  run_a_cluster();
  const struct rs_bytes *whole = &c.processes[4].recording; /* the driver program */
  uint8_t *copy = rs_memdup(whole->data, whole->size);
  bool planted = false;
  for (size_t at = 16; at < whole->size && !planted;) {
    uint32_t size = rs_load_u32(copy + at);
    uint8_t *payload = copy + at + 8;
    if (payload[0] == 'I' && payload[9] == RS_IN_MESSAGE && payload[18] == RS_MSG_LEASE_GRANT) {
      payload[36] ^= 2; /* the granted worker's address */
      rs_store_u32(copy + at + 4, (uint32_t)rs_hash_bytes(0, payload, size));
      planted = true;
    }
    at += 8 + size;
  }
  CHECK(planted);
  write_file("changed", copy, whole->size);
  free(copy);
  CHECK_EQ(replay("changed", output, sizeof output), 1);
}

static void what_is_no_recording_is_refused(void)
{
  write_file("text", "hello, this is no recording at all", 34);
  CHECK_EQ(replay("text", output, sizeof output), 2);
  CHECK(strstr(output, "not a recording") != NULL);
  CHECK_EQ(replay("absent", output, sizeof output), 2);
}

static void clean_up(void)
{
  for (unsigned i = 0; i < c.count; i++) {
    rs_endpoint_free(c.processes[i].endpoint);
    rs_bytes_free(&c.processes[i].recording);
    rs_task_unref(c.processes[i].running);
  }
  while (c.event_count)
    free(pop().bytes);
  rs_node_info_unref(c.info);
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder());
  CHECK_EQ(system(command), 0);
}

const struct rs_test rs_tests[] = {
    {"conform: a cluster runs its tasks", tasks_end},
    {"conform: every endpoint conforms", every_endpoint_conforms},
    {"conform: a cut recording conforms", a_cut_recording_conforms},
    {"conform: a planted difference is found", a_planted_difference_is_found},
    {"conform: a changed input is found", a_changed_input_is_found},
    {"conform: what is no recording is refused", what_is_no_recording_is_refused},
    {"conform: clean up", clean_up},
    {0},
};
