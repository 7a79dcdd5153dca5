// Where a program's start-up ends: a hardware breakpoint at main, which leaves the program's memory as it is.

#ifndef SANDBOX_RUN_BREAKPOINT_H
#define SANDBOX_RUN_BREAKPOINT_H

#include <stdint.h>

/** For a tracee that has just exec'ed: 1 if main was found, 2 if only the entry behind the loader is known, -1 if neither can
 * be watched. */
int sr_break_at_main(int32_t id);

/** Whether a SIGTRAP of the tracee was that breakpoint, which is then taken away. */
int sr_break_hit(int32_t id);

#endif
