/* raysim_cluster.c -- the public API's view of the cluster: key-value store, nodes, resources, the job's number. */
#include <stdlib.h>

#include "api/raysim_int.h"
#include "core/codec.h"
#include "core/kv.h"
#include "core/state.h"
#include "uv/ask.h"

enum { ANSWER_S = 30 };

/* ---- the key-value store ---- */

static int fill(uint8_t **to, uint32_t *count, const char *what, const void *bytes, size_t size, size_t max)
{
  if (size > max)
    return raysim_set_error(RAYSIM_ERR_TOO_LARGE, "the %s has %zu bytes; at most %zu are possible", what, size, max);
  *to = rs_memdup(bytes, size);
  *count = (uint32_t)size;
  return 0;
}

/* With a reference to the answer. `key` of KEYS: the prefix. */
static int kv(struct raysim *ray, enum rs_kv_op op, const char *space, const char *key, const void *bytes, size_t size,
              int overwrite, struct rs_m_kv_reply **answer)
{
  if (raysim_connected(ray, "raysim_kv") != 0)
    return RAYSIM_ERR_INVALID;
  if (!key || (!bytes && size))
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_kv: the %s NULL", key ? "bytes are" : "key is");
  struct rs_m_kv *m = rs_msg_new(RS_MSG_KV);
  struct rs_msg *reply = NULL;
  m->op = (uint8_t)op;
  m->overwrite = overwrite != 0;
  m->limit = UINT32_MAX;
  space = space ? space : "";
  int rc = fill(&m->space, &m->space_count, "name space", space, strlen(space), RS_KV_SPACE_MAX);
  if (rc == 0)
    rc = fill(&m->key, &m->key_count, "key", key, strlen(key), RS_KV_KEY_MAX);
  if (rc == 0)
    rc = fill(&m->value, &m->value_count, "value", bytes, size, RS_KV_VALUE_MAX);
  if (rc != 0) {
    rs_msg_unref(&m->head);
    return rc;
  }
  rc = rs_ask(ray->front->proc, m, ANSWER_S * RS_S, &reply);
  *answer = (struct rs_m_kv_reply *)(void *)reply;
  if (rc == 0)
    rc = (*answer)->status;
  if (rc == 0)
    return 0;
  rs_msg_unref(reply);
  *answer = NULL;
  return raysim_set_error(rc, "key \"%.200s\": %s", key, rs_error_text(rc));
}

int raysim_kv_put(struct raysim *ray, const char *name_space, const char *key, const void *bytes, size_t size,
                  int overwrite)
{
  struct rs_m_kv_reply *m;
  int rc = kv(ray, RS_KV_PUT, name_space, key, bytes, size, overwrite, &m);
  if (rc == 0) {
    rc = (int)m->count;
    rs_msg_unref(&m->head);
  }
  return rc;
}

int raysim_kv_get(struct raysim *ray, const char *name_space, const char *key, void **bytes, size_t *size)
{
  struct rs_m_kv_reply *m;
  *bytes = NULL;
  *size = 0;
  int rc = kv(ray, RS_KV_GET, name_space, key, NULL, 0, 0, &m);
  if (rc != 0)
    return rc;
  char *copy = rs_alloc(m->value_count + 1);
  if (m->value_count)
    memcpy(copy, m->value, m->value_count);
  copy[m->value_count] = 0; /* so that text can be read as it is */
  *bytes = copy;
  *size = m->value_count;
  rs_msg_unref(&m->head);
  return 0;
}

static int counted(struct raysim *ray, enum rs_kv_op op, const char *name_space, const char *key)
{
  struct rs_m_kv_reply *m;
  int rc = kv(ray, op, name_space, key, NULL, 0, 0, &m);
  if (rc == 0) {
    rc = (int)m->count;
    rs_msg_unref(&m->head);
  }
  return rc;
}

int raysim_kv_delete(struct raysim *ray, const char *name_space, const char *key)
{
  return counted(ray, RS_KV_DELETE, name_space, key);
}

int raysim_kv_exists(struct raysim *ray, const char *name_space, const char *key)
{
  return counted(ray, RS_KV_EXISTS, name_space, key);
}

int raysim_kv_keys(struct raysim *ray, const char *name_space, const char *prefix, char ***keys, size_t *count)
{
  struct rs_m_kv_reply *m;
  *keys = NULL;
  *count = 0;
  int rc = kv(ray, RS_KV_KEYS, name_space, prefix ? prefix : "", NULL, 0, 0, &m);
  if (rc != 0)
    return rc;
  struct rs_reader r = {m->value, m->value + m->value_count, 0};
  size_t room = sizeof(char *) * ((size_t)m->count + 1) + m->value_count; /* two bytes a key become one */
  char **list = rs_alloc(room), *text = (char *)(list + m->count + 1);
  while (rs_get_left(&r) > 0) {
    size_t length = rs_get_u16(&r);
    const uint8_t *at = rs_get_span(&r, length);
    if (!at)
      break;
    memcpy(text, at, length);
    text[length] = 0;
    list[(*count)++] = text;
    text += length + 1;
  }
  list[*count] = NULL;
  *keys = list;
  rs_msg_unref(&m->head);
  return 0;
}

