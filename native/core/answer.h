// Answers to a refused call that a notification cannot carry: only an errno can be sent through the listener. The thread is traced for that
// moment, and what it then gets comes from the kernel itself:
//
//   kill, kill-thread   the thread is made to install a filter of one instruction that returns this action, its registers are set back, and
//                       it makes the call again: the kernel ends it, with core file and audit record, whatever it catches or blocks
//   trap                its registers are set back as the kernel does it, and SIGSYS comes with what the kernel would have said of it. Where
//                       that would end the program (SIGSYS not caught, or blocked), as above
//
// Source: kernel/seccomp.c (__seccomp_filter); kernel/signal.c (force_sig_seccomp); ptrace(2), PTRACE_SEIZE.

#ifndef SANDBOX_RUN_ANSWER_H
#define SANDBOX_RUN_ANSWER_H

#include <linux/seccomp.h>
#include <stdint.h>

enum sr_answered {
  /** The thread has what the policy says, or is gone. */
  SR_ANSWERED = 0,
  /** It was stopped, but could not be made to do it: its process was ended by a signal before it ran another instruction. */
  SR_ENDED_BY_SIGSYS = 1,
  SR_ENDED_BY_SIGKILL = 2,
};

/** What SIGSYS would do to the thread. */
enum sr_disposition {
  SR_SIGSYS_DEFAULT = 0,
  SR_SIGSYS_HANDLED = 1,
  /** Ignored, or blocked. */
  SR_SIGSYS_HELD = 2,
};

/** Answers `notification`, of a thread of `process`, with `action`, a SECCOMP_RET_ value of kill-process, kill-thread or trap. One of
 * enum sr_answered, or a negated errno of PTRACE_SEIZE: then nothing has happened, and the call waits for its answer as before. Other
 * notifications that come meanwhile are what sr_notify_receive gives next. */
int sr_answer(int listener, const struct seccomp_notif *notification, uint32_t action, int32_t process,
              enum sr_disposition disposition);

#endif
