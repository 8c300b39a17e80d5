/* Placement groups through the whole core: made, used, lost and removed, on a cluster in one process. */
#include <string.h>

#include "base/alloc.h"
#include "check.h"
#include "core/gcs.h"
#include "core/raylet.h"
#include "mini.h"

#define NONE RS_NODE_NONE

/* ---- building ---- */

static struct rs_call *group_call(struct mini *m, enum rs_group_strategy strategy, uint32_t bundles, double cpus)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_CREATE, 0);
  call->object = (struct rs_id){mini_driver(m), mini_seq(m, 0)};
  call->group_strategy = (uint8_t)strategy;
  call->bundle_count = bundles;
  call->bundles = rs_alloc_zero(bundles, sizeof *call->bundles);
  for (uint32_t i = 0; i < bundles; i++)
    call->bundles[i].cpu_e4 = (int64_t)(cpus * RS_ONE_E4);
  return call;
}

static struct rs_id create(struct mini *m, struct rs_call *call)
{
  struct rs_id id = call->object;
  mini_call(m, call);
  return id;
}

static struct rs_id simple_group(struct mini *m, enum rs_group_strategy strategy, uint32_t bundles, double cpus)
{
  return create(m, group_call(m, strategy, bundles, cpus));
}

static void remove_group(struct mini *m, struct rs_id group)
{
  struct rs_call *call = rs_call_new(RS_CALL_GROUP_REMOVE, 0);
  call->object = group;
  mini_call(m, call);
}

static int state_of(const struct mini *m, struct rs_id group)
{
  const struct rs_reply *reply = mini_reply(m, group);
  return reply && reply->kind == RS_REPLY_GROUP ? reply->state : -1;
}

static rs_node_id node_of(const struct mini *m, struct rs_id group, uint32_t bundle)
{
  const struct rs_reply *reply = mini_reply(m, group);
  CHECK(reply && bundle < reply->node_count);
  return reply->nodes[bundle] ? rs_addr_node(reply->nodes[bundle]) : NONE;
}

/* A task of some CPUs in a bundle (-1: any). */
static struct rs_id run_in(struct mini *m, struct rs_id group, int32_t bundle, double cpus, uint64_t ns,
                           int32_t retries)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = mini_task(m, ns, 0, 0);
  call->target = NONE;
  call->max_retries = retries;
  call->demand = (struct rs_demand){.cpu_e4 = (int64_t)(cpus * RS_ONE_E4),
                                    .group_owner = group.owner,
                                    .group_seq = group.seq,
                                    .group_bundle = bundle};
  struct rs_id id = call->tasks[0]->id;
  mini_call(m, call);
  return id;
}

static struct rs_id actor_in(struct mini *m, struct rs_id group, int32_t bundle, double cpus, int32_t restarts)
{
  struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
  struct rs_task *task = mini_task(m, RS_MS, 0, 0);
  task->flags = RS_TASK_ACTOR_CREATE;
  task->actor = task->id;
  call->tasks[0] = task;
  call->target = NONE;
  call->max_restarts = restarts;
  call->demand = (struct rs_demand){.cpu_e4 = (int64_t)(cpus * RS_ONE_E4),
                                    .group_owner = group.owner,
                                    .group_seq = group.seq,
                                    .group_bundle = bundle};
  call->hold.cpu_e4 = call->demand.cpu_e4;
  struct rs_id id = task->id;
  mini_call(m, call);
  return id;
}

static bool ended(const struct mini *m, struct rs_id task, int status)
{
  const struct rs_reply *reply = mini_reply(m, task);
  return reply && reply->status == status;
}

static uint32_t bundles_on(const struct mini *m, rs_node_id node)
{
  struct rs_endpoint *raylet = mini_raylet(m, node);
  return raylet ? rs_raylet_bundle_count(raylet) : 0;
}

static int64_t left_cpus_e4(const struct mini *m, rs_node_id node)
{
  return rs_view_get(rs_gcs_view(mini_gcs(m)), node)->left.cpu_e4;
}

static struct mini *cluster(uint32_t nodes, uint32_t cpus)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, cpus);
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

/* Nothing of any group is left, and every node has all that it had. */
static void all_is_back(struct mini *m, uint32_t nodes, int64_t cpus)
{
  mini_run(m, mini_run(m, 0) + 3 * RS_S);
  for (rs_node_id node = 1; node <= nodes; node++) {
    CHECK_EQ(bundles_on(m, node), 0);
    if (mini_raylet(m, node))
      CHECK_EQ(left_cpus_e4(m, node), cpus * RS_ONE_E4);
  }
  CHECK_EQ(rs_gcs_group_count(mini_gcs(m)), 0);
}

/* ---- making and using ---- */

