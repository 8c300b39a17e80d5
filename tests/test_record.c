/* Recordings: every kind of input and effect there and back, the hash of effects, and what is left after a cut. */
#include "core/record.h"

#include "check.h"
#include "core/codec.h"
#include "msg_random.h"

/* ---- random inputs and effects ---- */

static struct rs_call *random_call(struct rs_rng *rng)
{
  struct rs_call *call = rs_call_new((enum rs_call_kind)random_below(rng, RS_CALL_KINDS), random_below(rng, 4));
  call->strategy = (uint8_t)random_below(rng, 4);
  call->no_restart = random_below(rng, 2);
  call->force = random_below(rng, 2);
  call->target = (rs_node_id)rs_rng_next(rng);
  call->max_retries = (int32_t)random_below(rng, 5) - 1;
  call->max_restarts = (int32_t)random_below(rng, 5) - 1;
  random_plain_demand(rng, &call->demand);
  random_plain_demand(rng, &call->hold);
  if (random_below(rng, 2)) {
    struct rs_actor_opts *opts = call->actor = rs_alloc_zero(1, sizeof *opts);
    for (uint32_t i = random_below(rng, RS_ACTOR_NAME_MAX + 1); i-- > 0;)
      opts->name[i] = opts->name_space[i] = (char)('a' + random_below(rng, 26));
    opts->detached = random_below(rng, 2);
    opts->get_if_exists = random_below(rng, 2);
    opts->max_pending_calls = (uint32_t)random_number(rng);
    opts->group_count = random_below(rng, RS_ACTOR_GROUPS_MAX + 1);
    for (uint32_t i = 0; i < opts->group_count; i++) {
      opts->groups[i].name = random_number(rng);
      opts->groups[i].limit = (uint32_t)random_number(rng);
    }
  }
  if (random_below(rng, 2))
    random_id(rng, &call->object);
  call->size_bytes = random_number(rng);
  call->recursive = random_below(rng, 2);
  call->fetch_local = random_below(rng, 2);
  random_value(rng, &call->value);
  call->inner_count = random_below(rng, 3);
  call->inner = call->inner_count ? rs_alloc(call->inner_count * sizeof *call->inner) : NULL;
  random_ids(rng, call->inner, call->inner_count);
  if (call->kind == RS_CALL_ASK)
    call->ask = random_msg(rng, RS_MSG_KV, RANDOM_SMALL);
  for (uint32_t i = 0; i < call->task_count; i++)
    random_task(rng, &call->tasks[i]);
  return call;
}

static struct rs_input random_input(struct rs_rng *rng, enum rs_input_kind kind)
{
  struct rs_input input = {.kind = kind};
  switch (kind) {
  case RS_IN_MESSAGE:
    input.peer = random_number(rng);
    input.msg = random_msg(rng, msg_types[random_below(rng, MSG_TYPES)], RANDOM_SMALL);
    break;
  case RS_IN_SEND_FAILED:
  case RS_IN_PEER_DOWN: input.peer = random_number(rng); break;
  case RS_IN_TASK_FINISHED:
  case RS_IN_TASK_FAILED: random_result(rng, &input.result); break;
  case RS_IN_SPILL_DONE:
  case RS_IN_COPY_DONE:
    random_id(rng, &input.object);
    input.status = -(int32_t)random_below(rng, 10);
    break;
  case RS_IN_HOST_UP:
  case RS_IN_HOST_DOWN:
    input.host = random_number(rng);
    input.peer = random_number(rng);
    break;
  case RS_IN_CALL: input.call = random_call(rng); break;
  case RS_IN_WORKER_PROCESS:
    input.peer = random_number(rng);
    input.host = random_number(rng);
    input.status = -(int32_t)random_below(rng, 10);
    break;
  default: break;
  }
  return input;
}