/* ---- nodes and resources ---- */

static int node_rows(struct raysim *ray, struct rs_m_state_reply **answer)
{
  struct rs_m_state_query *m = rs_msg_new(RS_MSG_STATE_QUERY);
  struct rs_msg *reply = NULL;
  m->kind = RS_STATE_NODES;
  m->limit = RS_STATE_ROWS_MAX;
  int rc = rs_ask(ray->front->proc, m, ANSWER_S * RS_S, &reply);
  *answer = (struct rs_m_state_reply *)(void *)reply;
  return rc == 0 ? 0 : raysim_set_error(rc, "the head did not answer: %s", rs_error_text(rc));
}

static double amount(const struct rs_row *row, unsigned column)
{
  return (double)row->n[column] / RS_ONE_E4;
}

static struct raysim_resources total_of(const struct rs_row *row)
{
  return (struct raysim_resources){.num_cpus = amount(row, RS_COL(nodes, cpus)),
                                   .num_gpus = amount(row, RS_COL(nodes, gpus)),
                                   .memory_bytes = row->n[RS_COL(nodes, memory)],
                                   .object_store_bytes = row->n[RS_COL(nodes, store)]};
}

static struct raysim_resources left_of(const struct rs_row *row)
{
  return (struct raysim_resources){.num_cpus = amount(row, RS_COL(nodes, cpus_left)),
                                   .num_gpus = amount(row, RS_COL(nodes, gpus_left)),
                                   .memory_bytes = row->n[RS_COL(nodes, memory_left)],
                                   .object_store_bytes = row->n[RS_COL(nodes, store_left)]};
}

int raysim_nodes(struct raysim *ray, struct raysim_node_info **nodes, size_t *count)
{
  struct rs_m_state_reply *m;
  if (!nodes || !count)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_nodes: no room for the answer");
  *nodes = NULL;
  *count = 0;
  if (raysim_connected(ray, "raysim_nodes") != 0)
    return RAYSIM_ERR_INVALID;
  int rc = node_rows(ray, &m);
  if (rc != 0)
    return rc;
  *nodes = rs_alloc_zero((size_t)m->rows_count + 1, sizeof **nodes);
  for (uint32_t i = 0; i < m->rows_count; i++) {
    const struct rs_row *row = m->rows[i];
    (*nodes)[(*count)++] = (struct raysim_node_info){.node = (uint32_t)row->n[RS_COL(nodes, node)],
                                                     .alive = row->n[RS_COL(nodes, state)] != RS_NODE_DEAD,
                                                     .total = total_of(row),
                                                     .available = left_of(row)};
  }
  rs_msg_unref(&m->head);
  return 0;
}

static int sum(struct raysim *ray, struct raysim_resources *out, struct raysim_resources (*of)(const struct rs_row *))
{
  struct rs_m_state_reply *m;
  if (!out)
    return raysim_set_error(RAYSIM_ERR_INVALID, "raysim_cluster_resources: no room for the answer");
  *out = (struct raysim_resources){0};
  if (raysim_connected(ray, "raysim_cluster_resources") != 0)
    return RAYSIM_ERR_INVALID;
  int rc = node_rows(ray, &m);
  if (rc != 0)
    return rc;
  for (uint32_t i = 0; i < m->rows_count; i++) {
    if (m->rows[i]->n[RS_COL(nodes, state)] == RS_NODE_DEAD)
      continue;
    struct raysim_resources r = of(m->rows[i]);
    out->num_cpus += r.num_cpus;
    out->num_gpus += r.num_gpus;
    out->memory_bytes += r.memory_bytes;
    out->object_store_bytes += r.object_store_bytes;
  }
  rs_msg_unref(&m->head);
  return 0;
}

int raysim_cluster_resources(struct raysim *ray, struct raysim_resources *resources)
{
  return sum(ray, resources, total_of);
}

int raysim_available_resources(struct raysim *ray, struct raysim_resources *resources)
{
  return sum(ray, resources, left_of);
}

uint64_t raysim_job(struct raysim *ray)
{
  if (raysim_connected(ray, "raysim_job") != 0)
    return 0;
  struct rs_proc *proc = ray->front->proc;
  uint64_t number = 0;
  if (!ray->client && ray->front->about) {
    struct rs_id parent;
    rs_addr driver;
    pthread_mutex_lock(&proc->lock);
    ray->front->about(ray->front, &parent, &driver);
    pthread_mutex_unlock(&proc->lock);
    return raysim_job_of(ray, driver);
  }
  for (int i = 0; i < 1000 && ray->client; i++) { /* the head's answer to our beginning is on its way */
    pthread_mutex_lock(&proc->lock);
    number = proc->job_number;
    bool over = number || proc->stopping;
    pthread_mutex_unlock(&proc->lock);
    if (over)
      break;
    uv_sleep(1);
  }
  return number;
}