static void a_group_holds_its_resources(void)
{
  struct mini *m = cluster(3, 4);
  struct rs_id group = simple_group(m, RS_GROUP_PACK, 2, 2);
  mini_run(m, RS_S + 2 * RS_MS);
  CHECK_EQ(state_of(m, group), RS_GROUP_CREATED); /* two round trips of 0.2 ms */
  rs_node_id home = node_of(m, group, 0);
  CHECK_EQ(node_of(m, group, 1), home);
  CHECK_EQ(bundles_on(m, home), 2);
  mini_run(m, 2 * RS_S);
  CHECK_EQ(left_cpus_e4(m, home), 0);
  for (int i = 0; i < 12; i++) /* the rest of the cluster has 8 CPUs */
    mini_submit(m, mini_task(m, RS_S, 0, 0), 1, 0);
  struct rs_id inside[4];
  for (int i = 0; i < 4; i++)
    inside[i] = run_in(m, group, i / 2, 1, RS_S, 0);
  mini_run(m, 3500 * RS_MS);
  for (int i = 0; i < 4; i++) {
    CHECK(ended(m, inside[i], RS_ERR_OK)); /* at once, in spite of those that wait outside */
    CHECK_EQ(mini_ran_on(m, inside[i]), home);
  }
  mini_run(m, 10 * RS_S);
  CHECK_EQ(mini_reply_count(m), 1 + 12 + 4);
  remove_group(m, group);
  mini_run(m, 12 * RS_S);
  CHECK_EQ(state_of(m, group), RS_GROUP_REMOVED);
  CHECK_EQ(mini_reply(m, group)->status, RS_ERR_GROUP_REMOVED);
  all_is_back(m, 3, 4);
  mini_free(m);
}

static void any_bundle_uses_them_all(void)
{
  struct mini *m = cluster(4, 2);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 4, 1);
  struct rs_id tasks[4];
  for (int i = 0; i < 4; i++) /* submitted before the group has a place */
    tasks[i] = run_in(m, group, -1, 1, RS_S, 0);
  mini_run(m, RS_S + 1100 * RS_MS);
  bool seen[5] = {false};
  for (int i = 0; i < 4; i++) {
    CHECK(ended(m, tasks[i], RS_ERR_OK)); /* all four at a time */
    seen[mini_ran_on(m, tasks[i])] = true;
  }
  CHECK(seen[1] && seen[2] && seen[3] && seen[4]);
  mini_free(m);
}

/* One bundle is busy for long: tasks that want any go on in the others, and none waits for the busy one. */
static void a_busy_bundle_holds_nobody_up(void)
{
  struct mini *m = cluster(3, 1);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 3, 1);
  struct rs_id hog = run_in(m, group, 1, 1, 100 * RS_S, 0);
  mini_run(m, 2 * RS_S);
  struct rs_id tasks[20];
  for (int i = 0; i < 20; i++)
    tasks[i] = run_in(m, group, -1, 1, 200 * RS_MS, 0);
  mini_run(m, 5 * RS_S); /* 20 x 0.2 s on two CPUs */
  for (int i = 0; i < 20; i++)
    CHECK(ended(m, tasks[i], RS_ERR_OK) && mini_ran_on(m, tasks[i]) != mini_ran_on(m, hog));
  struct rs_id one = run_in(m, group, -1, 1, 200 * RS_MS, 0);
  mini_run(m, 5500 * RS_MS);
  CHECK(ended(m, one, RS_ERR_OK));
  mini_free(m);
}

static void strategies_hold(void)
{
  struct mini *m = cluster(4, 4);
  struct rs_id spread = simple_group(m, RS_GROUP_STRICT_SPREAD, 4, 1),
               packed = simple_group(m, RS_GROUP_STRICT_PACK, 3, 1);
  mini_run(m, 2 * RS_S);
  for (uint32_t i = 0; i < 4; i++)
    for (uint32_t k = 0; k < i; k++)
      CHECK(node_of(m, spread, i) != node_of(m, spread, k));
  CHECK(node_of(m, packed, 0) == node_of(m, packed, 1) && node_of(m, packed, 1) == node_of(m, packed, 2));
  struct rs_id five = simple_group(m, RS_GROUP_STRICT_SPREAD, 5, 1), much = simple_group(m, RS_GROUP_STRICT_PACK, 5, 1);
  mini_run(m, 30 * RS_S);
  CHECK(state_of(m, five) == -1 && state_of(m, much) == -1); /* not feasible: they stay pending */
  CHECK_EQ(mini_messages(m, RS_MSG_GROUP_PREPARE), 5);
  remove_group(m, five);
  remove_group(m, much);
  remove_group(m, spread);
  remove_group(m, packed);
  all_is_back(m, 4, 4);
  mini_free(m);
}

static void a_group_waits_for_room(void)
{
  struct mini *m = cluster(2, 2);
  for (int i = 0; i < 4; i++)
    mini_submit(m, mini_task(m, 5 * RS_S, 0, 0), 1, 0);
  mini_run(m, 2 * RS_S);
  struct rs_id group = simple_group(m, RS_GROUP_SPREAD, 2, 2);
  struct rs_id task = run_in(m, group, -1, 2, RS_MS, 0);
  mini_run(m, 5 * RS_S);
  CHECK_EQ(state_of(m, group), -1);
  mini_run(m, 8 * RS_S); /* free at 6 s; a retry at most a second and a report later */
  CHECK_EQ(state_of(m, group), RS_GROUP_CREATED);
  CHECK(ended(m, task, RS_ERR_OK));
  mini_free(m);
}

/* ---- errors ---- */

