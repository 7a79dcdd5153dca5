// User notification (seccomp_unotify(2)): taking a call that waits, and answering it. Results are 0 or a negated errno.

#ifndef SANDBOX_RUN_NOTIFY_H
#define SANDBOX_RUN_NOTIFY_H

#include <linux/seccomp.h>
#include <stdint.h>

/** Waits for a call. -ETIME: none came in the time (milliseconds; negative: no limit). -ENOENT: there is nobody left who could
 * make one. */
int sr_notify_receive(int listener, struct seccomp_notif *notification, int timeout);

/** The same, past those that are kept. */
int sr_notify_take(int listener, struct seccomp_notif *notification, int timeout);

/** For sr_notify_receive to give it, first come first served. 0, or -ENOMEM beyond a thousand. */
int sr_notify_keep(const struct seccomp_notif *notification);

/** The call ends with `error`, a positive errno, or with the result 0 if that is 0. -ENOENT: its thread is gone. */
int sr_notify_refuse(int listener, uint64_t id, int error);

/** The call goes on. Never for a call that a policy refuses, nor where that depends on what its pointers point to: it can have changed. */
int sr_notify_continue(int listener, uint64_t id);

/** 0 while the thread still waits, so that what was read of it is its own. */
int sr_notify_valid(int listener, uint64_t id);

#endif
