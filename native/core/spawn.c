// See spawn.h.

#include "spawn.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <stddef.h>

#include "syscall.h"

// include/uapi/asm-generic/signal.h, linux/wait.h; include/linux/socket.h and net.h.
#define SIGCHLD 17
#define WALL 0x40000000
#define AF_UNIX 1
#define SOCK_STREAM 1
#define MSG_NOSIGNAL 0x4000

static long call3(long number, long a, long b, long c) { return sr_syscall4(number, a, b, c, 0); }

void sr_leave(int status) {
  for (;;) call3(__NR_exit_group, status, 0, 0);
}

static long copy_process(long signal) { return sr_syscall6(__NR_clone, signal, 0, 0, 0, 0, 0); }

static long wait_for(long pid, int *status) {
  for (;;) {
    long result = sr_syscall4(__NR_wait4, pid, (long)status, WALL, 0);
    if (result != -EINTR) return result;
  }
}

static long tell(int channel, int32_t word) {
  long result;
  do result = sr_syscall6(__NR_sendto, channel, (long)&word, sizeof word, MSG_NOSIGNAL, 0, 0);
  while (result == -EINTR);
  return result;
}

/** -ECHILD where the other side has gone without a word, -ETIME where it says nothing for five seconds. */
static int32_t hear(int channel) {
  for (;;) {
    struct pollfd watched = {.fd = channel, .events = POLLIN};
    struct __kernel_timespec limit = {.tv_sec = 5};
    long result = sr_syscall6(__NR_ppoll, (long)&watched, 1, (long)&limit, 0, 0, 0);
    if (result == 0) return -ETIME;
    int32_t word = 0;
    if (result > 0) result = call3(__NR_read, channel, (long)&word, sizeof word);
    if (result == -EINTR) continue;
    return result == (long)sizeof word ? word : sr_failed(result) ? (int32_t)result : -ECHILD;
  }
}

/** Whether a child that has been given up would come back to this process: it is an init, or a subreaper. */
static int inherits_orphans(void) {
  if (sr_syscall4(__NR_getpid, 0, 0, 0, 0) == 1) return 1;
  int reaper = 0;
  sr_syscall6(__NR_prctl, PR_GET_CHILD_SUBREAPER, (long)&reaper, 0, 0, 0, 0);
  return reaper != 0;
}

static void keep_only(int channel) {
  call3(__NR_close, 0, 0, 0);
  call3(__NR_close, 1, 0, 0);
  if (channel > 3) call3(__NR_close_range, 3, channel - 1, 0);
  call3(__NR_close_range, channel + 1, ~0U, 0);
}

/** In the process that is to be the helper's parent: makes the helper, in which it comes back, and stays until its end. */
static void stand_by(int channel, const char *epitaph, size_t length) {
  long helper = copy_process(SIGCHLD);
  if (helper == 0) return;
  if (sr_failed(helper)) tell(channel, (int32_t)helper);
  // The helper alone holds it, so that its end is heard.
  call3(__NR_close, channel, 0, 0);
  int status = 0;
  if (!sr_failed(helper) && !sr_failed(wait_for(helper, &status)) && (status & 0x7f) != 0)
    call3(__NR_write, 2, (long)epitaph, (long)length);
  sr_leave(0);
}

int sr_beside_start(struct sr_beside *beside, const char *epitaph, size_t length) {
  int pair[2];
  long result = sr_syscall4(__NR_socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, (long)pair);
  if (sr_failed(result)) return (int)result;
  // A child that sends no signal when it ends is not seen by a wait for children (wait(2), __WCLONE).
  int stays = inherits_orphans();
  long child = copy_process(stays ? 0 : SIGCHLD);
  if (child == 0) {
    if (!stays) {
      long last = copy_process(SIGCHLD);
      if (sr_failed(last)) tell(pair[1], (int32_t)last);
      if (last != 0) sr_leave(0);
    }
    sr_syscall4(__NR_setsid, 0, 0, 0, 0);
    keep_only(pair[1]);
    stand_by(pair[1], epitaph, length);
    beside->is_helper = 1;
    beside->channel = pair[1];
    // Until it has been let in.
    if (sr_failed(tell(pair[1], (int32_t)sr_syscall4(__NR_getpid, 0, 0, 0, 0))) || hear(pair[1]) != 0) sr_leave(0);
    return 0;
  }
  call3(__NR_close, pair[1], 0, 0);
  int32_t helper = (int32_t)child;
  if (!sr_failed(child)) {
    long ended = stays ? child : wait_for(child, NULL);
    helper = sr_failed(ended) ? (int32_t)ended : hear(pair[0]);
  }
  beside->is_helper = 0;
  beside->channel = pair[0];
  if (helper < 0) {
    call3(__NR_close, pair[0], 0, 0);
    return helper;
  }
  // Where Yama lets only ancestors trace, this process lets its helper; without Yama it is an error that means nothing.
  sr_syscall6(__NR_prctl, PR_SET_PTRACER, helper, 0, 0, 0, 0);
  long told = tell(pair[0], 0);
  if (!sr_failed(told)) return 0;
  call3(__NR_close, pair[0], 0, 0);
  return (int)told;
}

void sr_beside_tell(const struct sr_beside *beside, int result) {
  long told = tell(beside->channel, result);
  call3(__NR_close, beside->channel, 0, 0);
  if (result != 0 || sr_failed(told)) sr_leave(125);
}

int sr_beside_await(const struct sr_beside *beside) {
  int32_t told = hear(beside->channel);
  call3(__NR_close, beside->channel, 0, 0);
  return told;
}
