// See hold.h. Source: ptrace(2), PTRACE_O_TRACEEXIT, PTRACE_LISTEN.

#include "hold.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <linux/wait.h>

#include "syscall.h"

// include/uapi/asm-generic/signal.h.
#define SIGTRAP 5

static int32_t held;

static long trace(long request, long address, long data) { return sr_syscall4(__NR_ptrace, request, held, address, data); }

int sr_hold(int32_t process) {
  if (held != 0) return 0;
  held = process;
  long result = trace(PTRACE_SEIZE, 0, PTRACE_O_TRACEEXIT);
  if (sr_failed(result)) held = 0;
  return sr_failed(result) ? (int)result : 0;
}

int sr_hold_look(void) {
  while (held != 0) {
    int status = 0;
    long result = sr_syscall4(__NR_wait4, held, (long)&status, __WALL | WNOHANG, 0);
    if (result == 0) return 0;
    if (result == -EINTR) continue;
    if (sr_failed(result) || (status & 0xff) != 0x7f) {
      held = 0;
      return 0;
    }
    int event = status >> 16, signal = status >> 8 & 0xff;
    if (event == PTRACE_EVENT_EXIT) return 1;
    // Stopped by job control, it stays so until SIGCONT.
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) trace(PTRACE_LISTEN, 0, 0);
    else trace(PTRACE_CONT, 0, event != 0 ? 0 : signal);
  }
  return 0;
}

void sr_hold_end(void) {
  if (held != 0) trace(PTRACE_DETACH, 0, 0);
  held = 0;
}

int sr_hold_take(int32_t id) {
  if (held != id) return 0;
  held = 0;
  return 1;
}
