/* ask.c -- see ask.h. */
#include "uv/ask.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "uv/client.h"

/* Every question and every answer begins with its number. */
struct numbered {
  struct rs_msg head;
  uint64_t request;
};

/* Someone who waits. */
struct asked {
  struct rs_link link;
  uint64_t request;
  struct rs_msg *answer;
};

static uint64_t give(struct rs_proc *proc, void *question)
{
  uint64_t number = ++proc->last_ask;
  ((struct numbered *)question)->request = number;
  struct rs_call *call = rs_call_new(RS_CALL_ASK, 0);
  call->ask = question;
  rs_proc_step_call(proc, call);
  rs_call_free(call);
  rs_proc_drain(proc);
  rs_proc_flush(proc);
  return number;
}

void rs_ask_and_forget(struct rs_proc *proc, void *question)
{
  give(proc, question);
}

void rs_ask_on_answer(struct rs_proc *proc, struct rs_msg *answer)
{
  uint64_t number = ((const struct numbered *)(const void *)answer)->request;
  for (struct rs_link *at = proc->asks.next; at != &proc->asks; at = at->next) {
    struct asked *asked = RS_ENTRY(at, struct asked, link);
    if (asked->request != number)
      continue;
    asked->answer = rs_msg_ref(answer);
    pthread_cond_broadcast(&proc->changed);
    return;
  }
  if (answer->type == RS_MSG_JOB_REPLY)
    proc->job_number = ((const struct rs_m_job_reply *)(const void *)answer)->number;
}

int rs_ask(struct rs_proc *proc, void *question, uint64_t timeout_ns, struct rs_msg **answer)
{
  uint64_t end = rs_time_add(uv_hrtime(), timeout_ns < RS_TIME_NEVER / 4 ? timeout_ns : RS_TIME_NEVER / 4);
  struct timespec until = {.tv_sec = (time_t)(end / RS_S), .tv_nsec = (long)(end % RS_S)};
  struct asked asked = {0};
  *answer = NULL;
  pthread_mutex_lock(&proc->lock);
  if (proc->stopping || proc->ep_count == 0) {
    rs_msg_unref(question);
    pthread_mutex_unlock(&proc->lock);
    return RS_ERR_PEER_LOST;
  }
  rs_list_push_back(&proc->asks, &asked.link);
  asked.request = proc->last_ask + 1;
  give(proc, question);
  while (!asked.answer && !proc->stopping && uv_hrtime() < end)
    pthread_cond_timedwait(&proc->changed, &proc->lock, &until);
  rs_list_remove(&asked.link);
  int rc = asked.answer ? 0 : proc->stopping ? RS_ERR_PEER_LOST : RS_ERR_TIMED_OUT;
  pthread_mutex_unlock(&proc->lock);
  *answer = asked.answer;
  return rc;
}

void rs_ask_job_start(struct rs_proc *proc, const char *name)
{
  struct rs_m_job_start *m = rs_msg_new(RS_MSG_JOB_START);
  size_t length = strlen(name);
  m->pid = (uint32_t)getpid();
  m->name_count = length > 256 ? 256 : (uint32_t)length;
  m->name = rs_memdup(name, m->name_count);
  rs_ask_and_forget(proc, m);
}

void rs_ask_job_end(struct rs_proc *proc, int status, const char *text)
{
  struct rs_m_job_end *m = rs_msg_new(RS_MSG_JOB_END);
  size_t length = strlen(text);
  m->status = status;
  m->text_count = length > 1024 ? 1024 : (uint32_t)length;
  m->text = rs_memdup(text, m->text_count);
  rs_ask_and_forget(proc, m);
}

int rs_uv_client_ask(struct rs_uv_client *client, void *question, uint64_t timeout_ns, struct rs_msg **answer)
{
  return rs_ask(&client->proc, question, timeout_ns, answer);
}
