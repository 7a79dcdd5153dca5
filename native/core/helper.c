// See helper.h.

#include "helper.h"

#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/time_types.h>

#include "syscall.h"

// include/uapi/asm-generic/signal-defs.h, include/linux/socket.h and net.h, include/uapi/linux/memfd.h.
#define SIGCHLD 17
#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOCK_CLOEXEC O_CLOEXEC
#define MFD_CLOEXEC 1U
#define AWAY 100

static long call1(long number, long a) { return sr_syscall4(number, a, 0, 0, 0); }
static long call2(long number, long a, long b) { return sr_syscall4(number, a, b, 0, 0); }
static long call3(long number, long a, long b, long c) { return sr_syscall4(number, a, b, c, 0); }

__attribute__((noreturn)) static void end(int status) {
  for (;;) call1(__NR_exit_group, status);
}

static long copy_process(long flags) { return sr_syscall6(__NR_clone, flags, 0, 0, 0, 0, 0); }

static long wait_for(long pid) {
  for (;;) {
    long result = sr_syscall4(__NR_wait4, pid, 0, 0x40000000 /* __WALL */, 0);
    if (result != -EINTR) return result;
  }
}

static int take_text(struct sr_helper *helper) {
  long fd = call2(__NR_memfd_create, (long)"sandbox-run", MFD_CLOEXEC);
  if (sr_failed(fd)) return (int)fd;
  helper->text_descriptor = (int)fd;
  const char *text = helper->text;
  for (size_t written = 0; written < helper->text_length;) {
    long result = call3(__NR_write, fd, (long)(text + written), (long)(helper->text_length - written));
    if (result == -EINTR) continue;
    if (sr_failed(result)) return (int)result;
    written += (size_t)result;
  }
  sr_syscall4(__NR_lseek, fd, 0, 0, 0);
  return 0;
}

/** Whether a given-up grandchild would come back to this process: it is an init, or a subreaper. */
static int inherits_orphans(void) {
  if (sr_syscall4(__NR_getpid, 0, 0, 0, 0) == 1) return 1;
  int reaper = 0;
  sr_syscall6(__NR_prctl, PR_GET_CHILD_SUBREAPER, (long)&reaper, 0, 0, 0, 0);
  return reaper != 0;
}

/** Becomes Node, with what it needs at known numbers and nothing else. */
__attribute__((noreturn)) static void become(const struct sr_helper *helper, long channel, long text) {
  long devnull = sr_syscall4(__NR_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0);
  channel = call3(__NR_fcntl, channel, F_DUPFD, AWAY);
  text = call3(__NR_fcntl, text, F_DUPFD, AWAY);
  long output = helper->output > 0 ? call3(__NR_fcntl, helper->output, F_DUPFD, AWAY) : 0;
  if (sr_failed(output) || sr_failed(channel) || sr_failed(text)) end(125);
  if (!sr_failed(devnull)) {
    call3(__NR_dup3, devnull, 0, 0);
    call3(__NR_dup3, devnull, 1, 0);
    // Nobody waits for the end of the program's standard error because of a process that does not use it.
    if (output > 0) call3(__NR_dup3, devnull, 2, 0);
  }
  // Node marks its own standard streams, too.
  call3(__NR_fcntl, 2, F_SETFD, 0);
  call3(__NR_dup3, channel, SR_HELPER_CHANNEL, 0);
  call3(__NR_dup3, text, SR_HELPER_TEXT, 0);
  long last = SR_HELPER_TEXT;
  if (output > 0) last = call3(__NR_dup3, output, SR_HELPER_OUTPUT, 0);
  if (sr_failed(call3(__NR_close_range, last + 1, ~0U, 0)))
    for (long fd = last + 1; fd < 4096; fd++) call1(__NR_close, fd);
  call3(__NR_execve, (long)helper->path, (long)helper->argv, (long)helper->envp);
  end(125);
}

__attribute__((noreturn)) static void explain(struct sr_helper *helper, long launcher) {
  struct __kernel_timespec pause = {.tv_nsec = 200000};
  while (helper->shared->listener == 0) {
    // The launcher died before its filter.
    if (call2(__NR_kill, launcher, 0) == -ESRCH) end(0);
    call2(__NR_nanosleep, (long)&pause, 0);
  }
  int32_t listener = helper->shared->listener;
  if (listener < 0) end(0);
  call1(__NR_unshare, CLONE_FILES);
  become(helper, listener - 1, helper->text_descriptor);
}

int sr_helper_start(struct sr_helper *helper) {
  long page = sr_syscall6(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sr_failed(page)) return (int)page;
  helper->shared = (struct sr_shared *)page;
  int result = take_text(helper);
  if (result != 0) return result;
  int pair[2] = {-1, -1};
  if (helper->mode == SR_HELPER_RECORD) {
    result = (int)sr_syscall4(__NR_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, (long)pair);
    if (result != 0) return result;
    helper->socket = pair[0];
  }
  long launcher = sr_syscall4(__NR_getpid, 0, 0, 0, 0);
  long shares = helper->mode == SR_HELPER_EXPLAIN ? CLONE_FILES : 0;
  // A child that sends no signal when it ends is not seen by a wait for children (wait(2), __WCLONE).
  int stays = inherits_orphans();
  long middle = copy_process(shares | (stays ? 0 : SIGCHLD));
  if (sr_failed(middle)) return (int)middle;
  if (middle == 0) {
    long last = copy_process(shares | SIGCHLD);
    if (last == 0) {
      sr_syscall4(__NR_setsid, 0, 0, 0, 0);
      if (helper->mode == SR_HELPER_EXPLAIN) explain(helper, launcher);
      become(helper, pair[1], helper->text_descriptor);
    }
    helper->shared->helper = (int32_t)last;
    if (!stays || sr_failed(last)) end(sr_failed(last) ? 1 : 0);
    // It holds nothing of the program's, only the place in the tree.
    sr_syscall4(__NR_setsid, 0, 0, 0, 0);
    call1(__NR_unshare, CLONE_FILES);
    call3(__NR_close_range, 0, ~0U, 0);
    wait_for(last);
    end(0);
  }
  if (stays) {
    struct __kernel_timespec pause = {.tv_nsec = 100000};
    while (helper->shared->helper == 0) call2(__NR_nanosleep, (long)&pause, 0);
  } else {
    wait_for(middle);
  }
  if (pair[1] >= 0) call1(__NR_close, pair[1]);
  if (sr_failed(helper->shared->helper)) return helper->shared->helper;
  // Where Yama lets only ancestors look into a process, this one lets its helper in. Without Yama it is an error to
  // ignore.
  sr_syscall6(__NR_prctl, PR_SET_PTRACER, helper->shared->helper, 0, 0, 0, 0);
  return 0;
}

int sr_helper_await(struct sr_helper *helper) {
  for (;;) {
    char word = 0;
    long result = call3(__NR_read, helper->socket, (long)&word, 1);
    if (result == -EINTR) continue;
    return result == 1 && word == 'r' ? 0 : -ECHILD;
  }
}

void sr_helper_tell(struct sr_helper *helper, int listener) {
  helper->shared->listener = listener < 0 ? -1 : listener + 1;
}
