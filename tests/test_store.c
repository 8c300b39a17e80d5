/* The object store's decisions: one raylet stepped by hand (room, spilling, pins, priorities, giving to others), and a
 * broadcast over a small cluster. */
#include "base/alloc.h"
#include "check.h"
#include "core/raylet_int.h"
#include "core/store.h"
#include "mini.h"

#define HEAD rs_addr_make(0, 1, RS_EP_GCS)
#define HERE rs_addr_make(1, 1, RS_EP_RAYLET)
#define PROGRAM rs_addr_make(1, 1, RS_EP_DRIVER)
#define OTHER rs_addr_make(1, 1, RS_EP_DRIVER + 1)

static rs_addr there(uint32_t node)
{
  return rs_addr_make(node, 1, RS_EP_RAYLET);
}

static struct rs_id object(uint64_t seq)
{
  return (struct rs_id){PROGRAM, seq};
}

/* ---- one raylet ---- */

struct solo {
  struct rs_endpoint *ep;
  struct rs_config config;
  struct rs_node_info *info;
  struct rs_effects effects; /* of the last step */
  uint64_t now;
};

static void step(struct solo *s, const struct rs_input *input)
{
  rs_effects_clear(&s->effects);
  rs_endpoint_step(s->ep, s->now, input, &s->effects);
  rs_endpoint_sanity_check(s->ep);
}

static void hear(struct solo *s, rs_addr from, void *msg)
{
  step(s, &(struct rs_input){.kind = RS_IN_MESSAGE, .peer = from, .msg = msg});
  rs_msg_unref(msg);
}

static void begin(struct solo *s, uint64_t capacity)
{
  struct rs_res total = {.cpu_e4 = RS_ONE_E4, .store_bytes = (int64_t)capacity};
  s->now = RS_S;
  s->info = rs_node_info_new(&total);
  s->config.min_spilling_size = 0;
  s->ep = rs_endpoint_new(
      &(struct rs_start){.roles = RS_ROLE_RAYLET, .self = HERE, .gcs = HEAD, .config = &s->config, .info = s->info});
  step(s, &(struct rs_input){.kind = RS_IN_START});
}

static void end(struct solo *s)
{
  rs_effects_free(&s->effects);
  rs_endpoint_free(s->ep);
  rs_node_info_unref(s->info);
}

/* The nth effect of a kind for an object (seq 0: any) in the last step. */
static const struct rs_effect *effect(const struct solo *s, enum rs_effect_kind kind, uint64_t seq)
{
  for (uint32_t i = 0; i < s->effects.count; i++)
    if (s->effects.items[i].kind == kind && (seq == 0 || s->effects.items[i].object.seq == seq))
      return &s->effects.items[i];
  return NULL;
}

static const void *sent(const struct solo *s, rs_addr to, unsigned type)
{
  for (uint32_t i = 0; i < s->effects.count; i++) {
    const struct rs_effect *e = &s->effects.items[i];
    if (e->kind == RS_OUT_SEND && e->to == to && e->msg->type == type)
      return e->msg;
  }
  return NULL;
}

static void create(struct solo *s, rs_addr from, uint64_t seq, uint64_t size)
{
  struct rs_m_object_create *m = rs_msg_new(RS_MSG_OBJECT_CREATE);
  m->object = object(seq);
  m->size = size;
  hear(s, from, m);
}

static void seal(struct solo *s, rs_addr from, uint64_t seq, uint64_t size)
{
  struct rs_m_object_created *m = rs_msg_new(RS_MSG_OBJECT_CREATED);
  m->object = object(seq);
  m->size = size;
  hear(s, from, m);
}

static void pull(struct solo *s, rs_addr from, uint64_t seq, uint64_t size, uint8_t reason, bool pin, rs_addr location)
{
  struct rs_m_pull *m = rs_msg_new(RS_MSG_PULL);
  m->object = object(seq);
  m->size = size;
  m->reason = reason;
  m->pin = pin;
  m->locations = rs_memdup(&location, sizeof location);
  m->locations_count = location != RS_ADDR_NONE;
  hear(s, from, m);
}

