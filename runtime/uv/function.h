/* function.h -- the functions that a worker can run, by name hash, and running one. */
#ifndef RS_UV_FUNCTION_H
#define RS_UV_FUNCTION_H

#include "uv/proc.h"

struct rs_worker;
struct rs_run;

struct rs_function {
  char *name;
  rs_uv_function function;
  void *data;
};

struct rs_uv_context {
  struct rs_worker *worker;
  struct rs_proc *proc;
  struct rs_run *run;
  const struct rs_task *task;
  const struct rs_function *function;
  rs_gpu_mask gpus;
  struct rs_uv_value {
    uint8_t *bytes;
    size_t size;
    struct rs_id *ids; /* the references inside */
    uint32_t id_count;
    bool in_store; /* bytes is room of the node's store, not yet sealed */
  } returns[RS_TASK_RETURNS_MAX];
  int status; /* of a failure; 0: TASK_FAILED */
  uint64_t began_ns;
  void *user; /* of api/: one allocation, which goes with the context */
  /* A task that ends after its function has returned (defer.c); with the lock. */
  void (*ended)(struct rs_uv_context *context); /* what has to be let go then */
  void (*on_cancel)(void *arg);
  void *on_cancel_arg;
  bool deferred, completed;
  int rc;         /* once completed */
  uint32_t holds; /* calls into the application that still use the context */
  char text[RS_ERROR_TEXT_MAX];
};

const struct rs_function *rs_function_find(uint64_t hash); /* NULL: there is none of that name; O(log functions) */
const struct rs_function *rs_function_find_method(uint64_t type, uint64_t hash); /* of a class, or any function */
void rs_function_register_builtin(void);

/* Where a worker that does not know a task's function looks further (api/: the library that the task names). True: it
 * may be known now. `error` has RS_UV_ERROR_MAX bytes. Not with the lock of the process. */
void rs_function_search_with(bool (*with)(struct rs_uv_context *context, char *error));
bool rs_function_search(struct rs_uv_context *context, char *error);

/* Opens a shared library and calls its raysim_register_functions. 0, or -1 with `error`. */
int rs_function_load(const char *path, char *error);

/* "<hash in hex> <name>" lines, for whoever shows tasks by name. */
void rs_function_write_names(const char *path);

#endif
