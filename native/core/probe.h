// Trying out what the kernel offers, each thing in a child of its own, because a filter cannot be taken off again and a
// kernel that says it knows an action may run below something that does not.

#ifndef SANDBOX_RUN_PROBE_H
#define SANDBOX_RUN_PROBE_H

#include <stdint.h>

enum sr_probe_kind {
  /** SECCOMP_GET_ACTION_AVAIL of the SECCOMP_RET_ value `argument`. */
  SR_PROBE_ACTION = 1,
  /** SECCOMP_SET_MODE_FILTER with these flags and no filter: EFAULT means that they are known, EINVAL that they are not. */
  SR_PROBE_FLAGS = 2,
  /** A filter that answers getppid with `argument`, and what getppid then gives. */
  SR_PROBE_FILTER = 3,
  /** The same with a listener: the descriptor or the error. */
  SR_PROBE_LISTENER = 4,
  /** Tracing a child: 0, or the error of the step that failed. */
  SR_PROBE_TRACE = 5,
  /** getpid through int 0x80; 0 where it works. Ends by a signal where there is no such gate. */
  SR_PROBE_I386 = 6,
  /** getpid as an x32 call; 0 where it works. */
  SR_PROBE_X32 = 7,
  /** Landlock's ABI version. */
  SR_PROBE_LANDLOCK = 8,
};

struct sr_probe_result {
  /** The call's result or a negated errno; meaningless if the child was killed before it could say it. */
  int32_t value;
  /** As wait4 gives it. */
  int32_t status;
};

/** A negated errno, or 0. */
int sr_probe(enum sr_probe_kind kind, uint32_t argument, struct sr_probe_result *result);

#endif
