// Filters that begin later than exec: at the program's entry, behind the dynamic loader, or at main, behind the C library's start and all
// constructors. A helper process traces the launcher before it becomes the program, lets it run up to the place, makes it install the
// filters itself by setting its registers, and is gone. The program's process is the launcher's, as ever.
//
// It fails closed. Until the filters are in, the program is the helper's tracee with PTRACE_O_EXITKILL, so it cannot outlive the
// helper; where a step fails, the helper says so and makes the program exit with 125 before it has run an instruction of its own past
// the place. A filter for the start-up, which the launch installs as usual, holds from exec on; it has to let seccomp and exit_group
// through by the cookie, and so has every later filter but the last.

#ifndef SANDBOX_RUN_INJECT_H
#define SANDBOX_RUN_INJECT_H

#include <stddef.h>
#include <stdint.h>

#include "cookie.h"
#include "execute.h"
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

/** Starts the helper, and waits until it traces this process. 0, or a negated errno: then there is no helper. */
int sr_inject_start(const struct sr_later *later, const struct sr_cookie *cookie);

#endif
