// See inspect.h.

#include "inspect.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "syscall.h"

#ifndef __WALL
#define __WALL 0x40000000
#endif

#define STEP_NANOSECONDS (5 * 1000 * 1000L)
#define STEPS 400

static long trace(long request, int tid, unsigned long address, void *data) {
  return sr_syscall4(__NR_ptrace, request, tid, (long)address, (long)data);
}

// The low byte of a wait status is 0x7f where the thread has stopped (waitpid(2)).
static int is_stopped(int status) { return (status & 0xff) == 0x7f; }

long sr_inspect_begin(int tid) {
  // SEIZE leaves no signal behind, whatever happens (ptrace(2)).
  long result = trace(PTRACE_SEIZE, tid, 0, 0);
  if (sr_failed(result)) return result;
  result = trace(PTRACE_INTERRUPT, tid, 0, 0);
  for (int step = 0; !sr_failed(result) && step < STEPS; step++) {
    int status = 0;
    result = sr_syscall4(__NR_wait4, tid, (long)&status, WNOHANG | __WALL, 0);
    if (result == -EINTR) continue;
    if (result == tid) return is_stopped(status) ? 0 : -ESRCH;
    struct __kernel_timespec pause = {0, STEP_NANOSECONDS};
    if (result == 0) sr_syscall4(__NR_nanosleep, (long)&pause, 0, 0, 0);
  }
  // A thread that does not stop cannot be detached from either; it is when we end.
  sr_inspect_end(tid);
  return sr_failed(result) ? result : -ETIMEDOUT;
}

long sr_inspect_filter(int tid, unsigned index, struct sock_filter *program) {
  return trace(PTRACE_SECCOMP_GET_FILTER, tid, index, program);
}

#ifdef __x86_64__
// struct user_regs_struct (sys/user.h) as longs.
#define REGISTERS 27
#define RAX 10
#define ORIG_RAX 15
// Never seen by programs (include/linux/errno.h).
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

void sr_inspect_repeat(int tid) {
  long registers[REGISTERS];
  if (sr_failed(trace(PTRACE_GETREGS, tid, 0, registers))) return;
  if (registers[ORIG_RAX] < 0 || (int)registers[RAX] != -ERESTART_RESTARTBLOCK) return;
  registers[RAX] = -ERESTARTNOHAND;
  trace(PTRACE_SETREGS, tid, 0, registers);
}
#else
void sr_inspect_repeat(int tid) { (void)tid; }
#endif

void sr_inspect_end(int tid) { trace(PTRACE_DETACH, tid, 0, 0); }
