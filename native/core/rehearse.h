// All that a helper will ask of ptrace, tried on a process of its own before the program is touched. Where an outer sandbox, a security module or an
// emulator refuses one of the requests, or kills who makes it, or has no breakpoints that work, that shows while the launcher can still
// say so and leave.

#ifndef SANDBOX_RUN_REHEARSE_H
#define SANDBOX_RUN_REHEARSE_H

#include "cookie.h"

/** 0; a negated errno; -ENOTSUP where a request is granted and has no effect. If it fails this process has to end soon, with which its
 * subject ends. */
int sr_rehearse(const struct sr_cookie *cookie);

#endif
