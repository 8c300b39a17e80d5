/* ask.h -- questions of this process to the head: the key-value store, jobs, the cluster's state.
 *
 * A question is a KV, JOB_START, JOB_END or STATE_QUERY; its number is filled in here. Any thread but the loop's may
 * wait for the answer.
 */
#ifndef RS_UV_ASK_H
#define RS_UV_ASK_H

#include "uv/proc.h"

/* Takes over the question. 0 with one reference to the answer, RS_ERR_TIMED_OUT, or RS_ERR_PEER_LOST. */
int rs_ask(struct rs_proc *proc, void *question, uint64_t timeout_ns, struct rs_msg **answer);

/* With the lock: asks, and nobody waits for the answer. */
void rs_ask_and_forget(struct rs_proc *proc, void *question);

/* With the lock: a reply ANSWER has come. */
void rs_ask_on_answer(struct rs_proc *proc, struct rs_msg *answer);

/* With the lock: this program is a job, of that name, from now on; it has ended that way. */
void rs_ask_job_start(struct rs_proc *proc, const char *name);
void rs_ask_job_end(struct rs_proc *proc, int status, const char *text);

#endif