static void what_cannot_be_fails_clearly(void)
{
  struct mini *m = cluster(2, 4);
  struct rs_id group = simple_group(m, RS_GROUP_SPREAD, 2, 2);
  struct rs_id large = run_in(m, group, -1, 3, RS_MS, 3), other = run_in(m, group, 7, 1, RS_MS, 3);
  struct rs_id unknown = run_in(m, (struct rs_id){mini_driver(m), UINT32_MAX}, -1, 1, RS_MS, 3);
  mini_run(m, 2 * RS_S);
  CHECK(ended(m, large, RS_ERR_GROUP_TOO_SMALL));
  CHECK(ended(m, other, RS_ERR_GROUP_TOO_SMALL));
  CHECK(ended(m, unknown, RS_ERR_GROUP_UNKNOWN));
  struct rs_id actor = actor_in(m, group, -1, 3, 0);
  mini_run(m, 3 * RS_S);
  CHECK(ended(m, actor, RS_ERR_GROUP_TOO_SMALL) && mini_reply(m, actor)->state == RS_ACTOR_DEAD);
  mini_free(m);
}

static void removal_ends_what_runs(void)
{
  struct mini *m = cluster(2, 2);
  struct rs_id group = simple_group(m, RS_GROUP_SPREAD, 2, 2);
  struct rs_id running[4], queued[4];
  for (int i = 0; i < 4; i++)
    running[i] = run_in(m, group, i / 2, 0.5, 100 * RS_S, i % 2 ? 3 : 0);
  struct rs_id actor = actor_in(m, group, -1, 1, -1);
  mini_run(m, 2 * RS_S);
  CHECK(mini_reply(m, actor) && mini_reply(m, actor)->state == RS_ACTOR_ALIVE);
  for (int i = 0; i < 4; i++)
    queued[i] = run_in(m, group, -1, 2, RS_S, 3);
  mini_run(m, 3 * RS_S);
  remove_group(m, group);
  mini_run(m, 5 * RS_S);
  for (int i = 0; i < 4; i++) { /* retries do not help: the group is gone */
    CHECK(ended(m, running[i], RS_ERR_GROUP_REMOVED));
    CHECK(ended(m, queued[i], RS_ERR_GROUP_REMOVED));
  }
  CHECK(mini_reply(m, actor)->state == RS_ACTOR_DEAD && mini_reply(m, actor)->status == RS_ERR_GROUP_REMOVED);
  struct rs_id late = run_in(m, group, -1, 1, RS_S, 3);
  mini_run(m, 6 * RS_S);
  CHECK(ended(m, late, RS_ERR_GROUP_REMOVED));
  all_is_back(m, 2, 2);
  mini_free(m);
}

/* ---- names and lives ---- */

static struct rs_call *named_call(struct mini *m, rs_addr who, uint64_t seq, uint64_t name, bool detached)
{
  struct rs_call *call = group_call(m, RS_GROUP_PACK, 1, 1);
  call->object = (struct rs_id){who, seq};
  call->group_name = name;
  call->detached = detached;
  return call;
}

static void names_and_lives(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 2, 4);
  opts.programs = 2;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  mini_as(m, 1);
  rs_addr other = mini_driver(m);
  mini_as(m, 0);
  struct rs_id stays = {other, 1}, goes = {other, 2}, twin = {mini_driver(m), mini_seq(m, 0)};
  mini_call_at(m, other, named_call(m, other, 1, 77, true));
  mini_call_at(m, other, named_call(m, other, 2, 78, false));
  mini_run(m, 2 * RS_S);
  struct rs_call *call = named_call(m, mini_driver(m), twin.seq, 77, false);
  mini_call(m, call);
  mini_run(m, 3 * RS_S);
  CHECK(state_of(m, twin) == RS_GROUP_REMOVED && mini_reply(m, twin)->status == RS_ERR_NAME_TAKEN);
  CHECK_EQ(rs_gcs_group_count(mini_gcs(m)), 2);

  mini_kill(m, other);
  mini_run(m, 4 * RS_S);
  CHECK_EQ(rs_gcs_group_count(mini_gcs(m)), 1);
  CHECK_EQ(bundles_on(m, 1) + bundles_on(m, 2), 1);
  uint32_t replies = mini_reply_count(m);
  for (uint64_t name = 77; name <= 78; name++) {
    struct rs_call *get = rs_call_new(RS_CALL_GROUP_GET, 0);
    get->group_name = name;
    mini_call(m, get);
  }
  mini_run(m, 5 * RS_S);
  CHECK_EQ(mini_reply_count(m), replies + 2);
  CHECK(state_of(m, stays) == RS_GROUP_CREATED && mini_reply(m, stays)->name == 77);
  const struct rs_reply *none = mini_reply(m, (struct rs_id){0, 0});
  CHECK(none && none->name == 78 && none->status == RS_ERR_GROUP_UNKNOWN);
  struct rs_id task = run_in(m, stays, 0, 1, RS_MS, 0);
  mini_run(m, 6 * RS_S);
  CHECK(ended(m, task, RS_ERR_OK));
  CHECK(mini_reply(m, goes)); /* to its own driver, while that lived */
  remove_group(m, stays);
  all_is_back(m, 2, 4);
  mini_free(m);
}

/* ---- deaths ---- */

