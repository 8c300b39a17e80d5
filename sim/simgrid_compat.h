/* simgrid_compat.h -- the one place that includes SimGrid's headers and knows its versions (3.32 to 4.x). */
#ifndef RS_SIM_SIMGRID_COMPAT_H
#define RS_SIM_SIMGRID_COMPAT_H

/* Their headers leave prototypes empty, which C11 compilers may warn about. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <simgrid/actor.h>
#include <simgrid/comm.h>
#include <simgrid/engine.h>
#include <simgrid/exec.h>
#include <simgrid/host.h>
#include <simgrid/mailbox.h>
#include <simgrid/semaphore.h>
#include <simgrid/version.h>
#pragma GCC diagnostic pop

#include <stdlib.h>

/* Runs `code` as a new actor on `host` with `data`, on a stack of its own size (bytes). */
static inline sg_actor_t rs_sg_actor(const char *name, sg_host_t host, void (*code)(int, char **), void *data,
                                     unsigned stack_bytes)
{
  sg_actor_t actor = sg_actor_init(name, host);
  sg_actor_set_data(actor, data);
  if (stack_bytes)
    sg_actor_set_stacksize(actor, stack_bytes);
  sg_actor_start_(actor, code, 0, NULL);
  return actor;
}

/* Returns true when the semaphore was released before the timeout (seconds, > 0). */
static inline int rs_sg_sem_wait(sg_sem_t semaphore, double timeout_s)
{
  return sg_sem_acquire_timeout(semaphore, timeout_s) == 0;
}

#endif
