// What must be put right in the process before the program takes it over, and before the filter could object: which
// descriptors go on, signal dispositions and mask, the limit of open files. Each function answers 0 or a negated errno.

#ifndef SANDBOX_RUN_PREPARE_H
#define SANDBOX_RUN_PREPARE_H

#include <stddef.h>
#include <stdint.h>

/** Clears FD_CLOEXEC on those listed, and sets it on all others from 3 on. A listed one that is not open is skipped:
 * there is nothing to hand on. 0, 1 and 2 are left alone unless listed. */
int sr_hand_on(const int32_t *descriptors, size_t count);

/** Every signal that has a handler, and SIGPIPE and SIGXFSZ, back to their default; no signal blocked. */
int sr_reset_signals(void);

/** Ignores SIGPIPE again: for a caller that goes on after all. */
void sr_ignore_sigpipe(void);

/** Lowers the soft RLIMIT_NOFILE to at most the hard one. Nothing happens if `soft` is negative. */
int sr_limit_open_files(int64_t soft);

#endif