static void lost_bundles_are_placed_again(void)
{
  struct mini *m = cluster(4, 2);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 3, 2);
  mini_run(m, 2 * RS_S);
  rs_node_id before[3];
  struct rs_id tasks[3];
  for (uint32_t i = 0; i < 3; i++) {
    before[i] = node_of(m, group, i);
    tasks[i] = run_in(m, group, (int32_t)i, 2, 4 * RS_S, 1);
  }
  mini_run(m, 3 * RS_S);
  mini_kill_node(m, before[1]);
  mini_run(m, 3500 * RS_MS);
  CHECK_EQ(state_of(m, group), RS_GROUP_CREATED);
  CHECK(node_of(m, group, 0) == before[0] && node_of(m, group, 2) == before[2]);
  rs_node_id now = node_of(m, group, 1);
  CHECK(now != before[0] && now != before[1] && now != before[2]);
  mini_run(m, 12 * RS_S);
  for (uint32_t i = 0; i < 3; i++)
    CHECK(ended(m, tasks[i], RS_ERR_OK));
  CHECK_EQ(mini_ran_on(m, tasks[1]), now);
  mini_kill_node(m, now); /* three nodes are left, of which one is dead: nowhere to go */
  mini_run(m, 14 * RS_S);
  CHECK_EQ(state_of(m, group), RS_GROUP_RESCHEDULING);
  CHECK_EQ(node_of(m, group, 1), NONE);
  struct rs_id waits = run_in(m, group, 1, 1, RS_MS, 0);
  mini_run(m, 15 * RS_S);
  CHECK(!mini_reply(m, waits));
  CHECK(mini_restart_node(m, before[1]));
  mini_run(m, 18 * RS_S);
  CHECK(state_of(m, group) == RS_GROUP_CREATED && node_of(m, group, 1) == before[1]);
  CHECK(ended(m, waits, RS_ERR_OK));
  remove_group(m, group);
  mini_run(m, 19 * RS_S);
  for (rs_node_id node = 1; node <= 4; node++)
    CHECK_EQ(bundles_on(m, node), 0);
  mini_free(m);
}

/* A node dies at every moment of prepare and commit: the group ends on the nodes that live, and nothing is left over.
 */
static void deaths_during_the_two_phases(void)
{
  uint32_t rolled_back = 0, moved = 0;
  for (uint64_t at_us = 0; at_us <= 800; at_us += 50)
    for (int how = 0; how < 2; how++) {
      struct mini *m = cluster(5, 2);
      struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 3, 2);
      mini_run(m, RS_S + at_us * RS_US);
      rs_node_id victim = 0;
      for (rs_node_id node = 1; node <= 5 && !victim; node++)
        if (bundles_on(m, node))
          victim = node;
      victim = victim ? victim : 1; /* nothing prepared yet: the policy takes the lowest */
      mini_kill_node(m, victim);
      if (how)
        mini_restart_node(m, victim);
      mini_run(m, 8 * RS_S);
      CHECK_EQ(state_of(m, group), RS_GROUP_CREATED);
      uint32_t bundles = 0;
      for (rs_node_id node = 1; node <= 5; node++) {
        CHECK(bundles_on(m, node) <= 1);
        bundles += bundles_on(m, node);
      }
      CHECK_EQ(bundles, 3);
      for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(bundles_on(m, node_of(m, group, i)), 1);
      rolled_back += mini_count(m, RS_TRACE_GROUP_ROLLED_BACK) > 0;
      moved += mini_count(m, RS_TRACE_GROUP_CREATED) > 1;
      remove_group(m, group);
      mini_run(m, 9 * RS_S);
      for (rs_node_id node = 1; node <= 5; node++)
        CHECK_EQ(bundles_on(m, node), 0);
      mini_free(m);
    }
  CHECK(rolled_back >= 4 && moved >= 4);
}

/* Tasks take the room between the head's view and the raylet: the prepared rest is given back, and tried again. */
static void a_refused_bundle_rolls_the_others_back(void)
{
  struct mini *m = cluster(3, 4);
  for (int i = 0; i < 12; i++)
    mini_submit(m, mini_task(m, (i < 4 ? 3 : 1) * RS_S, 0, 0), 1, 0);
  mini_run(m, 1010 * RS_MS); /* the nodes are full, and the head will hear of it 90 ms later */
  CHECK_EQ(mini_messages(m, RS_MSG_GROUP_PREPARE), 0);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 3, 1);
  mini_run(m, 1015 * RS_MS);
  CHECK(mini_count(m, RS_TRACE_GROUP_ROLLED_BACK) > 0 || state_of(m, group) == -1);
  mini_run(m, 6 * RS_S);
  CHECK_EQ(state_of(m, group), RS_GROUP_CREATED);
  mini_run(m, 8 * RS_S);
  remove_group(m, group);
  all_is_back(m, 3, 4);
  mini_free(m);
}

static void removed_while_it_is_prepared(void)
{
  for (uint64_t at_us = 0; at_us <= 600; at_us += 50) {
    struct mini *m = cluster(3, 2);
    struct rs_id group = simple_group(m, RS_GROUP_SPREAD, 3, 2);
    mini_run(m, RS_S + at_us * RS_US);
    remove_group(m, group);
    mini_run(m, 2 * RS_S);
    CHECK_EQ(state_of(m, group), RS_GROUP_REMOVED);
    all_is_back(m, 3, 2);
    mini_free(m);
  }
}

