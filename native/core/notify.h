// User notification (seccomp_unotify(2)): taking a call that waits, and answering it. Results are 0 or a negated errno.

#ifndef SANDBOX_RUN_NOTIFY_H
#define SANDBOX_RUN_NOTIFY_H

#include <linux/seccomp.h>
#include <stdint.h>

/** Waits for a call. -ETIME: none came in the time (milliseconds; negative: no limit). -ENOENT: there is nobody left who could
 * make one. */
int sr_notify_receive(int listener, struct seccomp_notif *notification, int timeout);

/** The call ends with `error` (a positive errno), or goes on if that is 0. -ENOENT: its thread is gone. */
int sr_notify_answer(int listener, uint64_t id, int error);

/** 0 while the thread still waits, so that what was read of it is its own. */
int sr_notify_valid(int listener, uint64_t id);

#endif
