// Holding back the end of the program that --explain watches until the summary is written: its parent, a shell, learns of the end after that.
// Only a tracer can; so its first thread is traced from its first refusal on, as learn does it (trace.c), and stops at nothing but signals and
// its end.

#ifndef SANDBOX_RUN_HOLD_H
#define SANDBOX_RUN_HOLD_H

#include <stdint.h>

/** Begins. 0, also where it holds already; or a negated errno. */
int sr_hold(int32_t process);

/** After SIGCHLD: lets it go on from whatever it has stopped for. 1: it is about to end, and waits for sr_hold_end. */
int sr_hold_look(void);

/** Lets it end. */
void sr_hold_end(void);

/** For another one to trace the thread from now on, who is of this process: whether it is the held one, which it is no more. */
int sr_hold_take(int32_t id);

#endif