/* ---- actors ---- */

static void actors_share_the_bundles(void)
{
  struct mini *m = cluster(4, 1);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_SPREAD, 4, 1), actors[5];
  for (int i = 0; i < 5; i++)
    actors[i] = actor_in(m, group, -1, 1, 2);
  mini_run(m, 3 * RS_S);
  int alive = 0, last = -1;
  bool on[5] = {false};
  for (int i = 0; i < 5; i++) {
    const struct rs_reply *reply = mini_reply(m, actors[i]);
    if (!reply) {
      last = i;
      continue;
    }
    CHECK_EQ(reply->state, RS_ACTOR_ALIVE);
    CHECK(!on[rs_addr_node(reply->node)]);
    on[rs_addr_node(reply->node)] = true;
    alive++;
  }
  CHECK(alive == 4 && last >= 0);
  int victim = last == 2 ? 1 : 2;
  rs_node_id home = rs_addr_node(mini_reply(m, actors[victim])->node);
  struct rs_call *kill = rs_call_new(RS_CALL_ACTOR_KILL, 0);
  kill->object = actors[victim];
  kill->no_restart = true;
  mini_call(m, kill);
  mini_run(m, 5 * RS_S); /* the fifth finds the only bundle that is free, wherever it is */
  CHECK(mini_reply(m, actors[last]) && mini_reply(m, actors[last])->state == RS_ACTOR_ALIVE);
  CHECK_EQ(rs_addr_node(mini_reply(m, actors[last])->node), home);
  remove_group(m, group);
  mini_run(m, 7 * RS_S);
  for (int i = 0; i < 5; i++)
    CHECK_EQ(mini_reply(m, actors[i])->state, RS_ACTOR_DEAD);
  all_is_back(m, 4, 1);
  mini_free(m);
}

/* ---- what goes in with a task ---- */

static void children_are_captured(void)
{
  struct mini *m = cluster(2, 4);
  struct rs_id group = simple_group(m, RS_GROUP_STRICT_PACK, 2, 2);
  mini_run(m, 2 * RS_S);
  rs_node_id home = node_of(m, group, 0), away = home == 1 ? 2 : 1;
  for (int capture = 0; capture < 2; capture++) {
    struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
    call->tasks[0] = mini_task(m, 20 * RS_S, 0, 0);
    call->target = NONE;
    call->demand = (struct rs_demand){.cpu_e4 = RS_ONE_E4, .group_owner = group.owner, .group_seq = group.seq};
    if (capture) {
      call->tasks[0]->flags |= RS_TASK_CAPTURE;
      call->tasks[0]->placement = group;
    }
    struct rs_id parent = call->tasks[0]->id;
    mini_call(m, call);
    mini_run(m, (2 + (uint64_t)capture * 10) * RS_S + 500 * RS_MS);
    rs_addr worker = mini_worker_of(m, parent);
    CHECK(worker != RS_ADDR_NONE);
    struct rs_id children[4];
    for (uint64_t i = 0; i < 4; i++) { /* 1 more CPU in bundle 0, 2 in bundle 1, 4 on the other node */
      struct rs_call *child = rs_call_new(RS_CALL_SUBMIT, 1);
      child->tasks[0] = mini_task(m, RS_S, 0, 0);
      child->tasks[0]->id = children[i] = (struct rs_id){worker, 10 + 10 * i};
      child->target = NONE;
      child->demand.cpu_e4 = RS_ONE_E4;
      child->no_capture = capture && i == 3;
      mini_call_at(m, worker, child);
    }
    mini_run(m, (2 + (uint64_t)capture * 10) * RS_S + 4 * RS_S);
    for (uint64_t i = 0; i < 4; i++) {
      CHECK(ended(m, children[i], RS_ERR_OK));
      CHECK_EQ(mini_ran_on(m, children[i]), capture && i < 3 ? home : away);
    }
  }
  mini_free(m);
}

/* ---- GPUs ---- */

static void gpu_fractions_are_kept_apart(void)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 8);
  opts.total.gpu_count = 2;
  opts.total.gpu_e4[0] = opts.total.gpu_e4[1] = RS_ONE_E4;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_call *call = group_call(m, RS_GROUP_PACK, 2, 0);
  call->bundles[0].gpu_e4 = 8000;
  call->bundles[1].gpu_e4 = 6000;
  struct rs_id group = create(m, call);
  mini_run(m, 2 * RS_S);
  CHECK_EQ(state_of(m, group), RS_GROUP_CREATED); /* on two devices: 0.2 and 0.4 are left */
  call = group_call(m, RS_GROUP_PACK, 1, 0);
  call->bundles[0].gpu_e4 = 5000;
  struct rs_id no = create(m, call);
  mini_run(m, 5 * RS_S);
  CHECK_EQ(state_of(m, no), -1); /* 0.6 is left, but no half of one device */
  struct rs_call *submit = rs_call_new(RS_CALL_SUBMIT, 2);
  for (int i = 0; i < 2; i++)
    submit->tasks[i] = mini_task(m, RS_S, 0, 0);
  submit->target = NONE;
  submit->demand =
      (struct rs_demand){.gpu_e4 = 4000, .group_owner = group.owner, .group_seq = group.seq, .group_bundle = -1};
  struct rs_id first = submit->tasks[0]->id, second = submit->tasks[1]->id;
  mini_call(m, submit);
  submit = rs_call_new(RS_CALL_SUBMIT, 1);
  submit->tasks[0] = mini_task(m, RS_S, 0, 0);
  submit->target = NONE;
  submit->demand =
      (struct rs_demand){.gpu_e4 = 7000, .group_owner = group.owner, .group_seq = group.seq, .group_bundle = 1};
  struct rs_id large = submit->tasks[0]->id;
  mini_call(m, submit);
  mini_run(m, 7 * RS_S);
  CHECK(ended(m, first, RS_ERR_OK) && ended(m, second, RS_ERR_OK));
  CHECK(ended(m, large, RS_ERR_GROUP_TOO_SMALL));
  remove_group(m, group);
  mini_run(m, 8 * RS_S);
  CHECK_EQ(state_of(m, no), RS_GROUP_CREATED);
  mini_free(m);
}

