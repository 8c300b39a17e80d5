/* play.h -- a table of tasks played above the real core, on the cluster of mini.h: 4 nodes of 4 CPUs.
 *
 * mini.h keeps the replies, so each outstanding task is asked for every millisecond. `stored` becomes the bytes that
 * are left in the stores a second after the end, `peak` the most at any time.
 */
#ifndef RS_TESTS_PLAY_H
#define RS_TESTS_PLAY_H

#include "base/alloc.h"
#include "check.h"
#include "lib/load/load.h"
#include "mini.h"

struct beside {
  struct mini *mini;
  struct rs_app *app;
  struct rs_id *awaited;
  uint32_t count, cap;
};

static void perform(struct beside *beside, struct rs_calls *calls)
{
  for (uint32_t i = 0; i < calls->count; i++) {
    struct rs_call *call = calls->items[i];
    for (uint32_t k = 0; k < call->task_count; k++) {
      RS_GROW(beside->awaited, beside->count, beside->cap);
      beside->awaited[beside->count++] = call->tasks[k]->id;
    }
    mini_call(beside->mini, call);
  }
  free(calls->items);
}

static void pass_replies(struct beside *beside, uint64_t now)
{
  uint32_t kept = 0, count = beside->count;
  struct rs_calls calls = {0};
  for (uint32_t i = 0; i < count; i++) {
    const struct rs_reply *reply = mini_reply(beside->mini, beside->awaited[i]);
    if (reply)
      beside->app->ops->on_reply(beside->app, now, reply, &calls);
    else
      beside->awaited[kept++] = beside->awaited[i];
  }
  beside->count = kept;
  perform(beside, &calls);
}

static struct rs_load_stats play_load(const struct rs_load_opts *opts, uint64_t *stored, uint64_t *peak)
{
  struct mini_opts cluster;
  mini_defaults(&cluster, 4, 4);
  struct beside beside = {.mini = mini_new(&cluster), .app = rs_load_new(opts)};
  uint64_t now = 0;
  *peak = 0;
  struct rs_calls calls = {0};
  beside.app->ops->on_start(beside.app, now, mini_driver(beside.mini), &calls);
  perform(&beside, &calls);
  for (uint32_t steps = 0; !beside.app->ops->done(beside.app); steps++) {
    CHECK(steps < 100000);
    now += RS_MS;
    mini_run(beside.mini, now);
    pass_replies(&beside, now);
    if (now >= beside.app->ops->deadline(beside.app)) {
      struct rs_calls more = {0};
      beside.app->ops->on_timer(beside.app, now, &more);
      perform(&beside, &more);
    }
    *peak = mini_stored_bytes(beside.mini) > *peak ? mini_stored_bytes(beside.mini) : *peak;
  }
  mini_run(beside.mini, now + RS_S); /* what was released goes */
  *stored = mini_stored_bytes(beside.mini);
  CHECK_EQ(beside.count, 0);
  struct rs_load_stats stats = rs_load_stats(beside.app);
  rs_load_free(beside.app);
  free(beside.awaited);
  mini_free(beside.mini);
  return stats;
}

#endif
