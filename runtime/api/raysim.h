/* raysim.h -- the C API of raysim: functions that run as tasks on a cluster of processes.
 *
 * What works today: start or find a cluster, submit tasks of named C functions, wait for results, put and get objects.
 * Actors, dependencies between tasks and submission from within tasks are part of the core and not yet of this API.
 *
 *     static int add(struct raysim_context *context)
 *     {
 *       size_t size;
 *       const int *in = raysim_args(context, &size);
 *       int sum = in[0] + in[1];
 *       raysim_return(context, 0, &sum, sizeof sum);
 *       return 0;
 *     }
 *     void raysim_register_functions(void) { raysim_register("add", add); }      in a shared library, add.so
 *
 *     struct raysim *ray;                                                         in the program
 *     raysim_init(&(struct raysim_options){.num_cpus = 4, .load = "./add.so"}, &ray);
 *     int in[2] = {1, 2};
 *     raysim_ref sum = raysim_submit(ray, "add", in, sizeof in, NULL);
 *     struct raysim_value value;
 *     if (raysim_get(ray, sum, -1, &value) == 0) printf("%d\n", *(int *)value.bytes);
 *     raysim_value_free(&value);
 *     raysim_shutdown(ray);
 *
 * All functions may be called from any thread, but for raysim_init, raysim_shutdown and raysim_register. Errors are
 * negative numbers; raysim_error_text says what one means. Times are in milliseconds; -1 waits without a limit.
 */
#ifndef RAYSIM_H
#define RAYSIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct raysim;               /* a connection to a cluster */
struct raysim_context;       /* a running task, seen from its function */
typedef uint64_t raysim_ref; /* a task of this program, by number; 0: none */

struct raysim_options {
  const char *session; /* of a running cluster; NULL with `connect`: the newest one of this user on this host */
  int connect;         /* 1: connect to a running cluster; 0: start one that ends with this program */
  uint32_t node_count; /* of a cluster that is started; 0: 1 */
  double num_cpus;     /* logical CPUs of each node; 0: this machine's */
  const char *load;    /* shared library with functions, or NULL */
};

/* 0, or negative; then raysim_last_error() has one line about it. */
int raysim_init(const struct raysim_options *options, struct raysim **out);
void raysim_shutdown(struct raysim *ray);
const char *raysim_last_error(void); /* of this thread's last raysim_init */
const char *raysim_error_text(int error);

/* ---- tasks ---- */

struct raysim_task_options {
  double num_cpus; /* 0: 1 */
  double num_gpus;
  int max_retries; /* after the death of a worker or node; 0: Ray's 3; -1: none; -2: without a limit */
};

/* Submits a task with one return value; the arguments are copied. NULL options: the defaults. */
raysim_ref raysim_submit(struct raysim *ray, const char *function, const void *args, size_t args_bytes,
                         const struct raysim_task_options *options);

/* The same for `count` tasks with the same arguments, at less cost; refs has room for `count` numbers. */
void raysim_submit_many(struct raysim *ray, const char *function, const void *args, size_t args_bytes,
                        const struct raysim_task_options *options, uint32_t count, raysim_ref *refs);

struct raysim_value {
  uint8_t *bytes;
  size_t size;
  char *error; /* of a failed task: what its function said */
};

/* Waits for the task's end and takes its value: the next raysim_get of it would wait for ever. 0, or why it failed. */
int raysim_get(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value);
void raysim_value_free(struct raysim_value *value);

/* ---- objects ---- */

/* Puts bytes into the node's store. Returns the object's number, or 0. */
raysim_ref raysim_put(struct raysim *ray, const void *bytes, size_t size);
int raysim_get_object(struct raysim *ray, raysim_ref ref, int64_t timeout_ms, struct raysim_value *value);
void raysim_release(struct raysim *ray, raysim_ref ref); /* the bytes may go */

/* ---- functions, in workers ---- */

typedef int (*raysim_function)(struct raysim_context *context);

/* 0, or -1 when the name is taken. Called by raysim_register_functions of a library that workers load. */
int raysim_register(const char *name, raysim_function function);
void raysim_register_functions(void); /* to be defined by that library */

const void *raysim_args(const struct raysim_context *context, size_t *size);
void raysim_return(struct raysim_context *context, uint32_t index, const void *bytes, size_t size);
void raysim_fail(struct raysim_context *context, const char *text); /* and return non-zero */
int raysim_cancelled(const struct raysim_context *context);

#ifdef __cplusplus
}
#endif
#endif
