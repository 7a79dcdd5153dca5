// See rehearse.h.

#include "rehearse.h"

#include <errno.h>
#include <linux/prctl.h>

#include "shelter.h"
#include "spawn.h"
#include "tracing.h"

// include/uapi/asm-generic/signal.h.
#define SIGKILL 9
#define SIGCHLD 17

/** About a second, for a subject that nobody has come to trace. */
#define ROUNDS 500000000L

static volatile long rounds;

__attribute__((noinline, noclone)) static void place(void) { rounds++; }

/** Ends with its parent where that can be had, and soon in any case. Otherwise without a call: whatever filter there is must not matter. */
__attribute__((noreturn)) static void be_subject(void) {
  sr_syscall6(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
  while (rounds < ROUNDS) place();
  sr_leave(1);
}

static long stop(int32_t id, int *status) {
  long failed = sr_trace(PTRACE_INTERRUPT, id, 0, 0);
  if (!sr_failed(failed)) failed = sr_trace_wait(id, status);
  if (sr_failed(failed)) return failed;
  return !sr_exited(*status) && sr_stop_event(*status) == PTRACE_EVENT_STOP ? 0 : -ENOTSUP;
}

static long go_on(int32_t id, long request, int *status) {
  long failed = sr_trace(request, id, 0, 0);
  return sr_failed(failed) ? failed : sr_trace_wait(id, status);
}

static long hold(int32_t id, int *status) {
  long failed = sr_trace(PTRACE_SEIZE, id, 0, sr_trace_flags(1));
  return sr_failed(failed) ? failed : stop(id, status);
}

/** Stopped without an event, or at one, and let go again. */
static long try_stops(int32_t id) {
  int status;
  unsigned long message;
  long failed = hold(id, &status);
  if (!sr_failed(failed)) failed = sr_trace(PTRACE_GETEVENTMSG, id, 0, (long)&message);
  if (!sr_failed(failed)) failed = sr_trace(PTRACE_DETACH, id, 0, 0);
  if (!sr_failed(failed)) failed = hold(id, &status);
  if (!sr_failed(failed)) failed = sr_trace(PTRACE_LISTEN, id, 0, 0);
  if (!sr_failed(failed)) failed = stop(id, &status);
  return failed;
}

static long try_signals(int32_t id) {
  uint64_t mask, all = ~0UL;
  long failed = sr_trace(PTRACE_GETSIGMASK, id, sizeof mask, (long)&mask);
  if (!sr_failed(failed)) failed = sr_trace(PTRACE_SETSIGMASK, id, sizeof all, (long)&all);
  if (!sr_failed(failed)) failed = sr_trace(PTRACE_SETSIGMASK, id, sizeof mask, (long)&mask);
  return failed;
}

static long try_traps(int32_t id) {
  uint64_t registers[SR_REGISTERS];
  size_t size = 0;
  int status;
  long failed = sr_break_at(id, (uint64_t)place);
  if (!sr_failed(failed)) failed = go_on(id, PTRACE_CONT, &status);
  if (sr_failed(failed)) return failed;
  // One that never came: it has counted to its end.
  if (!sr_is_trap(status)) return -ENOTSUP;
  sr_break_off(id);
  failed = sr_get_registers(id, registers, &size);
  if (sr_failed(failed)) return failed;
  if (size != sizeof registers || registers[SR_PC] != (uint64_t)place) return -ENOTSUP;
  failed = go_on(id, PTRACE_SINGLESTEP, &status);
  if (sr_failed(failed)) return failed;
  return sr_is_trap(status) ? 0 : -ENOTSUP;
}

/** In the shelter: a call, and the end, whose number is changed on the way. */
static long try_calls(int32_t id, const struct sr_cookie *cookie) {
  struct sr_shelter shelter;
  const uint64_t none[3] = {0};
  uint64_t registers[SR_REGISTERS];
  long result;
  int status;
  long failed = sr_shelter_enter(&shelter, id, cookie);
  if (!sr_failed(failed)) failed = sr_shelter_call(&shelter, __NR_getpid, none, &result);
  if (!sr_failed(failed)) failed = sr_shelter_leave(&shelter);
  if (!sr_failed(failed)) failed = sr_shelter_enter(&shelter, id, cookie);
  if (!sr_failed(failed)) failed = go_on(id, PTRACE_SYSCALL, &status);
  if (sr_failed(failed)) return failed;
  if (sr_exited(status) || sr_stop_signal(status) != SR_SIGTRAP_CALL) return -ENOTSUP;
  failed = sr_get_registers(id, registers, NULL);
  if (sr_failed(failed)) return failed;
  if (sr_call_number(registers) != __NR_exit_group || sr_call_argument(registers, 0) != 125) return -ENOTSUP;
  const uint64_t other[3] = {124};
  failed = sr_change_call(id, registers, __NR_exit_group, other);
  if (!sr_failed(failed)) failed = go_on(id, PTRACE_CONT, &status);
  if (sr_failed(failed)) return failed;
  return status == 124 << 8 ? 0 : -ENOTSUP;
}

int sr_rehearse(const struct sr_cookie *cookie) {
  long child = sr_syscall6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0);
  if (child == 0) be_subject();
  if (sr_failed(child)) return (int)child;
  int32_t id = (int32_t)child;
  long failed = try_stops(id);
  if (!sr_failed(failed)) failed = try_signals(id);
  if (!sr_failed(failed)) failed = try_traps(id);
  if (!sr_failed(failed)) failed = try_calls(id, cookie);
  if (sr_failed(failed)) sr_syscall4(__NR_kill, id, SIGKILL, 0, 0);
  return sr_failed(failed) ? (int)failed : 0;
}
