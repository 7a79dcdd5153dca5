// A process beside this one that the program will not see: no child of it (or one that no wait finds, where this process is the init that
// orphans come to), in a session of its own, holding none of its descriptors but standard error.

#ifndef SANDBOX_RUN_SPAWN_H
#define SANDBOX_RUN_SPAWN_H

#include <stddef.h>
#include <stdint.h>

struct sr_beside {
  /** Whether this is the new process. */
  int is_helper;
  int channel;
};

/** Comes back twice: in this process and in the new one. 0 or a negated errno. Should the new one be killed, a third process, which waits for
 * it, writes `epitaph` to standard error. */
int sr_beside_start(struct sr_beside *beside, const char *epitaph, size_t length);

/** In the new process: lets the first one go on, with a result. If it is an error, ends. */
void sr_beside_tell(const struct sr_beside *beside, int result);

/** In the first process: the new one's result; -ECHILD where it ended without, -ETIME where it takes longer than five seconds. */
int sr_beside_await(const struct sr_beside *beside);

__attribute__((noreturn)) void sr_leave(int status);

#endif
