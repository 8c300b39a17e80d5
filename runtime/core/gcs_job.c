/* gcs_job.c -- jobs: the driver programs of the cluster, while they run and for some time after.
 *
 * A program says JOB_START once; its number is the next one. JOB_END says how it went; a program that is gone without
 * it is LOST. What belongs to a job ends with it: the GCS gives up the actors of an owner that is gone, raylets the
 * leases (their workers end, and with them what these had submitted). Of ended jobs the last gcs_max_jobs are kept.
 */
#include "core/gcs_int.h"
#include "core/state.h"

#include <string.h>

struct job {
  struct rs_link link;
  rs_addr driver;
  uint64_t number, started_at, ended_at;
  uint32_t pid;
  enum rs_job_state state;
  int32_t status;
  uint32_t name_bytes, text_bytes, env_bytes;
  uint8_t *name, *text, *env;
};

struct rs_jobs {
  struct rs_link all;    /* by number */
  struct rs_map running; /* driver -> job */
  uint64_t last_number;
  uint32_t ended_count;
};

static struct rs_jobs *jobs_of(struct rs_gcs *g)
{
  if (!g->jobs) {
    g->jobs = rs_alloc_zero(1, sizeof *g->jobs);
    rs_list_init(&g->jobs->all);
  }
  return g->jobs;
}

static void forget(struct job *job)
{
  rs_list_remove(&job->link);
  free(job->name);
  free(job->text);
  free(job->env);
  free(job);
}

static void finish(struct rs_endpoint *ep, struct job *job, enum rs_job_state state, int32_t status,
                   const uint8_t *text, uint32_t text_bytes)
{
  struct rs_jobs *jobs = ep->gcs->jobs;
  job->state = state;
  job->status = status;
  job->ended_at = ep->now;
  job->text = rs_memdup(text, text_bytes);
  job->text_bytes = text_bytes;
  rs_map_remove(&jobs->running, job->driver, NULL);
  jobs->ended_count++;
  for (struct rs_link *at = jobs->all.next; jobs->ended_count > (uint64_t)ep->config->gcs_max_jobs;) {
    struct job *old = RS_ENTRY(at, struct job, link);
    at = at->next;
    if (old->state == RS_JOB_RUNNING)
      continue;
    forget(old);
    jobs->ended_count--;
  }
}

static void reply(struct rs_endpoint *ep, rs_addr to, uint64_t request, uint64_t number)
{
  struct rs_m_job_reply *r = rs_msg_new(RS_MSG_JOB_REPLY);
  r->request = request;
  r->status = number ? RS_ERR_OK : RS_ERR_NOT_FOUND;
  r->number = number;
  rs_send(ep, to, r);
}

void rs_gcs_job_on_start(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_start *m)
{
  struct rs_jobs *jobs = jobs_of(ep->gcs);
  struct job *job = rs_map_get_ptr(&jobs->running, from);
  if (!job) {
    job = rs_alloc_zero(1, sizeof *job);
    job->driver = from;
    job->number = ++jobs->last_number;
    job->started_at = ep->now;
    job->pid = m->pid;
    job->name = rs_memdup(m->name, m->name_count);
    job->name_bytes = m->name_count;
    rs_list_push_back(&jobs->all, &job->link);
    rs_map_put_ptr(&jobs->running, from, job);
  }
  reply(ep, from, m->request, job->number);
}

void rs_gcs_job_on_env(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_env *m)
{
  struct job *job = ep->gcs->jobs ? rs_map_get_ptr(&ep->gcs->jobs->running, from) : NULL;
  reply(ep, from, m->request, job ? job->number : 0);
  if (!job)
    return;
  free(job->env);
  job->env = rs_memdup(m->text, m->text_count);
  job->env_bytes = m->text_count;
}

void rs_gcs_job_on_end(struct rs_endpoint *ep, rs_addr from, const struct rs_m_job_end *m)
{
  struct job *job = ep->gcs->jobs ? rs_map_get_ptr(&ep->gcs->jobs->running, from) : NULL;
  reply(ep, from, m->request, job ? job->number : 0);
  if (job)
    finish(ep, job, m->status == RS_ERR_OK ? RS_JOB_SUCCEEDED : RS_JOB_FAILED, m->status, m->text, m->text_count);
}

void rs_gcs_job_on_driver_down(struct rs_endpoint *ep, rs_addr driver)
{
  static const char text[] = "the program is gone without saying that it has ended";
  struct job *job = ep->gcs->jobs ? rs_map_get_ptr(&ep->gcs->jobs->running, driver) : NULL;
  if (job)
    finish(ep, job, RS_JOB_LOST, RS_ERR_PEER_LOST, (const uint8_t *)text, sizeof text - 1);
}

void rs_gcs_job_rows(struct rs_endpoint *ep, struct rs_answer *answer)
{
  struct rs_jobs *jobs = ep->gcs->jobs;
  if (!jobs)
    return;
  for (struct rs_link *at = jobs->all.prev; at != &jobs->all; at = at->prev) { /* newest first */
    const struct job *job = RS_ENTRY(at, struct job, link);
    uint32_t env_at = job->name_bytes + 1 + job->text_bytes + 1;
    struct rs_row *row = rs_row_new(RS_STATE_JOBS, RS_COLS(jobs), env_at + job->env_bytes);
    row->n[RS_COL(jobs, number)] = job->number;
    row->n[RS_COL(jobs, driver)] = job->driver;
    row->n[RS_COL(jobs, state)] = job->state;
    row->n[RS_COL(jobs, status)] = (uint64_t)(int64_t)job->status;
    row->n[RS_COL(jobs, pid)] = job->pid;
    row->n[RS_COL(jobs, started)] = ep->now - job->started_at;
    row->n[RS_COL(jobs, ended)] = job->state == RS_JOB_RUNNING ? UINT64_MAX : ep->now - job->ended_at;
    if (job->name_bytes)
      memcpy(row->text, job->name, job->name_bytes);
    if (job->text_bytes)
      memcpy(row->text + job->name_bytes + 1, job->text, job->text_bytes);
    if (job->env_bytes)
      memcpy(row->text + env_at, job->env, job->env_bytes);
    rs_answer_add(answer, row);
  }
}

void rs_gcs_job_free(struct rs_gcs *g)
{
  if (!g->jobs)
    return;
  RS_LIST_EACH(&g->jobs->all, at, after) forget(RS_ENTRY(at, struct job, link));
  rs_map_free(&g->jobs->running);
  free(g->jobs);
}
