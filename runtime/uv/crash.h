/* crash.h -- the last words of a process that a function ends: by a signal, a stack that overflows, or exit(). */
#ifndef RS_UV_CRASH_H
#define RS_UV_CRASH_H

/* From now on `say` is called once when the process is about to end so, on the thread that does it, with a line that
 * says why. It may be inside a signal handler, on a stack of its own, in a process whose memory is damaged: if it does
 * not come back within a second, or fails in its turn, the process ends at once. */
void rs_crash_watch(void (*say)(void *context, const char *why), void *context);

/* Each further thread that runs functions calls it, to have a stack to speak on when its own has overflowed. */
void rs_crash_thread(void);

#endif
