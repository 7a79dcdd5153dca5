// See answer.h.

#include "answer.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "notify.h"
#include "recorder.h"

#if defined(__x86_64__)
#include "answer-x86_64.h"
#else
#include "answer-aarch64.h"
#endif

// include/uapi/asm-generic/signal.h and siginfo.h, the same on all architectures of ours.
#define SIGKILL 9
#define SIGTRAP 5
#define SIGSYS 31
#define SYS_SECCOMP 1
/** What PTRACE_O_TRACESYSGOOD adds. */
#define AT_CALL (SIGTRAP | 0x80)

/** siginfo_t of a SIGSYS. */
struct refusal_information {
  int32_t signal, error, code, pad;
  uint64_t address;
  int32_t number;
  uint32_t arch;
  uint64_t rest[12];
};

struct answering {
  int listener;
  const struct seccomp_notif *notification;
  int32_t id, process;
  /** It is in a call that does not end, and so in no stop. */
  int is_stuck;
  uint64_t mask;
  /** As they were when the call was made. */
  uint64_t registers[SR_REGISTERS];
};

static long trace(long request, int32_t id, long address, long data) {
  return sr_syscall4(__NR_ptrace, request, id, address, data);
}

static int exited(int status) { return (status & 0xff) != 0x7f; }
static int stop_signal(int status) { return status >> 8 & 0xff; }
static int stop_event(int status) { return status >> 16; }

/** The next stop, or end. */
static long wait_for(int32_t id, int *status) {
  for (;;) {
    long result = sr_syscall4(__NR_wait4, id, (long)status, __WALL, 0);
    if (result != -EINTR) return result;
  }
}

// include/uapi/linux/auxvec.h.
#define AT_SYSINFO_EHDR 33

/** Where the thread's vDSO lies; 0 where it has none. */
static uint64_t vdso_of(int32_t id) {
  char path[64];
  sr_proc_path(path, id, "auxv");
  uint64_t vector[128] = {0}, vdso = 0;
  long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (sr_failed(fd)) return 0;
  long length = sr_syscall4(__NR_read, fd, (long)vector, sizeof vector, 0);
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  for (long i = 0; i + 1 < length / 8; i += 2) {
    if (vector[i] == AT_SYSINFO_EHDR) vdso = vector[i + 1];
  }
  return vdso;
}

static int set_mask(const struct answering *one, uint64_t mask) {
  return !sr_failed(trace(PTRACE_SETSIGMASK, one->id, sizeof mask, (long)&mask));
}

/** Tenths of a millisecond until a call that does nothing but read a few bytes is given up. */
#define PATIENCE 20000

/** Runs to the stop after the call that the thread is about to make; our own listener may be asked about it, and permits it: it can only
 * narrow what the thread may do. Whether it came to that stop, or end. */
static int finish_call(struct answering *one, int *status) {
  struct __kernel_timespec pause = {.tv_nsec = 100000};
  for (int i = 0; i < PATIENCE; i++) {
    long ended = sr_syscall4(__NR_wait4, one->id, (long)status, __WALL | WNOHANG, 0);
    if (sr_failed(ended) && ended != -EINTR) return 0;
    if (ended == one->id) return 1;
    struct seccomp_notif asked;
    int received = sr_notify_take(one->listener, &asked, 0);
    if (received == 0 && (int32_t)asked.pid == one->id && asked.id != one->notification->id) {
      sr_notify_continue(one->listener, asked.id);
    } else if (received == 0) {
      if (sr_notify_keep(&asked) != 0) break;
      continue;
    }
    sr_syscall4(__NR_nanosleep, (long)&pause, 0, 0, 0);
  }
  one->is_stuck = 1;
  return 0;
}

#define WORDS 3

static int peek(int32_t id, uint64_t at, uint64_t *words) {
  for (uint64_t i = 0; i < WORDS; i++) {
    if (sr_failed(trace(PTRACE_PEEKDATA, id, (long)(at + 8 * i), (long)&words[i]))) return 0;
  }
  return 1;
}

static int poke(int32_t id, uint64_t at, const uint64_t *words) {
  for (uint64_t i = 0; i < WORDS; i++) {
    if (sr_failed(trace(PTRACE_POKEDATA, id, (long)(at + 8 * i), (long)words[i]))) return 0;
  }
  return 1;
}

/** Installs a filter that answers everything with `action`, for this thread alone. Whether it is in. */
static int install(struct answering *one, uint32_t action) {
  uint64_t vdso = vdso_of(one->id), before[WORDS], sp = one->registers[SR_SP];
  struct sr_injected way;
  if (sr_injected_call(one->id, one->registers, one->notification->data.instruction_pointer, vdso, &way) != 0) return 0;
  // Room for a moment: below what the thread uses of its stack; in what it uses; the head of the vDSO, which the loader has read.
  uint64_t places[] = {(sp - SR_RED_ZONE - 128) & ~15UL, (sp + 15) & ~15UL, vdso};
  size_t place = 0, count = sizeof places / sizeof places[0];
  while (place < count && (places[place] == 0 || !peek(one->id, places[place], before))) place++;
  if (place == count) return 0;
  uint64_t at = places[place];
  // struct sock_fprog, as this code sees it, and its one instruction.
  const uint64_t words[WORDS] = {way.is_32 ? 1 | (at + 16) << 32 : 1, at + 16, (uint64_t)(BPF_RET | BPF_K) | (uint64_t)action << 32};
  uint64_t now[SR_REGISTERS];
  for (int i = 0; i < SR_REGISTERS; i++) now[i] = one->registers[i];
  sr_prepare_injected(now, &way, SECCOMP_SET_MODE_FILTER, 0, at);
  int status = 0;
  int is_in = poke(one->id, at, words) && !sr_failed(sr_set_registers(one->id, now)) &&
              !sr_failed(trace(PTRACE_SYSCALL, one->id, 0, 0)) && !sr_failed(wait_for(one->id, &status)) &&
              !exited(status) && stop_signal(status) == AT_CALL && !sr_failed(trace(PTRACE_SYSCALL, one->id, 0, 0)) &&
              finish_call(one, &status) && !exited(status) && stop_signal(status) == AT_CALL &&
              !sr_failed(sr_get_registers(one->id, now)) && now[SR_RESULT] == 0;
  return poke(one->id, at, before) && is_in;
}