static struct rs_effect random_effect(struct rs_rng *rng, unsigned kind)
{
  static const rs_addr many[] = {11, 22, 33, 44, 55};
  struct rs_effect e = {.kind = (uint8_t)kind};
  switch (kind) {
  case RS_OUT_SEND_MANY:
    e.many = many;
    e.count = random_below(rng, 6);
    e.msg = random_msg(rng, RS_MSG_VIEW, RANDOM_SMALL);
    break;
  case RS_OUT_SEND:
    e.to = random_number(rng);
    e.msg = random_msg(rng, msg_types[random_below(rng, MSG_TYPES)], RANDOM_SMALL);
    break;
  case RS_OUT_TASK_RUN:
    e.count = (uint32_t)random_number(rng);
    random_task(rng, &e.task);
    break;
  case RS_OUT_TASK_KILL:
    random_id(rng, &e.object);
    e.count = random_below(rng, 2);
    break;
  case RS_OUT_WORKER_START:
  case RS_OUT_WORKER_STOP:
  case RS_OUT_HOST_REMOVE: e.to = random_number(rng); break;
  case RS_OUT_COPY:
  case RS_OUT_CREATE:
  case RS_OUT_SPILL:
    e.to = random_number(rng);
    e.count = random_below(rng, 4);
    random_id(rng, &e.object);
    e.size = random_number(rng);
    break;
  case RS_OUT_RESTORE:
  case RS_OUT_EVICT:
  case RS_OUT_FREE:
    random_id(rng, &e.object);
    e.size = random_number(rng);
    break;
  case RS_OUT_HOST_ADD:
    e.size = random_number(rng);
    e.count = random_below(rng, 10);
    break;
  case RS_OUT_REPLY:
    e.reply = rs_alloc_zero(1, sizeof *e.reply);
    e.reply->kind = (enum rs_reply_kind)random_below(rng, 4);
    e.reply->state = (uint8_t)random_below(rng, 4);
    random_id(rng, &e.reply->id);
    e.reply->status = -(int32_t)random_below(rng, 10);
    e.reply->node = random_number(rng);
    e.reply->size_bytes = random_number(rng);
    if (e.reply->kind == RS_REPLY_TASK)
      random_result(rng, &e.reply->result);
    e.reply->stored = random_below(rng, 2);
    e.reply->ready = random_below(rng, 2);
    random_value(rng, &e.reply->value);
    if (e.reply->value) {
      e.reply->ids = e.reply->value->ids;
      e.reply->id_count = e.reply->value->id_count;
    } else if (random_below(rng, 2)) {
      e.reply->id_count = 3;
      e.reply->ids = rs_alloc(3 * sizeof *e.reply->ids);
      random_ids(rng, e.reply->ids, 3);
    }
    if (e.reply->kind == RS_REPLY_ANSWER)
      e.reply->answer = random_msg(rng, RS_MSG_STATE_REPLY, RANDOM_SMALL);
    break;
  case RS_OUT_TRACE:
    e.trace = (uint8_t)random_below(rng, RS_TRACE_KINDS);
    e.a = random_number(rng);
    e.b = random_number(rng);
    e.c = random_number(rng);
    break;
  default: break;
  }
  return e;
}

static struct rs_effects random_effects(struct rs_rng *rng, uint32_t count)
{
  struct rs_effects effects = {0};
  for (uint32_t i = 0; i < count; i++) {
    RS_GROW(effects.items, effects.count, effects.cap);
    effects.items[effects.count++] = random_effect(rng, random_below(rng, RS_OUT_KINDS));
  }
  return effects;
}

static struct rs_record_reader reader_of(const struct rs_bytes *bytes)
{
  return (struct rs_record_reader){.at = bytes->data, .end = bytes->data + bytes->size};
}

static void expect_same(const struct rs_bytes *a, const struct rs_bytes *b)
{
  CHECK_EQ(a->size, b->size);
  CHECK(memcmp(a->data, b->data, a->size) == 0);
}

/* ---- tests ---- */

