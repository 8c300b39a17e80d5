/* crash.c -- see crash.h.
 *
 * A handler of a fatal signal may only do little by the book. Here it runs almost always in user code, where no lock of
 * the project is held, so what it does works almost always; where not, a second signal or the alarm ends the process,
 * and the owner hears no more than that it is gone.
 */
#include "uv/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_BYTES = 256 << 10 };

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
static void (*speak)(void *, const char *);
static void *speak_context;
static pid_t process;
static atomic_flag spoken = ATOMIC_FLAG_INIT;

static void last_words(const char *why)
{
  if (getpid() == process && !atomic_flag_test_and_set(&spoken)) /* a child that the function forked is silent */
    speak(speak_context, why);
}

static void on_signal(int number, siginfo_t *info, void *ucontext)
{
  (void)ucontext;
  char why[160];
  for (unsigned i = 0; i < sizeof fatal / sizeof *fatal; i++)
    signal(fatal[i], SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  alarm(1);
  const char *name = sigdescr_np(number);
  if (number == SIGSEGV || number == SIGBUS)
    snprintf(why, sizeof why, "the worker process died: signal %d (%s) at address %p", number, name ? name : "?",
             info->si_addr);
  else
    snprintf(why, sizeof why, "the worker process died: signal %d (%s)", number, name ? name : "?");
  last_words(why);
  kill(getpid(), number); /* as if nobody had listened */
  raise(number);
  _exit(128 + number);
}

static void on_leave(int status, void *context)
{
  (void)context;
  char why[80];
  if (getpid() != process)
    return;
  snprintf(why, sizeof why, "the worker process ended: the function called exit(%d)", status);
  last_words(why);
  _exit(status);
}

static _Thread_local void *bytes; /* of this thread's other stack, for as long as it lives */

void rs_crash_thread(void)
{
  bytes = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes != MAP_FAILED)
    sigaltstack(&(stack_t){.ss_sp = bytes, .ss_size = STACK_BYTES}, NULL);
}

void rs_crash_watch(void (*say)(void *, const char *), void *context)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  process = getpid();
  speak = say;
  speak_context = context;
  rs_crash_thread();
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (unsigned i = 0; i < sizeof fatal / sizeof *fatal; i++)
    sigaction(fatal[i], &action, NULL);
  on_exit(on_leave, NULL);
}
