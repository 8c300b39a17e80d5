/* raysim_int.h -- inside the public API: the handle, ids in both forms, the wire form of arguments. */
#ifndef RAYSIM_INT_H
#define RAYSIM_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "api/raysim.h"
#include "uv/front.h"

/* An environment as text (raysim_env.c); hash 0: none. */
struct raysim_env {
  char *text;
  size_t size;
  uint64_t hash;
};

/* What values know of the connection that they came by, which they may outlive: the last of them frees it. */
struct raysim_life {
  atomic_uint holders; /* values, and the connection itself */
  atomic_bool ended;   /* the connection: its front and its mappings are gone */
};

struct raysim {
  struct rs_front *front;
  struct raysim_life *life;      /* NULL: a worker's, which ends with its process */
  struct rs_uv_client *client;   /* NULL: a worker's */
  struct rs_uv_cluster *cluster; /* that this program started */
  struct raysim_env env;         /* of this program's tasks */
  struct rs_map told_envs;       /* hashes of environments that the head has been told of; with the lock */
  pthread_mutex_t lock;
  struct package *packages; /* that this program has made (raysim_package.c) */
  /* These are set before anybody else knows of the handle, and stay: */
  char *load;       /* library that the tasks name; NULL: the cluster has their functions */
  char *name_space; /* of actors' names: the job's; in an actor's process the actor's */
  bool tells_space; /* tasks carry it: it does not follow from their job */
};

void raysim_life_drop(struct raysim_life *life); /* NULL is fine */

/* Sets this thread's raysim_last_error. Returns `rc`. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int raysim_set_error(int rc, const char *format, ...);

/* 0; or RAYSIM_ERR_INVALID, and its line, where a call was given no connection. */
static inline int raysim_connected(const struct raysim *ray, const char *function)
{
  return ray ? 0
             : raysim_set_error(RAYSIM_ERR_INVALID, "%s: ray is NULL: raysim_init has failed, or was not called",
                                function);
}

/* An id of 28 bytes: its owner, 12 zeros, its number, most significant byte first, as rs_id_hex prints it. */
static inline struct rs_id raysim_id_of(raysim_ref ref)
{
  uint64_t owner, seq;
  memcpy(&owner, ref.id, 8);
  memcpy(&seq, ref.id + 20, 8);
  return (struct rs_id){__builtin_bswap64(owner), __builtin_bswap64(seq)};
}
static inline raysim_ref raysim_ref_of(struct rs_id id)
{
  raysim_ref ref = {{0}};
  uint64_t owner = __builtin_bswap64(id.owner), seq = __builtin_bswap64(id.seq);
  memcpy(ref.id, &owner, 8);
  memcpy(ref.id + 20, &seq, 8);
  return ref;
}
static inline bool raysim_none(raysim_ref ref)
{
  struct rs_id id = raysim_id_of(ref);
  return id.owner == 0 || id.seq == 0;
}

static inline uint64_t raysim_ns_of(int64_t timeout_ms)
{
  return timeout_ms < 0                                  ? RS_TIME_NEVER
         : (uint64_t)timeout_ms > UINT64_MAX / RS_MS / 2 ? RS_TIME_NEVER
                                                         : (uint64_t)timeout_ms * RS_MS;
}

/* raysim_actor.c: what else an actor asks for (NULL: nothing), to be freed with its call; and making it. */
int raysim_actor_opts_of(const struct raysim *ray, const struct raysim_actor_options *in, struct rs_actor_opts **out);
int raysim_actor_submit(struct raysim *ray, struct rs_call *call, struct rs_id *id);
/* raysim_function.c */
struct rs_uv_context *raysim_inner_of(struct raysim_context *context);
struct rs_front *raysim_front_of(const struct raysim_context *context);
/* 0; or RAYSIM_ERR_INVALID, and its line, where refs are missing or one of them is none. */
int raysim_refs_valid(const raysim_ref *refs, size_t count);

bool raysim_registered(void); /* this program has registered functions by itself */

/* ---- options ---- */

/* Fills in the part of a call that says where and with what it runs. 0, or RAYSIM_ERR_INVALID with the reason. */
int raysim_demand_of(struct raysim *ray, const struct raysim_demand *in, double default_cpus, struct rs_demand *demand,
                     struct rs_call *call);
int raysim_total_of(const struct raysim_options *in, struct rs_node_info **info); /* what a node has; one reference */
int raysim_in_group(const struct raysim_strategy *in, struct rs_demand *demand);
int raysim_bundle_there(const struct raysim *ray, const struct raysim_strategy *in); /* as far as this process knows */
void raysim_capture(const struct raysim_strategy *in, struct rs_task *task); /* its children go into its group */
int raysim_returns_of(int num_returns, uint8_t *count);
int raysim_retries_of(const char *what, int wanted, int32_t by_default, int32_t *out); /* -1: without limit */