static void unpin(struct solo *s, rs_addr from, uint64_t seq)
{
  struct rs_m_object_unpin *m = rs_msg_new(RS_MSG_OBJECT_UNPIN);
  struct rs_id id = object(seq);
  m->objects = rs_memdup(&id, sizeof id);
  m->objects_count = 1;
  hear(s, from, m);
}

static void done(struct solo *s, enum rs_input_kind kind, uint64_t seq, int status)
{
  step(s, &(struct rs_input){.kind = kind, .object = object(seq), .status = status});
}

static int room(const struct solo *s, rs_addr to)
{
  const struct rs_m_object_room *m = sent(s, to, RS_MSG_OBJECT_ROOM);
  return m ? m->status : 1;
}

static int pulled(const struct solo *s, rs_addr to)
{
  const struct rs_m_pulled *m = sent(s, to, RS_MSG_PULLED);
  return m ? m->status : 1;
}

static uint64_t used(const struct solo *s)
{
  return rs_store_used_bytes(s->ep->local->store);
}

/* Room comes before writing; what is written counts at once; a second creator is told that the object exists. */
static void room_first(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 1000);
  create(&s, PROGRAM, 1, 600);
  const struct rs_effect *e = effect(&s, RS_OUT_CREATE, 1);
  CHECK(e && e->to == PROGRAM && e->size == 600 && e->count == 0);
  CHECK_EQ(room(&s, PROGRAM), RS_ERR_OK);
  CHECK_EQ(used(&s), 600);
  create(&s, OTHER, 1, 600); /* a retry on the same node: it waits for the first */
  CHECK_EQ(room(&s, OTHER), 1);
  seal(&s, PROGRAM, 1, 600);
  CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OK);
  CHECK_EQ(room(&s, OTHER), RS_ERR_OBJECT_EXISTS);
  create(&s, OTHER, 2, 100);
  create(&s, PROGRAM, 2, 100);
  struct rs_m_object_abort *abort = rs_msg_new(RS_MSG_OBJECT_ABORT);
  abort->object = object(2);
  hear(&s, OTHER, abort); /* the second gets its place */
  CHECK(effect(&s, RS_OUT_FREE, 2) && effect(&s, RS_OUT_CREATE, 2));
  CHECK_EQ(room(&s, PROGRAM), RS_ERR_OK);
  step(&s, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = PROGRAM}); /* the owner of all dies */
  CHECK_EQ(used(&s), 0);
  CHECK_EQ(rs_store_object_count(s.ep->local->store), 0);
  end(&s);
}