/** The thread makes its call again, under a filter that ends it. Whether it does. */
static int repeat_under(struct answering *one, uint32_t action) {
  if (!set_mask(one, ~0UL) || !install(one, action)) return 0;
  uint64_t again[SR_REGISTERS];
  for (int i = 0; i < SR_REGISTERS; i++) again[i] = one->registers[i];
  again[SR_PC] -= SR_CALL_BYTES;
  if (sr_failed(sr_set_registers(one->id, again)) || !set_mask(one, one->mask)) return 0;
  trace(PTRACE_DETACH, one->id, 0, 0);
  return 1;
}

/** Stops that others cause before the signal is there; each is let go on. */
#define OTHER_STOPS 100

/** SIGSYS for a handler, as the kernel sends it. Whether it has been sent, or the thread is gone. */
static int signal_as_kernel(const struct answering *one, uint32_t action) {
  const struct seccomp_data *data = &one->notification->data;
  struct refusal_information information = {.signal = SIGSYS,
                                            .error = (int32_t)(action & SECCOMP_RET_DATA),
                                            .code = SYS_SECCOMP,
                                            .address = data->instruction_pointer,
                                            .number = data->nr,
                                            .arch = data->arch};
  // No other signal first: this one's handler would then find the beginning of that one's handler as its place.
  if (sr_failed(sr_set_registers(one->id, one->registers)) || !set_mask(one, ~(1UL << (SIGSYS - 1))) ||
      sr_failed(sr_syscall4(__NR_tgkill, one->process, one->id, SIGSYS, 0)) || sr_failed(trace(PTRACE_CONT, one->id, 0, 0)))
    return 0;
  for (int i = 0; i < OTHER_STOPS; i++) {
    int status = 0;
    if (sr_failed(wait_for(one->id, &status)) || exited(status)) return 1;
    int signal = stop_event(status) != 0 ? 0 : stop_signal(status);
    if (signal != SIGSYS) {
      if (sr_failed(trace(PTRACE_CONT, one->id, 0, signal))) return 0;
      continue;
    }
    if (sr_failed(trace(PTRACE_SETSIGINFO, one->id, 0, (long)&information)) || !set_mask(one, one->mask)) return 0;
    trace(PTRACE_DETACH, one->id, 0, SIGSYS);
    return 1;
  }
  return 0;
}

/** The last resort. The thread must not run another instruction: the signal is there before it is let go on. */
static int end_process(const struct answering *one, enum sr_disposition disposition) {
  int status = 0, signal = disposition == SR_SIGSYS_DEFAULT ? SIGSYS : SIGKILL;
  long masked = trace(PTRACE_SETSIGMASK, one->id, sizeof one->mask, (long)&one->mask);
  // No stop but death takes it away from its tracer: its process has been ended already, by another thread's refusal perhaps.
  int is_dying = masked == -ESRCH && !one->is_stuck;
  if (sr_failed(masked)) signal = SIGKILL;
  if (!is_dying) sr_syscall4(__NR_tgkill, one->process, one->id, signal, 0);
  do trace(PTRACE_CONT, one->id, 0, stop_event(status) == 0 && stop_signal(status) == SIGSYS ? SIGSYS : 0);
  while (!sr_failed(wait_for(one->id, &status)) && !exited(status));
  return is_dying ? SR_ANSWERED : signal == SIGSYS ? SR_ENDED_BY_SIGSYS : SR_ENDED_BY_SIGKILL;
}

int sr_answer(int listener, const struct seccomp_notif *notification, uint32_t action, int32_t process,
              enum sr_disposition disposition) {
  struct answering one = {.listener = listener, .notification = notification,
                          .id = (int32_t)notification->pid, .process = process};
  // Should this process end in the middle, the thread must not go on as if its call had been made.
  long result = trace(PTRACE_SEIZE, one.id, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  if (sr_failed(result)) return (int)result;
  // It is told to stop before it is woken, so that it stops before it runs an instruction.
  trace(PTRACE_INTERRUPT, one.id, 0, 0);
  sr_notify_refuse(listener, notification->id, ENOSYS);
  int status = 0;
  if (sr_failed(wait_for(one.id, &status)) || exited(status)) return SR_ANSWERED;
  const struct seccomp_data *data = &notification->data;
  if (stop_event(status) == PTRACE_EVENT_STOP && !sr_failed(sr_get_registers(one.id, one.registers)) &&
      !sr_failed(trace(PTRACE_GETSIGMASK, one.id, sizeof one.mask, (long)&one.mask)) &&
      sr_set_back(one.registers, (uint32_t)data->nr, data->args[0], data->instruction_pointer)) {
    int is_for_handler = (action & SECCOMP_RET_ACTION) == SECCOMP_RET_TRAP && disposition == SR_SIGSYS_HANDLED;
    if (is_for_handler ? signal_as_kernel(&one, action) : repeat_under(&one, action)) return SR_ANSWERED;
  }
  return end_process(&one, disposition);
}