/* ---- arguments: made by whoever submits, read by the function ----
 *
 * A task's bytes: u32 count, then for each argument u32 at, u32 size, u32 first, u32 refs: its bytes begin at `at` and
 * its references are refs of task->inner from `first` on; or at is RAYSIM_ARG_OBJECT and `first` is an index into
 * task->deps. Bytes are aligned to 8. Behind the arguments stands what the count's flags say, in this order: GIVEN
 * what the task was given (raysim_about.c); ENV the hash of the task's environment, u64; SPACE the name space for names
 * of actors and its length, u32; LOAD the path of the library that has the function, and its length, u32. */
enum { RAYSIM_ARG_BYTES = 16 };
#define RAYSIM_ARG_OBJECT UINT32_MAX
#define RAYSIM_ARGS_LOAD (UINT32_C(1) << 31)
#define RAYSIM_ARGS_ENV (UINT32_C(1) << 30)
#define RAYSIM_ARGS_GIVEN (UINT32_C(1) << 29)
#define RAYSIM_ARGS_SPACE (UINT32_C(1) << 28)
#define RAYSIM_ARGS_FLAGS (RAYSIM_ARGS_LOAD | RAYSIM_ARGS_ENV | RAYSIM_ARGS_GIVEN | RAYSIM_ARGS_SPACE)

size_t raysim_given_end(const struct rs_task *task); /* where in a task's bytes what it was given ends; 0: nothing */

/* raysim_about.c: what a task was given, as bytes (free() them; none: one CPU, of an actor nothing). */
struct raysim_given {
  const uint8_t *bytes;
  size_t size;
};
struct raysim_given raysim_given_of(const struct raysim_demand *in, const struct rs_demand *demand);
/* Before a task's function runs: its process's variables. */
void raysim_about_begin(const struct rs_task *task, rs_gpu_mask gpus);
uint64_t raysim_job_of(struct raysim *ray, rs_addr driver); /* asks the head; 0: it does not know */

/* What stands behind a task's arguments; zeros where there is none. */
struct raysim_behind {
  const uint8_t *load, *space; /* in the task's memory; NULL: none */
  uint32_t load_bytes, space_bytes;
  uint64_t env;
};
struct raysim_behind raysim_behind_of(const struct rs_task *task);

/* Makes this process's handle for functions, at its first task. */
void raysim_adopt(struct rs_front *front, const struct rs_task *task);
/* "anonymous-", and the job: of programs that name no name space. New memory. */
char *raysim_anonymous(rs_addr job);

/* The environment that a task asks for, by its hash; it is in the head's store from now on. NULL: that of this worker,
 * or program. */
int raysim_env_of(struct raysim *ray, const struct raysim_runtime_env *env, uint64_t *hash);
int raysim_env_of_job(struct raysim *ray, const struct raysim_runtime_env *env); /* of all tasks of this program */
/* In a worker, before its first task: 0, or -1 and the reason. */
int raysim_env_enter(struct rs_front *front, uint64_t env, char *why, size_t cap);

/* The package of env->working_dir, made if it was not: path: the folder (PATH_MAX); hash; the object. */
int raysim_package_folder(struct raysim *ray, const struct raysim_runtime_env *env, char *path, char *hash,
                          raysim_ref *ref);
int raysim_package_library(struct raysim *ray, const char *path); /* nodes without that file can have it from now on */
void raysim_packages_free(struct raysim *ray);
/* In a worker: the library that a program has sent for this path. `found` has RS_UV_PATH_MAX bytes. */
int raysim_package_find_library(struct rs_front *front, const char *path, char *found, char *why, size_t cap);

/* What a task asks for besides. */
struct raysim_around {
  const char *name;  /* of the task, for whoever looks at it; NULL: none */
  uint64_t env;      /* hash; 0: none */
  const char *space; /* of a detached actor: its own; NULL: what ray says */
  struct raysim_given given;
};

/* A task with these arguments; what is too large to travel inside it is put first: held[0 .. *held_count) are to be
 * released once the task is submitted (held: as many as there are arguments). NULL: the reason is raysim_last_error. */
struct rs_task *raysim_task_new(struct raysim *ray, const struct raysim_argument *args, size_t arg_count,
                                const struct raysim_around *around, struct rs_id *held, uint32_t *held_count);

/* Why there is no value, as the public structure; free() it. */
struct raysim_error *raysim_error_of(const struct rs_front *front, int status, const struct rs_result *result);

#endif
