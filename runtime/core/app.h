/* app.h -- an application above an owner endpoint, as a state machine: workloads, the Tune controller.
 *
 * It lives beside the endpoint that it uses (a RS_ROLE_DRIVER one). The driver passes every REPLY to on_reply, and
 * steps the endpoint with each CALL that the application appends, in order, before anything else happens on that
 * endpoint:
 *
 *     app->ops->on_start(app, now, self, &calls)     once, after the endpoint's START
 *     app->ops->on_reply(app, now, reply, &calls)    for each RS_OUT_REPLY
 *     app->ops->on_timer(app, now, &calls)           at app->ops->deadline(app) or later
 *     app->ops->done(app)                            asked after each of these: true ends the run
 *
 * Same purity as the core: no clock, no I/O, no globals; `now` is the owner node's clock. The driver frees each call
 * with rs_call_free after its step.
 */
#ifndef RS_CORE_APP_H
#define RS_CORE_APP_H

#include "core/io.h"

struct rs_calls {
  struct rs_call **items;
  uint32_t count, cap;
};

void rs_calls_add(struct rs_calls *calls, struct rs_call *call); /* takes it over */
void rs_calls_free(struct rs_calls *calls);                      /* with the calls that are left in it */

struct rs_app;

struct rs_app_ops {
  void (*on_start)(struct rs_app *app, uint64_t now, rs_addr self, struct rs_calls *calls);
  void (*on_reply)(struct rs_app *app, uint64_t now, const struct rs_reply *reply, struct rs_calls *calls);
  void (*on_timer)(struct rs_app *app, uint64_t now, struct rs_calls *calls);
  uint64_t (*deadline)(const struct rs_app *app);
  bool (*done)(const struct rs_app *app);
};

/* First member of every application. */
struct rs_app {
  const struct rs_app_ops *ops;
};

#endif