/* Primary copies go to the disk for what needs room, least recently used first, pinned ones never; they come back. */
static void spills(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 1000);
  s.config.object_spilling_threshold_e4 = 10000;
  seal(&s, PROGRAM, 1, 300);
  seal(&s, PROGRAM, 2, 300);
  seal(&s, PROGRAM, 3, 300);
  pull(&s, OTHER, 1, 300, RS_PULL_GET, true, RS_ADDR_NONE); /* the oldest is read */
  CHECK_EQ(pulled(&s, OTHER), RS_ERR_OK);
  create(&s, PROGRAM, 4, 300);
  CHECK_EQ(room(&s, PROGRAM), 1);
  CHECK(effect(&s, RS_OUT_SPILL, 2) && !effect(&s, RS_OUT_SPILL, 1) && !effect(&s, RS_OUT_SPILL, 3));
  done(&s, RS_IN_SPILL_DONE, 2, RS_ERR_OK);
  CHECK(effect(&s, RS_OUT_EVICT, 2));
  CHECK_EQ(room(&s, PROGRAM), RS_ERR_OK);
  CHECK_EQ(rs_store_spilled_bytes(s.ep->local->store), 300);
  seal(&s, PROGRAM, 4, 300);
  pull(&s, OTHER, 2, 300, RS_PULL_GET, true, RS_ADDR_NONE); /* it has to come back: another one goes for it */
  CHECK(effect(&s, RS_OUT_SPILL, 3) && !effect(&s, RS_OUT_RESTORE, 2));
  done(&s, RS_IN_SPILL_DONE, 3, RS_ERR_OK);
  CHECK(effect(&s, RS_OUT_RESTORE, 2));
  done(&s, RS_IN_COPY_DONE, 2, RS_ERR_OK);
  CHECK_EQ(pulled(&s, OTHER), RS_ERR_OK);
  unpin(&s, OTHER, 2);
  create(&s, PROGRAM, 5, 300); /* what is on the disk as well goes without being written again */
  CHECK(effect(&s, RS_OUT_EVICT, 2) && !effect(&s, RS_OUT_SPILL, 0));
  CHECK_EQ(room(&s, PROGRAM), RS_ERR_OK);
  unpin(&s, OTHER, 1);
  CHECK(used(&s) <= 1000);
  end(&s);
}

/* A reader's death unpins. */
static void reader_dies(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 1000);
  s.config.automatic_object_spilling_enabled = 0;
  pull(&s, OTHER, 1, 700, RS_PULL_GET, true, there(2));
  done(&s, RS_IN_COPY_DONE, 1, RS_ERR_OK);
  CHECK_EQ(pulled(&s, OTHER), RS_ERR_OK);
  create(&s, PROGRAM, 2, 700);
  CHECK_EQ(room(&s, PROGRAM), 1);
  step(&s, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = OTHER});
  CHECK(effect(&s, RS_OUT_FREE, 1) && sent(&s, PROGRAM, RS_MSG_OBJECT_EVICTED));
  CHECK_EQ(room(&s, PROGRAM), RS_ERR_OK);
  end(&s);
}

/* Memory cannot become free: after the grace period the object is made in a file; with a full disk that is an error. */
static void falls_back(bool full)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 1000);
  create(&s, OTHER, 1, 900); /* and writes for ever */
  create(&s, PROGRAM, 2, 300);
  CHECK_EQ(room(&s, PROGRAM), 1);
  CHECK_EQ(rs_endpoint_deadline(s.ep) - s.now, 2 * RS_S);
  s.now += 2 * RS_S;
  step(&s, &(struct rs_input){.kind = RS_IN_TIMER});
  const struct rs_effect *e = effect(&s, RS_OUT_CREATE, 2);
  CHECK(e && e->count == RS_CREATE_ON_DISK);
  done(&s, RS_IN_SPILL_DONE, 2, full ? RS_ERR_DISK_FULL : RS_ERR_OK);
  CHECK_EQ(room(&s, PROGRAM), full ? RS_ERR_DISK_FULL : RS_ERR_OK);
  CHECK_EQ(used(&s), 900);
  if (!full) {
    seal(&s, PROGRAM, 2, 300);
    CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OK);
    pull(&s, PROGRAM, 2, 300, RS_PULL_GET, true, RS_ADDR_NONE); /* and is read there, where memory stays full */
    s.now += 2 * RS_S;
    step(&s, &(struct rs_input){.kind = RS_IN_TIMER});
    CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OK);
    CHECK_EQ(used(&s), 900);
  }
  end(&s);
}

static void grace_then_disk(void)
{
  falls_back(false);
  falls_back(true);
}

