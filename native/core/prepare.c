// See prepare.h.

#include "prepare.h"

#include <errno.h>
#include <linux/fcntl.h>

#include "syscall.h"

// include/uapi/linux/close_range.h; Linux 5.11.
#define CLOSE_RANGE_CLOEXEC (1U << 2)

// include/uapi/asm-generic/resource.h.
#define RLIMIT_NOFILE 7

// include/uapi/asm-generic/signal.h, the same on every architecture that syscall.h admits.
#define SIGKILL 9
#define SIGPIPE 13
#define SIGSTOP 19
#define SIGXFSZ 25
#define LAST_SIGNAL 64
#define SIG_SETMASK 2
#define SIGSET_BYTES 8

enum { DEFAULT_ACTION = 0, IGNORE = 1 };

static long read_limit(uint64_t limit[2], const uint64_t *wanted) {
  return sr_syscall4(__NR_prlimit64, 0, RLIMIT_NOFILE, (long)wanted, (long)limit);
}

/** Before Linux 5.11 there is no close_range with CLOEXEC: every number up to the limit is tried. */
static int close_each_on_exec(void) {
  uint64_t limit[2];
  long result = read_limit(limit, NULL);
  if (sr_failed(result)) return (int)result;
  for (uint64_t fd = 3; fd < limit[0]; fd++) {
    result = sr_syscall4(__NR_fcntl, (long)fd, F_SETFD, FD_CLOEXEC, 0);
    if (sr_failed(result) && result != -EBADF) return (int)result;
  }
  return 0;
}

int sr_hand_on(const int32_t *descriptors, size_t count) {
  // No matter what has been opened, and by whom, nothing reaches the program that was not listed.
  long result = sr_syscall4(__NR_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC, 0);
  if (sr_failed(result)) {
    int fallback = close_each_on_exec();
    if (fallback != 0) return fallback;
  }
  for (size_t i = 0; i < count; i++) {
    result = sr_syscall4(__NR_fcntl, descriptors[i], F_SETFD, 0, 0);
    if (sr_failed(result) && result != -EBADF) return (int)result;
  }
  return 0;
}

// struct sigaction differs between architectures behind its first word, the handler. Zero is right for all the rest.
struct disposition {
  unsigned long handler;
  unsigned long rest[7];
};

static long set_disposition(int number, unsigned long handler) {
  struct disposition wanted = {.handler = handler};
  return sr_syscall4(__NR_rt_sigaction, number, (long)&wanted, 0, SIGSET_BYTES);
}

int sr_reset_signals(void) {
  // exec resets caught signals anyway. It is done earlier because a signal that arrives between the filter and exec
  // would otherwise run the runtime's handler, and its rt_sigreturn, under the program's filter. With the default in place
  // SIGTERM simply ends the process there, just as it would end the program.
  // Node ignores SIGPIPE and SIGXFSZ, and exec keeps that: programs expect the default. Signals that the caller had
  // ignored were lost when Node started and cannot be told apart any more.
  for (int number = 1; number <= LAST_SIGNAL; number++) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    struct disposition now = {0};
    long result = sr_syscall4(__NR_rt_sigaction, number, 0, (long)&now, SIGSET_BYTES);
    if (sr_failed(result)) return (int)result;
    int caught = now.handler != DEFAULT_ACTION && now.handler != IGNORE;
    int of_node = now.handler == IGNORE && (number == SIGPIPE || number == SIGXFSZ);
    if (!caught && !of_node) continue;
    result = set_disposition(number, DEFAULT_ACTION);
    if (sr_failed(result)) return (int)result;
  }
  uint64_t none = 0;
  long result = sr_syscall4(__NR_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, SIGSET_BYTES);
  return sr_failed(result) ? (int)result : 0;
}

void sr_ignore_sigpipe(void) { set_disposition(SIGPIPE, IGNORE); }

int sr_limit_open_files(int64_t soft) {
  if (soft < 0) return 0;
  uint64_t limit[2];
  long result = read_limit(limit, NULL);
  if (sr_failed(result)) return (int)result;
  uint64_t wanted[2] = {(uint64_t)soft < limit[1] ? (uint64_t)soft : limit[1], limit[1]};
  if (wanted[0] >= limit[0]) return 0;
  result = read_limit(limit, wanted);
  return sr_failed(result) ? (int)result : 0;
}
