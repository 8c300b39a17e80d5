/* health.h -- whether a process that holds its connections open still runs: the head asks its nodes, a node the head.
 *
 * A killed process ends its connections; one that hangs or is stopped, and one behind a dead link, does not. Questions
 * (PING) and answers (PONG) are handled by the thread that steps the endpoints, so an answer means that it steps.
 * Everything here is called with the process's lock.
 */
#ifndef RS_UV_HEALTH_H
#define RS_UV_HEALTH_H

#include "uv/proc.h"

/* The head begins to ask a node, health_check_initial_delay_ms from now. */
void rs_health_watch(struct rs_proc *proc, struct rs_peer *node);

/* At the head: what is due of the check of a watched node. The time of the next; RS_TIME_NEVER: it was declared dead.
 */
uint64_t rs_health_check(struct rs_proc *proc, struct rs_peer *node, uint64_t now);

/* A watched node has answered. */
void rs_health_answered(struct rs_proc *proc, struct rs_peer *node);

/* At a node that has joined: asks the head when nothing has come from it for a third of
 * gcs_rpc_server_reconnect_timeout_s. The time of the next look; *lost: nothing has come for the whole of it. */
uint64_t rs_health_of_head(struct rs_proc *proc, struct rs_peer *head, uint64_t now, bool *lost);

#endif