static void every_input_survives(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 1);
  for (int i = 0; i < 300 * RS_IN_KINDS; i++) {
    struct rs_input input = random_input(&rng, (enum rs_input_kind)(i % RS_IN_KINDS)), back;
    struct rs_bytes bytes = {0}, again = {0};
    rs_record_input(&bytes, (uint64_t)i, &input);
    struct rs_record_reader reader = reader_of(&bytes);
    uint64_t now;
    CHECK_EQ(rs_record_next(&reader), RS_RECORD_INPUT);
    CHECK_EQ(rs_record_read_input(&reader, &now, &back), 0);
    CHECK_EQ(now, i);
    CHECK_EQ(back.kind, input.kind);
    CHECK(reader.at == reader.end);
    switch (input.kind) {
    case RS_IN_MESSAGE: CHECK(same_msg(input.msg, back.msg)); /* fall through */
    case RS_IN_SEND_FAILED:
    case RS_IN_PEER_DOWN: CHECK(input.peer == back.peer); break;
    case RS_IN_TASK_FINISHED:
    case RS_IN_TASK_FAILED: CHECK(same_result(&input.result, &back.result)); break;
    case RS_IN_SPILL_DONE:
    case RS_IN_COPY_DONE: CHECK(rs_id_equal(input.object, back.object) && input.status == back.status); break;
    case RS_IN_HOST_UP:
    case RS_IN_HOST_DOWN: CHECK(input.host == back.host && input.peer == back.peer); break;
    case RS_IN_WORKER_PROCESS:
      CHECK(input.peer == back.peer && input.host == back.host && input.status == back.status);
      break;
    case RS_IN_CALL:
      CHECK(input.call->kind == back.call->kind && input.call->strategy == back.call->strategy);
      CHECK(input.call->max_retries == back.call->max_retries && input.call->max_restarts == back.call->max_restarts);
      CHECK(same_plain_demand(&input.call->demand, &back.call->demand) &&
            same_plain_demand(&input.call->hold, &back.call->hold));
      CHECK(input.call->task_count == back.call->task_count);
      CHECK(!input.call->actor == !back.call->actor);
      CHECK(!input.call->actor || memcmp(input.call->actor, back.call->actor, sizeof *back.call->actor) == 0);
      for (uint32_t k = 0; k < input.call->task_count; k++)
        CHECK(same_task(&input.call->tasks[k], &back.call->tasks[k]));
      break;
    default: break;
    }
    rs_record_input(&again, now, &back);
    expect_same(&bytes, &again);
    rs_record_input_free(&input);
    rs_record_input_free(&back);
    rs_bytes_free(&bytes);
    rs_bytes_free(&again);
  }
}

static void every_effect_survives(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 2);
  for (int i = 0; i < 300 * RS_OUT_KINDS; i++) {
    struct rs_effect one = random_effect(&rng, (unsigned)i % RS_OUT_KINDS);
    struct rs_effects effects = {.items = &one, .count = 1}, back;
    struct rs_bytes bytes = {0}, again = {0};
    rs_record_effects(&bytes, &effects);
    struct rs_record_reader reader = reader_of(&bytes);
    CHECK_EQ(rs_record_next(&reader), RS_RECORD_EFFECTS);
    CHECK_EQ(rs_record_read_effects(&reader, &back), 0);
    CHECK_EQ(back.count, 1);
    CHECK_EQ(back.items[0].kind, one.kind);
    rs_record_effects(&again, &back);
    expect_same(&bytes, &again);
    CHECK(rs_effects_hash(5, &effects) == rs_effects_hash(5, &back));
    CHECK(rs_effects_hash(5, &effects) != rs_effects_hash(6, &effects));
    char line[300], back_line[300];
    rs_effect_print(&one, line, sizeof line);
    rs_effect_print(&back.items[0], back_line, sizeof back_line);
    CHECK_STR(line, back_line);
    rs_effects_clear(&effects);
    rs_record_effects_free(&back);
    rs_bytes_free(&bytes);
    rs_bytes_free(&again);
  }
}

/* Every field that is written changes the hash, and every change of the hash is a change of what is written. */
static void the_hash_sees_what_is_recorded(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 3);
  for (int i = 0; i < 4000; i++) {
    unsigned kind = random_below(&rng, RS_OUT_KINDS);
    struct rs_effect a = random_effect(&rng, kind), b = random_effect(&rng, kind);
    struct rs_effects as = {.items = &a, .count = 1}, bs = {.items = &b, .count = 1};
    struct rs_bytes a_bytes = {0}, b_bytes = {0};
    rs_record_effects(&a_bytes, &as);
    rs_record_effects(&b_bytes, &bs);
    bool same = a_bytes.size == b_bytes.size && memcmp(a_bytes.data, b_bytes.data, a_bytes.size) == 0;
    CHECK_EQ(rs_effects_hash(0, &as) == rs_effects_hash(0, &bs), same);
    rs_bytes_free(&a_bytes);
    rs_bytes_free(&b_bytes);
    rs_effects_clear(&as);
    rs_effects_clear(&bs);
  }
  /* Order counts, and where one list ends. */
  struct rs_effect pair[2] = {{.kind = RS_OUT_WORKER_START, .to = 1}, {.kind = RS_OUT_WORKER_STOP, .to = 1}};
  struct rs_effect swapped[2] = {pair[1], pair[0]};
  struct rs_effects forward = {.items = pair, .count = 2}, backward = {.items = swapped, .count = 2};
  struct rs_effects none = {0};
  CHECK(rs_effects_hash(0, &forward) != rs_effects_hash(0, &backward));
  CHECK(rs_effects_hash(0, &none) != 0);
}

static const struct rs_place_policy test_policy = {.abi_version = RS_POLICY_ABI, .name = "of the test alone"};