/* ---- labels ---- */

enum { RACKS = 3, PER_RACK = 4 };

static struct mini *racks(struct rs_node_info **infos)
{
  static const char *const names[RACKS] = {"a", "b", "c"};
  struct mini_opts opts;
  mini_defaults(&opts, RACKS * PER_RACK, 2);
  for (int i = 0; i < RACKS * PER_RACK; i++) {
    infos[i] = rs_node_info_new(&opts.total);
    CHECK(rs_node_info_add_label(infos[i], "rack", names[i / PER_RACK]));
  }
  opts.infos = infos;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  return m;
}

static void racks_end(struct mini *m, struct rs_node_info **infos)
{
  mini_free(m);
  for (int i = 0; i < RACKS * PER_RACK; i++)
    rs_node_info_unref(infos[i]);
}

static uint32_t rack_of(rs_node_id node)
{
  return (node - 1) / PER_RACK;
}

static void a_topology_keeps_a_group_in_one_rack(void)
{
  struct rs_node_info *infos[RACKS * PER_RACK];
  struct mini *m = racks(infos);
  struct rs_id groups[3];
  for (int g = 0; g < 3; g++) { /* 3 of 4 nodes of a rack each: a second one must go to another rack */
    struct rs_call *call = group_call(m, RS_GROUP_SPREAD, 3, 2);
    call->topology = rs_name_hash("rack");
    groups[g] = create(m, call);
    mini_run(m, (uint64_t)(2 + g) * RS_S);
    CHECK_EQ(state_of(m, groups[g]), RS_GROUP_CREATED);
    for (uint32_t i = 1; i < 3; i++)
      CHECK_EQ(rack_of(node_of(m, groups[g], i)), rack_of(node_of(m, groups[g], 0)));
  }
  struct rs_call *call = group_call(m, RS_GROUP_SPREAD, 2, 2); /* three nodes are free, in three racks */
  call->topology = rs_name_hash("rack");
  struct rs_id fourth = create(m, call);
  mini_run(m, 6 * RS_S);
  CHECK_EQ(state_of(m, fourth), -1);
  rs_node_id victim = node_of(m, groups[1], 2);
  mini_kill_node(m, victim); /* its bundle stays in the rack */
  mini_run(m, 8 * RS_S);
  CHECK_EQ(state_of(m, groups[1]), RS_GROUP_CREATED);
  CHECK_EQ(rack_of(node_of(m, groups[1], 2)), rack_of(victim));
  racks_end(m, infos);
}

static struct rs_id labelled(struct mini *m, struct rs_demand demand, enum rs_strategy strategy, rs_node_id target)
{
  struct rs_call *call = rs_call_new(RS_CALL_SUBMIT, 1);
  call->tasks[0] = mini_task(m, RS_S, 0, 0);
  call->demand = demand;
  call->strategy = (uint8_t)strategy;
  call->target = target;
  struct rs_id id = call->tasks[0]->id;
  mini_call(m, call);
  return id;
}

static void labels_choose_nodes_and_fall_back(void)
{
  struct rs_node_info *infos[RACKS * PER_RACK];
  struct mini *m = racks(infos);
  struct rs_demand demand = {.cpu_e4 = 2 * RS_ONE_E4};
  CHECK(rs_demand_add_select(&demand, 0, "rack", RS_SELECT_IN, "b"));
  CHECK(rs_demand_add_select(&demand, 1, "rack", RS_SELECT_IN, "c"));
  struct rs_id tasks[9];
  for (int i = 0; i < 9; i++)
    tasks[i] = labelled(m, demand, RS_STRATEGY_DEFAULT, NONE);
  mini_run(m, 2500 * RS_MS);
  int in[RACKS] = {0};
  for (int i = 0; i < 9; i++)
    if (mini_ran_on(m, tasks[i]) != NONE && mini_reply(m, tasks[i]))
      in[rack_of(mini_ran_on(m, tasks[i]))]++;
  CHECK(in[0] == 0 && in[1] == PER_RACK && in[2] == PER_RACK); /* the ninth waits rather than go to rack a */
  mini_run(m, 5 * RS_S);
  CHECK(mini_reply(m, tasks[8]));
  struct rs_demand nowhere = {.cpu_e4 = RS_ONE_E4};
  CHECK(rs_demand_add_select(&nowhere, 0, "rack", RS_SELECT_IN, "z"));
  struct rs_id waits = labelled(m, nowhere, RS_STRATEGY_DEFAULT, NONE);
  nowhere.fallback_count = 1; /* soft: any node will do */
  struct rs_id soft = labelled(m, nowhere, RS_STRATEGY_DEFAULT, NONE);
  mini_run(m, 8 * RS_S);
  CHECK(!mini_reply(m, waits) && ended(m, soft, RS_ERR_OK));
  racks_end(m, infos);
}

