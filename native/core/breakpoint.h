// Where a program's start-up ends: a hardware breakpoint at main, which leaves the program's memory as it is.

#ifndef SANDBOX_RUN_BREAKPOINT_H
#define SANDBOX_RUN_BREAKPOINT_H

#include <stdint.h>

enum sr_break {
  /** Nothing can be watched, or it was no breakpoint of ours. */
  SR_BREAK_NONE = 0,
  /** Set at main, or hit there. */
  SR_BREAK_MAIN = 1,
  /** Set at, or hit at, the program's entry behind the loader: main is not known. */
  SR_BREAK_ENTRY = 2,
  /** Hit at the entry, and set at main now. */
  SR_BREAK_MOVED = 3,
};

/** For a tracee that has just exec'ed. */
enum sr_break sr_break_set(int32_t id);

/** Whether a SIGTRAP of the tracee was that breakpoint, which is then taken away. `set` is what sr_break_set gave. */
enum sr_break sr_break_hit(int32_t id, enum sr_break set);

#endif