static void record_some_start(struct rs_bytes *bytes, struct rs_rng *rng, const struct rs_place_policy *policy)
{
  struct rs_config config;
  rs_config_defaults(&config);
  config.seed = 77;
  CHECK_EQ(rs_config_set(&config, "trace_level", 2), 0);
  if (policy)
    config.policy = policy;
  struct rs_node_type types[2] = {{.min_count = 1, .max_count = 9, .idle_timeout_ms = 12345}, {.max_count = 3}};
  random_info(rng, &types[0].info);
  random_info(rng, &types[1].info);
  struct rs_start start = {.roles = RS_ROLE_GCS,
                           .self = rs_addr_make(0, 1, RS_EP_GCS),
                           .gcs = rs_addr_make(0, 1, RS_EP_GCS),
                           .config = &config,
                           .node_types = types,
                           .node_type_count = 2,
                           .codec_forced = true};
  random_info(rng, &start.info);
  rs_record_start(bytes, &start);
  rs_node_info_unref(types[0].info);
  rs_node_info_unref(types[1].info);
  rs_node_info_unref(start.info);
}

static void the_start_survives(void)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, 4);
  for (int i = 0; i < 200; i++) {
    struct rs_bytes bytes = {0}, again = {0};
    record_some_start(&bytes, &rng, i == 0 ? &test_policy : 0);
    struct rs_record_reader reader;
    struct rs_record_start start;
    CHECK_EQ(rs_record_read_start(&reader, bytes.data, bytes.size, &start), 0);
    CHECK(reader.at == reader.end);
    CHECK_EQ(start.start.roles, RS_ROLE_GCS);
    CHECK_EQ(start.start.config->seed, 77);
    CHECK_EQ(start.start.config->trace_level, 2);
    CHECK_EQ(start.start.config->max_direct_call_object_size, 102400);
    CHECK_EQ(start.start.node_type_count, 2);
    CHECK_EQ(start.start.node_types[0].idle_timeout_ms, 12345);
    CHECK(start.start.codec_forced);
    if (i == 0) {
      CHECK_STR(start.policy, "of the test alone");
      CHECK(start.config.policy == 0); /* nobody knows it: the caller must say which one */
      start.config.policy = &test_policy;
    } else {
      CHECK_STR(start.policy, "hybrid");
      CHECK(start.config.policy == rs_place_policy_by_name("hybrid"));
    }
    rs_record_start(&again, &start.start);
    expect_same(&bytes, &again);
    rs_record_start_free(&start);
    rs_bytes_free(&bytes);
    rs_bytes_free(&again);
  }
}

static struct rs_bytes record_a_life(uint64_t seed, unsigned steps)
{
  struct rs_rng rng;
  rs_rng_seed(&rng, seed);
  struct rs_bytes bytes = {0};
  record_some_start(&bytes, &rng, 0);
  for (unsigned i = 0; i < steps; i++) {
    struct rs_input input = random_input(&rng, (enum rs_input_kind)random_below(&rng, RS_IN_KINDS));
    rs_record_input(&bytes, i, &input);
    rs_record_input_free(&input);
    struct rs_effects effects = random_effects(&rng, random_below(&rng, 5));
    rs_record_effects(&bytes, &effects);
    rs_effects_free(&effects);
  }
  return bytes;
}

/* Reads as much as is valid: number of inputs and effects frames. An error in a frame that is whole ends it too. */
static void read_life(const uint8_t *bytes, size_t size, unsigned *inputs, unsigned *outputs)
{
  *inputs = *outputs = 0;
  struct rs_record_reader reader;
  struct rs_record_start start;
  if (rs_record_read_start(&reader, bytes, size, &start) != 0)
    return;
  for (;;) {
    enum rs_record_kind kind = rs_record_next(&reader);
    if (kind == RS_RECORD_INPUT) {
      struct rs_input input;
      uint64_t now;
      if (rs_record_read_input(&reader, &now, &input) != 0)
        break;
      CHECK_EQ(now, *inputs);
      rs_record_input_free(&input);
      ++*inputs;
    } else if (kind == RS_RECORD_EFFECTS) {
      struct rs_effects effects;
      if (rs_record_read_effects(&reader, &effects) != 0)
        break;
      rs_record_effects_free(&effects);
      ++*outputs;
    } else {
      break;
    }
  }
  rs_record_start_free(&start);
}

/* Cut anywhere, with nothing or with zeros behind (a shared mapping): a valid prefix, and never one step less than
 * whole. */