static void affinity_to_a_dead_or_unknown_node(void)
{
  struct mini *m = cluster(2, 2);
  mini_kill_node(m, 2);
  mini_run(m, 3 * RS_S);
  struct rs_demand one = {.cpu_e4 = RS_ONE_E4};
  for (rs_node_id target = 2; target <= 900; target += 898) {
    struct rs_id hard = labelled(m, one, RS_STRATEGY_NODE_AFFINITY, target);
    struct rs_id soft = labelled(m, one, RS_STRATEGY_NODE_AFFINITY_SOFT, target);
    mini_run(m, mini_run(m, 0) + 3 * RS_S);
    CHECK(ended(m, hard, RS_ERR_INFEASIBLE));
    const struct rs_result *why = mini_reply(m, hard)->result;
    static const char begins[] = "it is bound to node ";
    CHECK(why->data_bytes > sizeof begins && memcmp(why->data, begins, sizeof begins - 1) == 0);
    CHECK(ended(m, soft, RS_ERR_OK) && mini_ran_on(m, soft) == 1);
  }
  for (int i = 0; i < 4; i++) { /* actors too: to a dead node, and to one that never was */
    bool soft = i % 2;
    struct rs_call *call = rs_call_new(RS_CALL_ACTOR_CREATE, 1);
    struct rs_task *task = mini_task(m, RS_MS, 0, 0);
    task->flags = RS_TASK_ACTOR_CREATE;
    task->actor = task->id;
    call->tasks[0] = task;
    call->strategy = soft ? RS_STRATEGY_NODE_AFFINITY_SOFT : RS_STRATEGY_NODE_AFFINITY;
    call->target = i < 2 ? 2 : 900;
    call->demand = one;
    struct rs_id id = task->id;
    mini_call(m, call);
    mini_run(m, mini_run(m, 0) + 2 * RS_S);
    CHECK_EQ(mini_reply(m, id)->state, soft ? RS_ACTOR_ALIVE : RS_ACTOR_DEAD);
    CHECK_EQ(mini_reply(m, id)->status, soft ? RS_ERR_OK : RS_ERR_INFEASIBLE);
    if (soft)
      continue;
    const struct rs_result *why = mini_reply(m, id)->result;
    const char *text =
        i < 2 ? "it is bound to node 2, which is dead" : "it is bound to node 900, and there is no such node";
    CHECK(why && why->data_bytes == strlen(text) && memcmp(why->data, text, strlen(text)) == 0);
  }
  mini_free(m);
}

/* ---- the autoscaler ---- */

static uint32_t hosts_for(enum rs_group_strategy strategy, uint32_t bundles, double cpus, const char *topology,
                          int *state)
{
  struct mini_opts opts;
  mini_defaults(&opts, 1, 1);
  struct rs_res small = opts.total, large = opts.total;
  small.cpu_e4 = 2 * RS_ONE_E4;
  large.cpu_e4 = 8 * RS_ONE_E4;
  struct rs_node_type types[3] = {{.info = rs_node_info_new(&small), .max_count = 6},
                                  {.info = rs_node_info_new(&large), .max_count = 6},
                                  {.info = rs_node_info_new(&small), .max_count = 2}};
  for (uint32_t i = 0; i < 3; i++)
    types[i].info->node_type = i;
  CHECK(rs_node_info_add_label(types[0].info, "rack", "x"));
  CHECK(rs_node_info_add_label(types[2].info, "rack", "y"));
  opts.node_types = types;
  opts.node_type_count = 3;
  opts.config.autoscaler_idle_timeout_ms = 5000;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  struct rs_call *call = group_call(m, strategy, bundles, cpus);
  call->topology = topology ? rs_name_hash(topology) : 0;
  struct rs_id group = create(m, call);
  mini_run(m, 60 * RS_S); /* hosts come one or a few at each decision, every 5 s */
  *state = state_of(m, group);
  uint32_t launched = (uint32_t)mini_count(m, RS_TRACE_HOST_LAUNCHED);
  if (*state == RS_GROUP_CREATED) { /* hosts with bundles stay, though nothing runs there */
    CHECK_EQ(mini_count(m, RS_TRACE_HOST_REMOVED), 0);
    if (topology)
      for (uint32_t i = 0; i < bundles; i++) {
        const struct rs_view *view = rs_gcs_view(mini_gcs(m));
        uint64_t value = rs_node_label(rs_view_get(view, node_of(m, group, i))->info, rs_name_hash("rack"));
        CHECK(value != 0 &&
              value == rs_node_label(rs_view_get(view, node_of(m, group, 0))->info, rs_name_hash("rack")));
      }
    remove_group(m, group);
    mini_run(m, 80 * RS_S);
    CHECK_EQ(mini_count(m, RS_TRACE_HOST_REMOVED), launched);
  }
  mini_free(m);
  for (int i = 0; i < 3; i++)
    rs_node_info_unref(types[i].info);
  return launched;
}