/* A get goes before a wait, and that before an argument; one at a time here. */
static void urgent_first(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 0);
  s.config.object_manager_max_pulls = 1;
  pull(&s, PROGRAM, 1, 10, RS_PULL_ARG, false, there(2));
  CHECK(effect(&s, RS_OUT_COPY, 1));
  pull(&s, PROGRAM, 2, 10, RS_PULL_ARG, false, there(2));
  pull(&s, PROGRAM, 3, 10, RS_PULL_WAIT, false, there(2));
  pull(&s, PROGRAM, 4, 10, RS_PULL_GET, false, there(2));
  pull(&s, OTHER, 2, 10, RS_PULL_GET, false, there(2)); /* more urgent than it was: behind the other get */
  static const uint64_t order[] = {1, 4, 2, 3};
  for (int i = 0; i < 4; i++) {
    done(&s, RS_IN_COPY_DONE, order[i], RS_ERR_OK);
    CHECK(i == 3 || effect(&s, RS_OUT_COPY, order[i + 1]));
  }
  end(&s);
}

static void ask(struct solo *s, rs_addr from, uint64_t seq)
{
  struct rs_m_object_ask *m = rs_msg_new(RS_MSG_OBJECT_ASK);
  m->object = object(seq);
  hear(s, from, m);
}

static const struct rs_m_object_give *given(const struct solo *s, rs_addr to)
{
  return sent(s, to, RS_MSG_OBJECT_GIVE);
}

static void taken(struct solo *s, rs_addr from, uint64_t seq)
{
  struct rs_m_object_taken *m = rs_msg_new(RS_MSG_OBJECT_TAKEN);
  m->object = object(seq);
  hear(s, from, m);
}

/* Two take it at a time; whoever has taken it gets half of those who wait. What is given away stays. */
static void gives(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 10 << 20);
  seal(&s, PROGRAM, 1, 2 << 20);
  for (uint32_t node = 2; node < 8; node++) {
    ask(&s, there(node), 1);
    CHECK((given(&s, there(node)) != NULL) == (node < 4));
  }
  taken(&s, there(2), 1); /* 4, 5, 6, 7 wait: 4 is next, 6 and 7 go to 2 */
  CHECK(given(&s, there(4)) && given(&s, there(4))->status == RS_ERR_OK);
  CHECK(!given(&s, there(5)));
  CHECK(given(&s, there(6)) && given(&s, there(6))->status == RS_ERR_REFUSED &&
        given(&s, there(6))->raylet == there(2));
  CHECK(given(&s, there(7)) && given(&s, there(7))->raylet == there(2));
  struct rs_m_object_free *m = rs_msg_new(RS_MSG_OBJECT_FREE);
  struct rs_id id = object(1);
  m->objects = rs_memdup(&id, sizeof id);
  m->objects_count = 1;
  hear(&s, PROGRAM, m);
  CHECK(given(&s, there(5)) && given(&s, there(5))->status == RS_ERR_OBJECT_LOST);
  CHECK(!effect(&s, RS_OUT_FREE, 1));
  taken(&s, there(3), 1);
  step(&s, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = there(4)});
  CHECK(effect(&s, RS_OUT_FREE, 1));
  end(&s);
}

/* A source that has failed is followed by the next; one that sends us on may be asked again. */
static void sources(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 10 << 20);
  pull(&s, PROGRAM, 1, 2 << 20, RS_PULL_GET, false, there(2));
  CHECK(sent(&s, there(2), RS_MSG_OBJECT_ASK) && !effect(&s, RS_OUT_COPY, 1));
  struct rs_m_object_give *m = rs_msg_new(RS_MSG_OBJECT_GIVE);
  m->object = object(1);
  m->status = RS_ERR_REFUSED;
  m->raylet = there(3);
  hear(&s, there(2), m);
  CHECK(sent(&s, there(3), RS_MSG_OBJECT_ASK));
  step(&s, &(struct rs_input){.kind = RS_IN_PEER_DOWN, .peer = there(3)});
  CHECK(sent(&s, there(2), RS_MSG_OBJECT_ASK));
  m = rs_msg_new(RS_MSG_OBJECT_GIVE);
  m->object = object(1);
  hear(&s, there(2), m);
  CHECK(effect(&s, RS_OUT_COPY, 1) && effect(&s, RS_OUT_COPY, 1)->to == there(2));
  done(&s, RS_IN_COPY_DONE, 1, RS_ERR_OK);
  CHECK(sent(&s, there(2), RS_MSG_OBJECT_TAKEN) && pulled(&s, PROGRAM) == RS_ERR_OK);
  pull(&s, PROGRAM, 2, 100, RS_PULL_GET, false, there(4));
  done(&s, RS_IN_COPY_DONE, 2, RS_ERR_OBJECT_LOST);
  CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OBJECT_LOST);
  end(&s);
}

