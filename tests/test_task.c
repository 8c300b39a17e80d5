/* Tasks, results, calls, effects, ids and the names of errors and traces. */
#include "core/task.h"

#include "base/alloc.h"
#include "check.h"
#include "core/app.h"

static void tasks_are_one_block(void)
{
  struct rs_task *task = rs_task_new(3, 10);
  CHECK_EQ(task->refs, 1);
  CHECK_EQ(task->dep_count, 3);
  CHECK_EQ(task->args_bytes, 10);
  for (int i = 0; i < 3; i++) { /* zeroed, and room for what was asked: a sanitizer sees the rest */
    CHECK_EQ(task->deps[i].id.seq, 0);
    task->deps[i].size_bytes = 7;
  }
  memset(task->args, 1, 10);
  CHECK_EQ(task->deps[2].size_bytes, 7);
  CHECK(rs_task_ref(task) == task);
  rs_task_unref(task);
  CHECK_EQ(task->refs, 1);
  rs_task_unref(task);
  rs_task_unref(NULL);
  rs_task_unref(rs_task_new(0, 0));
}

static void results_and_failures(void)
{
  struct rs_result *result = rs_result_new(2, 5);
  result->returns[1].inline_at = 3;
  memset(result->data, 2, 5);
  CHECK_EQ(rs_result_ref(result)->refs, 2);
  rs_result_unref(result);
  rs_result_unref(result);

  struct rs_id id = {9, 4};
  result = rs_result_failed(id, RS_ERR_TASK_FAILED, "no such file");
  CHECK_EQ(result->status, RS_ERR_TASK_FAILED);
  CHECK(rs_id_equal(result->task, id));
  CHECK_EQ(result->return_count, 0);
  CHECK_EQ(result->data_bytes, 12);
  CHECK(memcmp(result->data, "no such file", 12) == 0);
  rs_result_unref(result);

  static char text[RS_ERROR_TEXT_MAX + 100];
  memset(text, 'x', sizeof text - 1);
  result = rs_result_failed(id, RS_ERR_NODE_DIED, text);
  CHECK_EQ(result->data_bytes, RS_ERROR_TEXT_MAX);
  rs_result_unref(result);
}

static void ids_print_apart(void)
{
  char a[RS_ID_HEX], b[RS_ID_HEX];
  rs_id_hex((struct rs_id){UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)}, a);
  CHECK_STR(a, "0123456789abcdef"
               "000000000000000000000000"
               "fedcba9876543210");
  CHECK_EQ(strlen(a), 56);
  /* Every bit of both numbers shows. */
  for (int bit = 0; bit < 64; bit++) {
    rs_id_hex((struct rs_id){UINT64_C(0x0123456789abcdef) ^ UINT64_C(1) << bit, UINT64_C(0xfedcba9876543210)}, b);
    CHECK(strcmp(a, b) != 0);
    rs_id_hex((struct rs_id){UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210) ^ UINT64_C(1) << bit}, b);
    CHECK(strcmp(a, b) != 0);
  }
}

static void addresses_have_three_parts(void)
{
  rs_addr addr = rs_addr_make(RS_NODE_MAX, RS_INCARNATION_MAX, RS_EP_MAX);
  CHECK(addr == UINT64_MAX);
  addr = rs_addr_make(12, 3, RS_EP_WORKER + 5);
  CHECK_EQ(rs_addr_node(addr), 12);
  CHECK_EQ(rs_addr_incarnation(addr), 3);
  CHECK_EQ(rs_addr_ep(addr), RS_EP_WORKER + 5);
  CHECK(rs_addr_raylet(addr) == rs_addr_make(12, 3, RS_EP_RAYLET));
  CHECK(rs_addr_same_node(addr, rs_addr_make(12, 3, RS_EP_DRIVER)));
  CHECK(!rs_addr_same_node(addr, rs_addr_make(12, 4, RS_EP_WORKER + 5)));
}

