/* front_name.c -- the names of what is sent as hashes: remembered by this process, and told to the head once each, for
 * people. O(1) each, expected. */
#include <stdio.h>
#include <string.h>

#include "core/kv.h"
#include "uv/ask.h"
#include "uv/front.h"

/* With the lock. People who look at the cluster want names; what is sent about tasks has hashes. */
static void tell_name(struct rs_front *front, uint64_t hash, const char *name)
{
  struct rs_proc *proc = front->proc;
  if (front->names.count > RS_NAMES_MAX || proc->ep_count == 0 || proc->stopping)
    return;
  char key[RS_KV_KEY_MAX];
  int length = snprintf(key, sizeof key, "%016llx %.900s", (unsigned long long)hash, name);
  struct rs_m_kv *m = rs_msg_new(RS_MSG_KV);
  m->op = RS_KV_PUT;
  m->space_count = sizeof RS_NAMES_SPACE - 1;
  m->space = rs_memdup(RS_NAMES_SPACE, m->space_count);
  m->key_count = (uint32_t)length;
  m->key = rs_memdup(key, m->key_count);
  rs_ask_and_forget(proc, m);
}

uint64_t rs_front_intern(struct rs_front *front, const char *name)
{
  uint64_t hash = rs_name_hash(name);
  pthread_mutex_lock(&front->proc->lock);
  if (!rs_map_find(&front->names, hash)) {
    rs_map_put_ptr(&front->names, hash, rs_memdup(name, strlen(name) + 1));
    tell_name(front, hash, name);
  }
  pthread_mutex_unlock(&front->proc->lock);
  return hash;
}

const char *rs_front_name(const struct rs_front *front, uint64_t hash)
{
  pthread_mutex_lock(&front->proc->lock);
  const char *name = hash ? rs_map_get_ptr(&front->names, hash) : NULL;
  pthread_mutex_unlock(&front->proc->lock);
  return name ? name : "";
}