static void expire(struct solo *s)
{
  s->now = rs_endpoint_deadline(s->ep);
  step(s, &(struct rs_input){.kind = RS_IN_TIMER});
}

static void allow(struct solo *s, rs_addr from, uint64_t seq)
{
  struct rs_m_object_give *m = rs_msg_new(RS_MSG_OBJECT_GIVE);
  m->object = object(seq);
  hear(s, from, m);
}

static int given_back(const struct solo *s, rs_addr to)
{
  const struct rs_m_object_taken *m = sent(s, to, RS_MSG_OBJECT_TAKEN);
  return m ? m->status : 1;
}

/* A source that says nothing is left for another one after the time limit; two such are asked by turns; where no other
 * is known its owner is asked for more. */
static void silent_sources(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 10 << 20);
  pull(&s, PROGRAM, 1, 2 << 20, RS_PULL_GET, false, there(2));
  CHECK(sent(&s, there(2), RS_MSG_OBJECT_ASK));
  uint64_t asked = s.now;
  expire(&s);
  CHECK_EQ(s.now - asked, 10 * RS_S);
  CHECK(sent(&s, PROGRAM, RS_MSG_OBJECT_LOCATE) && !sent(&s, there(2), RS_MSG_OBJECT_TAKEN));
  rs_addr copies[] = {there(2), HERE, there(3)};
  struct rs_m_object_at *m = rs_msg_new(RS_MSG_OBJECT_AT);
  m->object = object(1);
  m->locations = rs_memdup(copies, sizeof copies);
  m->locations_count = 3;
  hear(&s, PROGRAM, m);
  CHECK_EQ(given_back(&s, there(2)), RS_ERR_CANCELLED);
  CHECK(sent(&s, there(3), RS_MSG_OBJECT_ASK));
  expire(&s);
  CHECK_EQ(given_back(&s, there(3)), RS_ERR_CANCELLED);
  CHECK(sent(&s, there(2), RS_MSG_OBJECT_ASK));
  allow(&s, there(3), 1); /* too late */
  CHECK_EQ(given_back(&s, there(3)), RS_ERR_CANCELLED);
  allow(&s, there(2), 1);
  CHECK(effect(&s, RS_OUT_COPY, 1) && effect(&s, RS_OUT_COPY, 1)->to == there(2));
  allow(&s, there(2), 1); /* for the first time that it was asked */
  CHECK(!sent(&s, there(2), RS_MSG_OBJECT_TAKEN));
  done(&s, RS_IN_COPY_DONE, 1, RS_ERR_TIMED_OUT);
  CHECK_EQ(given_back(&s, there(2)), RS_ERR_TIMED_OUT);
  CHECK(sent(&s, there(3), RS_MSG_OBJECT_ASK));
  allow(&s, there(3), 1);
  done(&s, RS_IN_COPY_DONE, 1, RS_ERR_OK);
  CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OK);
  pull(&s, PROGRAM, 3, 2 << 20, RS_PULL_GET, false, there(4));
  asked = s.now;
  for (int i = 0; i < 100 && pulled(&s, PROGRAM) == 1; i++)
    expire(&s);
  CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_TIMED_OUT);
  CHECK_EQ(s.now - asked, 600 * RS_S);
  CHECK_EQ(given_back(&s, there(4)), RS_ERR_CANCELLED);
  pull(&s, PROGRAM, 2, 100, RS_PULL_GET, false, there(4)); /* a small one is taken without asking, but not again */
  done(&s, RS_IN_COPY_DONE, 2, RS_ERR_TIMED_OUT);
  CHECK(sent(&s, there(4), RS_MSG_OBJECT_ASK) && pulled(&s, PROGRAM) == 1);
  allow(&s, there(4), 2);
  done(&s, RS_IN_COPY_DONE, 2, RS_ERR_OK);
  CHECK_EQ(pulled(&s, PROGRAM), RS_ERR_OK);
  end(&s);
}

