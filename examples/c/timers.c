/* timers.c -- an async actor: a thousand calls under way at a time, and two threads. A method hands its context to the
 * actor's timer and returns; the timer completes each call when its time has come. */
#include <pthread.h>
#include <time.h>

#include "example.h"

enum { CALLS = 1000, LONGEST_MS = 50 };

struct timer {
  struct timer *next; /* in order of due_ns */
  long long due_ns;
  struct raysim_context *context;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timer *first;

static long long now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *run_timers(void *arg)
{
  (void)arg;
  for (;;) {
    pthread_mutex_lock(&lock);
    struct timer *due = first && first->due_ns <= now_ns() ? first : NULL;
    if (due)
      first = due->next;
    pthread_mutex_unlock(&lock);
    if (!due) {
      nanosleep(&(struct timespec){0, 1000000}, NULL);
      continue;
    }
    size_t size;
    const void *ms = raysim_arg(due->context, 0, &size);
    raysim_complete(due->context, raysim_return(due->context, 0, ms, size));
    free(due);
  }
  return NULL;
}

static int create(struct raysim_context *context)
{
  pthread_t thread;
  return pthread_create(&thread, NULL, run_timers, NULL) == 0 ? 0 : raysim_fail(context, "no thread");
}

/* Returns its argument, so many milliseconds later. */
static int after(struct raysim_context *context)
{
  struct timer *timer = malloc(sizeof *timer), **place = &first;
  if (!timer)
    return raysim_fail(context, "no memory");
  timer->due_ns = now_ns() + *(const int *)raysim_arg(context, 0, NULL) * 1000000LL;
  timer->context = context;
  raysim_defer(context, NULL, NULL); /* from here on the call ends when the timer completes it */
  pthread_mutex_lock(&lock);
  while (*place && (*place)->due_ns <= timer->due_ns)
    place = &(*place)->next;
  timer->next = *place;
  *place = timer;
  pthread_mutex_unlock(&lock);
  return 0;
}

void raysim_register_functions(void)
{
  static const struct raysim_method methods[] = {{.name = "after", .function = after}};
  static const struct raysim_class timers = {.name = "Timers", .create = create, .methods = methods, .method_count = 1};
  raysim_register_actor(&timers);
}

int main(void)
{
  static raysim_ref calls[CALLS];
  long long total_ms = 0;
  struct raysim *ray = example_start(2);
  struct raysim_actor_options options = {.async = 1};
  raysim_actor timers = raysim_actor_create(ray, "Timers", NULL, 0, &options);
  long long begin = now_ns();
  for (int i = 0; i < CALLS; i++) {
    int ms = i % LONGEST_MS;
    calls[i] = raysim_call(ray, timers, "after", RAYSIM_ARGS(RAYSIM_VALUE(ms)), NULL);
  }
  for (int i = 0; i < CALLS; i++) {
    struct raysim_value value = example_get(ray, calls[i]);
    total_ms += *(const int *)value.bytes;
    raysim_value_free(&value);
    raysim_release(ray, calls[i]);
  }
  printf("%lld ms of waiting in less than a fifth of the time: %s\n", total_ms,
         now_ns() - begin < total_ms * 1000000 / 5 ? "yes" : "no");
  raysim_release(ray, timers.ref);
  raysim_shutdown(ray);
  return 0;
}
