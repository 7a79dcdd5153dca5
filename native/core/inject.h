// Filters that begin later than exec: at the program's entry, behind the dynamic loader, or at main, behind the C library's start and all
// constructors. A helper process traces the launcher before it becomes the program, lets it run up to the place, makes it install the
// filters itself by setting its registers, and is gone. The program's process is the launcher's, as ever.
//
// It fails closed, and with 125 wherever code of ours can still end the program:
//
//   before anything     every request that will be made is tried on another process (rehearse.h)
//   up to exec          the launcher does not call exec, but exit_group(125); the helper makes exec of it
//   while it stands     the program is in a shelter (shelter.h) that ends it with 125 if the helper is killed
//   while it runs       from exec to its first instruction, and from there to the place, the kernel kills it with the helper (PTRACE_O_EXITKILL): SIGKILL
//
// The last cannot be otherwise. From exec on the process has no memory but the program's, so that nothing in it could tell the helper's end and exit; a
// second process that waits for that end comes too late for a program that runs on. A trap left at the place would do, if it could be longer
// than the shortest main, for what stands behind main may be start-up code; as short as that, a trap is a signal, which kills
// as well. (A filter can kill, too, or make calls fail, but not end a program with a status of ours.)
//
// A filter for the start-up, which the launch installs as usual, holds from exec on; it has to let seccomp and exit_group through by the
// cookie, and so has every later filter but the last.

#ifndef SANDBOX_RUN_INJECT_H
#define SANDBOX_RUN_INJECT_H

#include <stddef.h>
#include <stdint.h>

#include "install.h"

enum sr_place {
  SR_AT_ENTRY = 1,
  /** `offset` bytes from the entry: where the program's file has main. */
  SR_AT_MAIN = 2,
  /** main as the start code hands it to the C library. */
  SR_AT_MAIN_BY_START = 3,
};

struct sr_later {
  enum sr_place place;
  int64_t offset;
  /** Patched with the launch's cookie; installed in this order. */
  const struct sr_filter *filters;
  size_t filter_count;
  uint32_t flags;
  /** Nothing is installed: the program has to have installed a filter by then itself (libsandbox.so in it), or it ends with 125. */
  int is_check;
  /** What messages begin with, and its length: `sandbox-run: ./app: `. */
  const char *prefix;
  size_t prefix_length;
};

struct sr_launch;

/** Starts the helper for a launch with filters that begin later, and waits until it traces this process. 0, or a negated errno: then there is no helper. */
int sr_inject_start(const struct sr_launch *launch);

#endif
