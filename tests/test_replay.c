/* The built-in function `replay`: its arguments there and back, refusals, and the result that it must give. */
#include "lib/load/replay.h"

#include "check.h"
#include "core/errors.h"

static struct rs_task *task_of(const struct rs_replay *replay, uint8_t returns)
{
  struct rs_task *task = rs_task_new(0, rs_replay_args_bytes(replay->result_bytes));
  task->id = (struct rs_id){7, 3};
  task->function = rs_replay_function();
  task->return_count = returns;
  rs_replay_encode(replay, task->args);
  return task;
}

static void arguments_there_and_back(void)
{
  static const uint8_t value[] = {1, 2, 3, 4, 5};
  struct rs_replay replay = {.duration_ns = UINT64_C(0x1122334455667788),
                             .mode = RS_REPLAY_SPIN,
                             .return_bytes = UINT64_C(1) << 40,
                             .result = value,
                             .result_bytes = sizeof value};
  struct rs_task *task = task_of(&replay, 1);
  CHECK_EQ(task->args_bytes, RS_REPLAY_HEADER_BYTES + 5);
  CHECK_EQ(task->args[0], 0x88);
  CHECK_EQ(task->args[7], 0x11);
  CHECK_EQ(task->args[8], RS_REPLAY_SPIN);
  CHECK_EQ(task->args[21], 1); /* 2^40 */
  struct rs_replay back;
  CHECK_EQ(rs_replay_decode(task, &back), 0);
  CHECK(back.duration_ns == replay.duration_ns && back.mode == replay.mode && back.return_bytes == replay.return_bytes);
  CHECK_EQ(back.result_bytes, 5);
  CHECK(memcmp(back.result, value, 5) == 0);
  rs_task_unref(task);
}

static void bad_arguments_are_refused(void)
{
  struct rs_replay replay = {.duration_ns = 5}, back;
  struct rs_task *task = task_of(&replay, 1);
  CHECK_EQ(rs_replay_decode(task, &back), 0);
  CHECK_EQ(back.result_bytes, 0);
  task->args[8] = 2; /* no such mode */
  CHECK_EQ(rs_replay_decode(task, &back), RS_ERR_MALFORMED);
  task->args[8] = 0;
  task->args[15] = 2; /* bits 25 and up must be zero */
  CHECK_EQ(rs_replay_decode(task, &back), RS_ERR_MALFORMED);
  task->args[15] = 0;
  task->args_bytes = RS_REPLAY_HEADER_BYTES - 1;
  CHECK_EQ(rs_replay_decode(task, &back), RS_ERR_MALFORMED);
  rs_task_unref(task);
}

static void small_results_are_inside(void)
{
  static const uint8_t value[] = {9, 8, 7};
  struct rs_replay replay = {.duration_ns = 5, .result = value, .result_bytes = 3};
  struct rs_task *task = task_of(&replay, 2);
  struct rs_result *result = rs_replay_result(task, &replay, 123, 100, 77);
  CHECK_EQ(result->status, RS_ERR_OK);
  CHECK(rs_id_equal(result->task, task->id));
  CHECK_EQ(result->run_ns, 123);
  CHECK_EQ(result->node, 77);
  CHECK_EQ(result->return_count, 2);
  CHECK_EQ(result->returns[0].size_bytes, 3);
  CHECK_EQ(result->returns[0].inline_bytes, 3);
  CHECK(memcmp(result->data + result->returns[0].inline_at, value, 3) == 0);
  CHECK_EQ(result->returns[1].size_bytes, 0);
  rs_result_unref(result);
  rs_task_unref(task);
}