static void a_cut_recording_is_a_prefix(void)
{
  enum { STEPS = 12 };
  struct rs_bytes life = record_a_life(5, STEPS);
  unsigned inputs, outputs, before = 0;
  read_life(life.data, life.size, &inputs, &outputs);
  CHECK(inputs == STEPS && outputs == STEPS);
  for (size_t cut = 0; cut < life.size; cut++) {
    uint8_t *copy = rs_alloc(cut ? cut : 1);
    memcpy(copy, life.data, cut);
    read_life(copy, cut, &inputs, &outputs);
    free(copy);
    CHECK(inputs + outputs >= before && inputs + outputs < 2 * STEPS);
    CHECK(inputs == outputs || inputs == outputs + 1);
    before = inputs + outputs;
    copy = rs_alloc_zero(life.size, 1);
    memcpy(copy, life.data, cut);
    read_life(copy, life.size, &inputs, &outputs);
    free(copy);
    /* Zeros can complete a frame only where its own bytes were zeros. */
    CHECK(inputs + outputs >= before && inputs + outputs <= before + 1);
  }
  rs_bytes_free(&life);
}

/* A changed bit ends the recording at its frame; with the hash mended the content is still checked. */
static void damage_is_noticed(void)
{
  enum { STEPS = 6 };
  struct rs_bytes life = record_a_life(6, STEPS);
  struct rs_rng rng;
  rs_rng_seed(&rng, 7);
  unsigned inputs, outputs;
  for (int i = 0; i < 4000; i++) {
    uint32_t at = random_below(&rng, (uint32_t)life.size), bit = random_below(&rng, 8);
    life.data[at] ^= (uint8_t)(1u << bit);
    read_life(life.data, life.size, &inputs, &outputs);
    CHECK(inputs + outputs < 2 * STEPS);
    life.data[at] ^= (uint8_t)(1u << bit);
  }
  unsigned whole = 0;
  for (int i = 0; i < 20000; i++) {
    uint8_t *copy = rs_memdup(life.data, life.size);
    size_t at = 16; /* frames */
    for (uint32_t skip = random_below(&rng, 2 * STEPS + 1); skip; skip--)
      at += 8 + rs_load_u32(copy + at);
    uint32_t size = rs_load_u32(copy + at);
    copy[at + 8 + random_below(&rng, size)] ^= (uint8_t)(1u << random_below(&rng, 8));
    rs_store_u32(copy + at + 4, (uint32_t)rs_hash_bytes(0, copy + at + 8, size));
    struct rs_record_reader reader;
    struct rs_record_start start;
    if (rs_record_read_start(&reader, copy, life.size, &start) == 0) {
      rs_record_start_free(&start);
      struct rs_record_reader here = {.at = copy + at, .end = copy + life.size};
      struct rs_input input;
      struct rs_effects effects;
      uint64_t now;
      if (rs_record_next(&here) == RS_RECORD_INPUT && rs_record_read_input(&here, &now, &input) == 0) {
        whole++;
        rs_record_input_free(&input);
      } else if (rs_record_next(&here) == RS_RECORD_EFFECTS && rs_record_read_effects(&here, &effects) == 0) {
        whole++;
        rs_record_effects_free(&effects);
      }
    }
    free(copy);
  }
  CHECK(whole > 1000 && whole < 20000); /* many changes give another valid content, many do not */
  rs_bytes_free(&life);
}

static void lines_for_inputs(void)
{
  char line[256];
  struct rs_input input = {.kind = RS_IN_PEER_DOWN, .peer = rs_addr_make(3, 1, 16)};
  rs_input_print(42, &input, line, sizeof line);
  CHECK_STR(line, "@42 PEER_DOWN 3.1:16");
  rs_input_print(42, &input, line, 5);
  CHECK_STR(line, "@42 ");
  struct rs_rng rng;
  rs_rng_seed(&rng, 9);
  for (int i = 0; i < 500; i++) {
    input = random_input(&rng, (enum rs_input_kind)(i % RS_IN_KINDS));
    rs_input_print(7, &input, line, sizeof line);
    CHECK(strncmp(line, "@7 ", 3) == 0 && !strchr(line, '?'));
    rs_record_input_free(&input);
  }
}

const struct rs_test rs_tests[] = {
    {"record: every input there and back", every_input_survives},
    {"record: every effect there and back", every_effect_survives},
    {"record: the hash sees what is recorded", the_hash_sees_what_is_recorded},
    {"record: the start there and back", the_start_survives},
    {"record: a cut recording is a prefix", a_cut_recording_is_a_prefix},
    {"record: damage is noticed", damage_is_noticed},
    {"record: lines for inputs", lines_for_inputs},
    {0},
};
