// Reads the filters of another process: stops it, asks the kernel for its filters one by one, and lets it go on. Needs
// CAP_SYS_ADMIN in the initial user namespace, a kernel with CONFIG_CHECKPOINT_RESTORE, and not to be inside a filter oneself
// (ptrace(2), PTRACE_SECCOMP_GET_FILTER).

#ifndef SANDBOX_RUN_INSPECT_H
#define SANDBOX_RUN_INSPECT_H

#include <linux/filter.h>

// All results: 0 or more, or a negated errno.

// Attaches to a thread and waits until it stands still, at most two seconds (-ETIMEDOUT).
long sr_inspect_begin(int tid);

// The length of filter `index` in instructions, 0 being the newest; -ENOENT behind the last one; -EINVAL for a thread that is
// in strict mode or has no filter, -EMEDIUMTYPE for a filter that is not classic BPF. With a `program` (room for BPF_MAXINSNS)
// the filter is copied into it.
long sr_inspect_filter(int tid, unsigned index, struct sock_filter *program);

// The stop interrupts a sleep or a wait with a time limit, which the kernel then continues by a call of its own, restart_syscall
// (restart_syscall(2)). A filter that refuses that call would end the process. This makes the kernel repeat the whole call
// instead, time limit and all. Only x86-64 lets a tracer do so; elsewhere nothing happens. To be called before the end.
void sr_inspect_repeat(int tid);

// Lets it go on.
void sr_inspect_end(int tid);

#endif