static void large_results_are_in_the_store(void)
{
  struct rs_replay replay = {.duration_ns = 5, .return_bytes = 101};
  struct rs_task *task = task_of(&replay, 1);
  struct rs_result *result = rs_replay_result(task, &replay, 1, 100, 77);
  CHECK_EQ(result->returns[0].size_bytes, 101);
  CHECK_EQ(result->returns[0].inline_bytes, 0);
  CHECK_EQ(result->data_bytes, 0);
  rs_result_unref(result);
  /* An object below the limit travels inside, as zeros. */
  replay.return_bytes = 100;
  result = rs_replay_result(task, &replay, 1, 100, 77);
  CHECK_EQ(result->returns[0].inline_bytes, 100);
  CHECK_EQ(result->data[99], 0);
  rs_result_unref(result);
  rs_task_unref(task);
}

static void tag_and_failure(void)
{
  struct rs_replay replay = {.duration_ns = 5, .tag = 255, .fails = true, .return_bytes = 1000}, back;
  struct rs_task *task = task_of(&replay, 1);
  CHECK_EQ(task->args[12], 255);
  CHECK_EQ(task->args[13], 1);
  CHECK_EQ(rs_replay_decode(task, &back), 0);
  CHECK_EQ(back.tag, 255);
  CHECK(back.fails);
  struct rs_result *result = rs_replay_result(task, &back, 123, 100, 77);
  CHECK_EQ(result->status, RS_ERR_TASK_FAILED);
  CHECK(rs_id_equal(result->task, task->id));
  CHECK_EQ(result->run_ns, 123);
  CHECK_EQ(result->node, 77);
  CHECK_EQ(result->return_count, 0);
  rs_result_unref(result);
  rs_task_unref(task);
  replay = (struct rs_replay){.duration_ns = 5, .tag = 3};
  task = task_of(&replay, 1);
  CHECK_EQ(rs_replay_decode(task, &back), 0);
  CHECK_EQ(back.tag, 3);
  CHECK(!back.fails);
  rs_task_unref(task);
}

static void a_result_and_an_object(void)
{
  static const uint8_t value[] = {9, 8, 7};
  struct rs_replay replay = {.duration_ns = 5, .result = value, .result_bytes = 3, .return_bytes = 101};
  struct rs_task *task = task_of(&replay, 2);
  struct rs_result *result = rs_replay_result(task, &replay, 1, 100, 77);
  CHECK_EQ(result->return_count, 2);
  CHECK_EQ(result->returns[0].size_bytes, 3);
  CHECK_EQ(result->returns[0].inline_bytes, 3);
  CHECK(memcmp(result->data + result->returns[0].inline_at, value, 3) == 0);
  CHECK_EQ(result->returns[1].size_bytes, 101);
  CHECK_EQ(result->returns[1].inline_bytes, 0);
  rs_result_unref(result);
  /* A small object travels behind the result, as zeros. */
  replay.return_bytes = 4;
  result = rs_replay_result(task, &replay, 1, 100, 77);
  CHECK_EQ(result->data_bytes, 7);
  CHECK_EQ(result->returns[1].inline_bytes, 4);
  CHECK_EQ(result->returns[1].inline_at, 3);
  CHECK_EQ(result->data[3], 0);
  rs_result_unref(result);
  rs_task_unref(task);
}

static void no_returns_no_value(void)
{
  static const uint8_t value[] = {9};
  struct rs_replay replay = {.duration_ns = 5, .result = value, .result_bytes = 1};
  struct rs_task *task = task_of(&replay, 0);
  struct rs_result *result = rs_replay_result(task, &replay, 1, 100, 77);
  CHECK_EQ(result->return_count, 0);
  CHECK_EQ(result->data_bytes, 0);
  rs_result_unref(result);
  rs_task_unref(task);
}

const struct rs_test rs_tests[] = {
    {"replay: arguments there and back", arguments_there_and_back},
    {"replay: bad arguments are refused", bad_arguments_are_refused},
    {"replay: small results are inside", small_results_are_inside},
    {"replay: large results are in the store", large_results_are_in_the_store},
    {"replay: tag and failure", tag_and_failure},
    {"replay: a result and an object", a_result_and_an_object},
    {"replay: no returns, no value", no_returns_no_value},
    {0},
};