static void the_autoscaler_serves_whole_groups(void)
{
  int state;
  CHECK_EQ(hosts_for(RS_GROUP_STRICT_SPREAD, 3, 1.5, NULL, &state), 3);
  CHECK_EQ(state, RS_GROUP_CREATED);
  CHECK_EQ(hosts_for(RS_GROUP_STRICT_PACK, 4, 1.5, NULL, &state), 1); /* 6 CPUs on one: the large type */
  CHECK_EQ(state, RS_GROUP_CREATED);
  CHECK_EQ(hosts_for(RS_GROUP_STRICT_PACK, 9, 1, NULL, &state), 0); /* no type has 9 CPUs */
  CHECK_EQ(state, -1);
  CHECK_EQ(hosts_for(RS_GROUP_STRICT_SPREAD, 20, 1, NULL, &state), 0); /* 15 hosts at most: none is launched in vain */
  CHECK_EQ(state, -1);
  CHECK_EQ(hosts_for(RS_GROUP_PACK, 4, 2, "rack", &state),
           4); /* rack y may have two hosts, the large type has no rack */
  CHECK_EQ(state, RS_GROUP_CREATED);
}

/* ---- many ---- */

static uint64_t thousand(uint32_t groups, uint32_t nodes, bool codec, uint64_t *hash, uint64_t *messages)
{
  struct mini_opts opts;
  mini_defaults(&opts, nodes, 64);
  opts.checks = false;
  opts.codec = codec;
  struct mini *m = mini_new(&opts);
  mini_run(m, RS_S);
  rs_endpoint_take_work(mini_gcs(m));
  uint64_t before = mini_messages_all(m);
  struct rs_id *ids = rs_alloc(groups * sizeof *ids);
  for (uint32_t i = 0; i < groups; i++)
    ids[i] = simple_group(m, (enum rs_group_strategy)(i % 4), 4, 1);
  mini_run(m, 5 * RS_S);
  for (uint32_t i = 0; i < groups; i++)
    CHECK_EQ(state_of(m, ids[i]), RS_GROUP_CREATED);
  uint64_t examined = rs_endpoint_take_work(mini_gcs(m)).nodes;
  *messages = mini_messages_all(m) - before;
  for (uint32_t i = 0; i < groups; i++)
    remove_group(m, ids[i]);
  mini_run(m, 8 * RS_S);
  for (rs_node_id node = 1; node <= nodes; node++)
    CHECK_EQ(bundles_on(m, node), 0);
  *hash = mini_hash(m);
  mini_free(m);
  free(ids);
  return examined;
}

static void a_thousand_groups(void)
{
  uint64_t hash, again, coded, few_messages, messages;
  uint64_t few = thousand(250, 100, false, &hash, &few_messages), many = thousand(1000, 100, false, &hash, &messages);
  uint64_t wide = thousand(1000, 800, false, &again, &messages);
  printf("\n    entries examined at the head: 250 groups on 100 nodes %" PRIu64 ", 1,000 on 100 %" PRIu64
         ", 1,000 on 800 %" PRIu64 "; %" PRIu64 " messages\n",
         few, many, wide, messages);
  CHECK(many < 5 * few && wide < 2 * many);
  thousand(1000, 100, false, &again, &messages);
  CHECK_EQ(hash, again);
  thousand(1000, 100, true, &coded, &messages);
  CHECK_EQ(hash, coded);
}

const struct rs_test rs_tests[] = {
    {"a group holds its resources", a_group_holds_its_resources},
    {"any bundle uses them all", any_bundle_uses_them_all},
    {"a busy bundle holds nobody up", a_busy_bundle_holds_nobody_up},
    {"strategies hold", strategies_hold},
    {"a group waits for room", a_group_waits_for_room},
    {"what cannot be fails clearly", what_cannot_be_fails_clearly},
    {"removal ends what runs", removal_ends_what_runs},
    {"names and lives", names_and_lives},
    {"lost bundles are placed again", lost_bundles_are_placed_again},
    {"deaths during the two phases", deaths_during_the_two_phases},
    {"a refused bundle rolls the others back", a_refused_bundle_rolls_the_others_back},
    {"removed while it is prepared", removed_while_it_is_prepared},
    {"actors share the bundles", actors_share_the_bundles},
    {"children are captured", children_are_captured},
    {"GPU fractions are kept apart", gpu_fractions_are_kept_apart},
    {"a topology keeps a group in one rack", a_topology_keeps_a_group_in_one_rack},
    {"labels choose nodes and fall back", labels_choose_nodes_and_fall_back},
    {"affinity to a dead or unknown node", affinity_to_a_dead_or_unknown_node},
    {"the autoscaler serves whole groups", the_autoscaler_serves_whole_groups},
    {"a thousand groups", a_thousand_groups},
    {0},
};