static void errors_have_names(void)
{
  CHECK_STR(rs_error_name(RS_ERR_NODE_DIED), "NODE_DIED");
  CHECK_STR(rs_error_text(RS_ERR_NODE_DIED), "the node died");
  CHECK_STR(rs_error_name(RS_ERR_OK), "OK");
  CHECK_STR(rs_error_name(-12345), "?");
  CHECK(rs_error_text(-12345)[0] != 0);
#define ERR(name, number, text)                                                                                        \
  CHECK_STR(rs_error_name(number), #name);                                                                             \
  CHECK(number <= 0);
#include "core/errors.def"
#undef ERR
}

static void traces_have_names(void)
{
  CHECK_STR(rs_trace_name(RS_TRACE_LEASE_GRANTED), "LEASE_GRANTED");
  CHECK(rs_trace_is_decision(RS_TRACE_LEASE_GRANTED));
  CHECK(!rs_trace_is_decision(RS_TRACE_TASK_QUEUED));
  CHECK(!rs_trace_is_decision(RS_TRACE_KINDS));
  CHECK_STR(rs_trace_name(RS_TRACE_KINDS), "?");
  for (unsigned i = 0; i < RS_TRACE_KINDS; i++)
    CHECK(strcmp(rs_trace_name(i), "?") != 0);
}

/* Whatever a list of effects holds goes with it: a sanitizer would report the rest. */
static void effects_release_what_they_hold(void)
{
  struct rs_effects effects = {0};
  struct rs_task *task = rs_task_new(0, 0);
  static const rs_addr many[2] = {1, 2};
  for (int round = 0; round < 3; round++) {
    for (unsigned kind = 0; kind < RS_OUT_KINDS; kind++) {
      RS_GROW(effects.items, effects.count, effects.cap);
      struct rs_effect *e = &effects.items[effects.count++];
      *e = (struct rs_effect){.kind = (uint8_t)kind};
      switch (kind) {
      case RS_OUT_SEND_MANY: e->many = many, e->count = 2; /* fall through */
      case RS_OUT_SEND: e->msg = rs_msg_new(RS_MSG_DRAIN); break;
      case RS_OUT_TASK_RUN: e->task = rs_task_ref(task); break;
      case RS_OUT_REPLY:
        e->reply = rs_alloc_zero(1, sizeof *e->reply);
        e->reply->result = rs_result_new(1, 1);
        break;
      default: e->size = 1; break;
      }
    }
    rs_effects_clear(&effects);
    CHECK_EQ(effects.count, 0);
    CHECK(effects.items != NULL);
  }
  CHECK_EQ(task->refs, 1);
  rs_task_unref(task);
  rs_effects_free(&effects);
  CHECK(effects.items == NULL && effects.cap == 0);
}

static void calls_own_their_tasks(void)
{
  struct rs_task *task = rs_task_new(0, 0);
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 2);
  CHECK_EQ(call->kind, RS_CALL_SUBMIT);
  CHECK_EQ(call->task_count, 2);
  CHECK(call->tasks[0] == NULL && call->tasks[1] == NULL);
  call->tasks[1] = rs_task_ref(task);
  rs_call_free(call); /* an empty place is fine */
  CHECK_EQ(task->refs, 1);
  rs_call_free(NULL);

  struct rs_calls calls = {0};
  for (int i = 0; i < 20; i++) {
    call = rs_call_new(RS_CALL_SUBMIT, 1);
    call->tasks[0] = rs_task_ref(task);
    rs_calls_add(&calls, call);
  }
  CHECK_EQ(calls.count, 20);
  CHECK_EQ(task->refs, 21);
  rs_calls_free(&calls);
  CHECK_EQ(calls.count, 0);
  CHECK_EQ(task->refs, 1);
  rs_task_unref(task);
}

const struct rs_test rs_tests[] = {
    {"task: one block", tasks_are_one_block},
    {"task: results and failures", results_and_failures},
    {"types: ids print apart", ids_print_apart},
    {"types: addresses have three parts", addresses_have_three_parts},
    {"errors: names", errors_have_names},
    {"trace: names", traces_have_names},
    {"effects: release what they hold", effects_release_what_they_hold},
    {"calls: own their tasks", calls_own_their_tasks},
    {0},
};
