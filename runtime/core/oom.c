/* oom.c -- see oom.h. */
#include "core/oom.h"

uint64_t rs_oom_threshold(const struct rs_config *config, uint64_t limit_bytes)
{
  uint64_t share = (uint64_t)config->memory_usage_threshold_e4;
  uint64_t threshold = limit_bytes / RS_ONE_E4 * share + limit_bytes % RS_ONE_E4 * share / RS_ONE_E4;
  int64_t least = config->min_memory_free_bytes;
  if (least < 0 || (uint64_t)least > limit_bytes)
    return threshold;
  return threshold > limit_bytes - (uint64_t)least ? threshold : limit_bytes - (uint64_t)least;
}

static void mib(struct rs_text *text, uint64_t bytes)
{
  rs_text_number(text, bytes >> 20);
}

void rs_oom_text(struct rs_text *text, const struct rs_config *config, const struct rs_m_worker_oom *m)
{
  rs_text_str(text, "the node was short of memory: on node ");
  rs_text_number(text, rs_addr_node(m->worker));
  rs_text_str(text, " ");
  mib(text, m->used);
  rs_text_str(text, " of ");
  mib(text, m->limit);
  rs_text_str(text, " MiB were in use, more than ");
  mib(text, rs_oom_threshold(config, m->limit));
  rs_text_str(text, " (memory_usage_threshold, ");
  rs_text_number(text, (uint64_t)config->memory_usage_threshold_e4 / 100);
  rs_text_str(text, " %); its worker (process ");
  rs_text_number(text, m->pid);
  rs_text_str(text, ") had ");
  mib(text, m->rss);
  rs_text_str(text, " MiB and was ended, ");
  if (config->worker_killing_policy_by_group)
    rs_text_str(text, "as the newest of the owner with most");
  else
    rs_text_str(text, m->retriable ? "as the newest that can be tried again"
                                   : "as the newest, since none that can be tried again was left");
}