/* Who does not want to wait any longer gets no turn. */
static void asks_no_more(void)
{
  struct solo s = {0};
  rs_config_defaults(&s.config);
  begin(&s, 10 << 20);
  seal(&s, PROGRAM, 1, 2 << 20);
  for (uint32_t node = 2; node < 6; node++)
    ask(&s, there(node), 1);
  struct rs_m_object_taken *m = rs_msg_new(RS_MSG_OBJECT_TAKEN);
  m->object = object(1);
  m->status = RS_ERR_CANCELLED;
  hear(&s, there(4), m);
  taken(&s, there(2), 1);
  CHECK(!given(&s, there(4)));
  CHECK(given(&s, there(5)) && given(&s, there(5))->status == RS_ERR_OK);
  end(&s);
}

/* ---- a cluster ---- */

/* Everything fits neither in memory nor stays there: all tasks end, within the capacity, and nothing is left. */
static void cluster_spills(void)
{
  enum { TASKS = 40 };
  struct mini_opts opts;
  mini_defaults(&opts, 2, 2);
  opts.total.store_bytes = 10 << 20;
  struct mini *m = mini_new(&opts);
  struct rs_id made[TASKS];
  mini_run(m, RS_S);
  for (int i = 0; i < TASKS; i++) {
    struct rs_task *task = mini_task(m, RS_MS, 2 << 20, 0);
    task->flags |= RS_TASK_KEEP;
    made[i] = (struct rs_id){task->id.owner, task->id.seq + 1};
    mini_submit(m, task, 1, 0);
  }
  mini_run(m, 20 * RS_S);
  CHECK(mini_disk_bytes(m) >= (uint64_t)TASKS * (2 << 20) - (20 << 20));
  CHECK(mini_count(m, RS_TRACE_OBJECT_SPILLED) > 0);
  for (int i = 0; i < TASKS; i++) {
    struct rs_task *task = mini_task(m, RS_MS, 0, 1);
    task->deps[0].id = made[i];
    mini_submit(m, task, 1, 0);
  }
  mini_run(m, 60 * RS_S);
  CHECK_EQ(mini_reply_count(m), 2 * TASKS);
  CHECK(mini_count(m, RS_TRACE_OBJECT_RESTORED) > 0);
  for (int i = 0; i < TASKS; i++) {
    struct rs_call *call = rs_call_new(RS_CALL_RELEASE, 0);
    call->object = made[i];
    mini_call(m, call);
  }
  mini_run(m, 70 * RS_S);
  CHECK_EQ(mini_stored_bytes(m), 0);
  CHECK_EQ(mini_disk_bytes(m), 0);
  mini_free(m);
}

const struct rs_test rs_tests[] = {
    {"store: room before writing", room_first},
    {"store: spilling and restoring", spills},
    {"store: a reader's death", reader_dies},
    {"store: a grace period, then the disk, then an error", grace_then_disk},
    {"store: urgent pulls first", urgent_first},
    {"store: giving to many", gives},
    {"store: sources one after the other", sources},
    {"store: silent sources", silent_sources},
    {"store: a turn that is not wanted", asks_no_more},
    {"store: a cluster that spills", cluster_spills},
    {0},
};
