// The recorder as a tracer. Whatever a program can see of it would make the recording a recording of something else, so:
// it is seized and not attached (no SIGSTOP), stops of job control stay stops (PTRACE_LISTEN), signals go on as they
// came, and the first process stays a zombie until the caller has written down what was seen.
// Source: ptrace(2); kernel/ptrace.c.

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/ptrace.h>
#include <linux/wait.h>

#include "breakpoint.h"
#include "recorder.h"
#include "syscall.h"

// include/uapi/asm-generic/siginfo.h and signal.h, the same on all architectures of ours.
#define SIGTRAP 5
#define CLD_EXITED 1
#define CLD_DUMPED 3

/** The head of siginfo_t, as waitid fills it. */
struct wait_info {
  int32_t signal, error, code, pad;
  int32_t process;
  uint32_t user;
  int32_t status;
  uint32_t rest[25];
};

static long trace(long request, int32_t id, long address, long data) {
  return sr_syscall4(__NR_ptrace, request, id, address, data);
}

int sr_record_attach(struct sr_recorder *recorder, int32_t process) {
  // When the first process of a PID namespace ends, so does everybody in it, the recorder too: it is then held before its end.
  long last = process == 1 ? PTRACE_O_TRACEEXIT : 0;
  long options = last | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  long result = trace(PTRACE_SEIZE, process, 0, options);
  if (sr_failed(result)) return (int)result;
  recorder->process = process;
  return sr_task_add(recorder, process) == NULL ? -ENOMEM : 0;
}

static void on_call(struct sr_recorder *recorder, int32_t id) {
  struct ptrace_syscall_info info;
  long length = trace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, (long)&info);
  if (sr_failed(length) || info.op != PTRACE_SYSCALL_INFO_SECCOMP) return;
  struct sr_task *task = sr_task_add(recorder, id);
  if (task == NULL) return;
  // The launcher's own calls up to its exec are not the program's.
  if (!recorder->started) return;
  uint64_t args[6];
  for (int i = 0; i < 6; i++) args[i] = info.seccomp.args[i];
  sr_record_call(recorder, task, info.arch, (uint32_t)info.seccomp.nr, args);
}

static void on_child(struct sr_recorder *recorder, int32_t id) {
  unsigned long child = 0;
  if (sr_failed(trace(PTRACE_GETEVENTMSG, id, 0, (long)&child))) return;
  struct sr_task *parent = sr_task_add(recorder, id);
  struct sr_task *task = sr_task_add(recorder, (int32_t)child);
  // The child may have been faster: it has stopped, gone on, and runs another program already.
  if (parent == NULL || task == NULL || task->known) return;
  task->program = parent->program;
  task->phase = parent->phase;
  task->known = 1;
}

static void on_exec(struct sr_recorder *recorder, int32_t id) {
  unsigned long former = 0;
  trace(PTRACE_GETEVENTMSG, id, 0, (long)&former);
  if ((int32_t)former != id) sr_task_remove(recorder, (int32_t)former);
  struct sr_task *task = sr_task_add(recorder, id);
  if (task == NULL) return;
  if (id == recorder->process) recorder->started = 1;
  task->program = sr_program_of(recorder, id);
  task->known = 1;
  task->breaks = (uint8_t)sr_break_set(id);
  task->phase = task->breaks == SR_BREAK_NONE ? SR_PHASE_UNKNOWN : SR_PHASE_START;
}

/** The breakpoint at main is ours; any other trap is the program's. */
static int is_own_trap(struct sr_recorder *recorder, int32_t id) {
  struct sr_task *task = sr_task_find(recorder, id);
  if (task == NULL || task->breaks == SR_BREAK_NONE) return 0;
  enum sr_break hit = sr_break_hit(id, task->breaks);
  if (hit == SR_BREAK_MOVED) {
    task->breaks = SR_BREAK_MAIN;
  } else if (hit != SR_BREAK_NONE) {
    task->breaks = SR_BREAK_NONE;
    task->phase = hit == SR_BREAK_MAIN ? SR_PHASE_MAIN : SR_PHASE_ENTRY;
  }
  return hit != SR_BREAK_NONE;
}

/** 1: the first process is about to end, and waits. */
static int on_stop(struct sr_recorder *recorder, int32_t id, int32_t status) {
  int signal = status & 0xff, event = status >> 8;
  switch (event) {
    case PTRACE_EVENT_SECCOMP:
      on_call(recorder, id);
      break;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
      on_child(recorder, id);
      break;
    case PTRACE_EVENT_EXEC:
      on_exec(recorder, id);
      break;
    case PTRACE_EVENT_EXIT:
      if (id != recorder->process || recorder->main_told) break;
      recorder->held = 1;
      return 1;
    case PTRACE_EVENT_STOP:
      if (signal == SIGTRAP) break;
      // Stopped by job control: it stays so until SIGCONT, and its parent is told.
      trace(PTRACE_LISTEN, id, 0, 0);
      return 0;
    default:
      if (signal == SIGTRAP && is_own_trap(recorder, id)) break;
      trace(PTRACE_CONT, id, 0, signal);
      return 0;
  }
  // It may have been killed meanwhile: then there is nothing to let go on.
  trace(PTRACE_CONT, id, 0, 0);
  return 0;
}

static void reap(struct sr_recorder *recorder, int32_t id) {
  sr_syscall4(__NR_wait4, id, 0, __WALL | WNOHANG, 0);
  sr_task_remove(recorder, id);
}

enum sr_event sr_record_traced(struct sr_recorder *recorder) {
  if (recorder->main_told && !recorder->main_reaped) {
    recorder->main_reaped = 1;
    if (recorder->held)
      trace(PTRACE_CONT, recorder->process, 0, 0);
    else
      reap(recorder, recorder->process);
  }
  for (;;) {
    if (sr_record_wakes) {
      sr_record_wakes = 0;
      return SR_EVENT_TICK;
    }
    struct wait_info info = {0};
    // Nothing is taken off by the wait itself: a stop ends by being let go on, a zombie by reap.
    long result = sr_syscall6(__NR_waitid, P_ALL, 0, (long)&info, WEXITED | WSTOPPED | __WALL | WNOWAIT, 0, 0);
    if (result == -EINTR) continue;
    if (sr_failed(result)) return SR_EVENT_DONE;
    if (info.code > CLD_DUMPED || info.code < CLD_EXITED) {
      if (!on_stop(recorder, info.process, info.status)) continue;
      recorder->main_told = 1;
      return SR_EVENT_MAIN_ENDED;
    } else if (info.process == recorder->process && !recorder->main_told) {
      recorder->main_told = 1;
      return SR_EVENT_MAIN_ENDED;
    } else {
      reap(recorder, info.process);
    }
  }
}
