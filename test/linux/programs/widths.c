/* Asks the running kernel how wide it reads an argument: makes a call that works, then the same call with garbage in the
 * argument's high half. If that works too, the kernel looks at 32 bits; if it fails or means something else, at 64.
 * Prints `call argument bits` for each, `call argument ?` where the plain call already fails here. x86_64 only. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long word;
#define GARBAGE 0xdeadbe0000000000ul

static long ask(word nr, const word *a) {
  return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* `exact`: the results must be equal, not only both be successes. */
static void probe(const char *name, word nr, int argument, int exact, word a0, word a1, word a2, word a3, word a4, word a5) {
  word a[6] = {a0, a1, a2, a3, a4, a5};
  long plain = ask(nr, a);
  if (plain < 0) {
    printf("%s %d ?\n", name, argument);
    return;
  }
  a[argument] ^= GARBAGE;
  long dirty = ask(nr, a);
  int same = exact ? plain == dirty : dirty >= 0;
  printf("%s %d %d\n", name, argument, same ? 32 : 64);
}

#define P(call, argument, ...) probe(#call, SYS_##call, argument, 0, __VA_ARGS__)
#define EXACT(call, argument, ...) probe(#call, SYS_##call, argument, 1, __VA_ARGS__)

static void child_of_clone(word flags, const char *name, int argument) {
  long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, 0, 0);
  printf("%s %d %s\n", name, argument, pid > 0 ? "32" : "64");
}

static void tracing(void) {
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  long seized = syscall(SYS_ptrace, PTRACE_SEIZE, (word)pid ^ GARBAGE, 0, 0);
  if (seized < 0) seized = syscall(SYS_ptrace, PTRACE_SEIZE, (word)pid, 0, 0) < 0 ? -2 : -1;
  printf("ptrace 1 %s\n", seized == 0 ? "32" : seized == -1 ? "64" : "?");
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  pid = fork();
  if (pid == 0) {
    long traced = syscall(SYS_ptrace, PTRACE_TRACEME ^ GARBAGE, 0, 0, 0);
    if (traced < 0) traced = syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0 ? -2 : -1;
    _exit(traced == 0 ? 32 : traced == -1 ? 64 : 0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (WEXITSTATUS(status) == 0) printf("ptrace 0 ?\n");
  else printf("ptrace 0 %d\n", WEXITSTATUS(status));
}

int main(int count, char **words) {
  if (count != 2) return 1;
  setvbuf(stdout, 0, _IOLBF, 0);
  const char *path = words[1];
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  int pipes[2], pair[2], number = 0;
  char byte = 'x';
  struct iovec vector = {&byte, 1};
  struct timespec when;
  struct rlimit limit;
  struct epoll_event event = {.events = EPOLLIN};
  unsigned char mask[128];
  unsigned action = SECCOMP_RET_ALLOW;
  unsigned futex = 0;
  int one = 1;
  if (fd < 0 || pipe(pipes) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return 1;
  if (write(fd, "hello", 5) != 5) return 1;
  char *memory = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  word page = (word)memory;

  P(openat, 0, (unsigned)AT_FDCWD, (word)path, O_RDONLY, 0, 0, 0);
  P(openat, 2, AT_FDCWD, (word)path, O_RDONLY, 0, 0, 0);
  P(openat, 3, AT_FDCWD, (word)path, O_RDWR | O_CREAT, 0600, 0, 0);
  P(open, 1, (word)path, O_RDONLY, 0, 0, 0, 0);
  P(access, 1, (word)path, R_OK, 0, 0, 0, 0);
  P(faccessat, 0, (unsigned)AT_FDCWD, (word)path, R_OK, 0, 0, 0);
  P(fchmod, 0, fd, 0600, 0, 0, 0, 0);
  P(fchmod, 1, fd, 0600, 0, 0, 0, 0);
  P(read, 0, fd, (word)&byte, 0, 0, 0, 0);
  P(readv, 0, fd, (word)&vector, 1, 0, 0, 0);
  P(writev, 0, fd, (word)&vector, 1, 0, 0, 0);
  P(preadv, 0, fd, (word)&vector, 1, 0, 0, 0);
  P(preadv2, 5, fd, (word)&vector, 1, 0, 0, 0);
  EXACT(pread64, 3, fd, (word)&byte, 1, 0, 0, 0);
  EXACT(lseek, 1, fd, 3, SEEK_SET, 0, 0, 0);
  EXACT(lseek, 2, fd, 3, SEEK_SET, 0, 0, 0);
  P(ioctl, 0, pipes[0], FIONREAD, (word)&number, 0, 0, 0);
  P(ioctl, 1, pipes[0], FIONREAD, (word)&number, 0, 0, 0);
  P(fcntl, 1, fd, F_GETFD, 0, 0, 0, 0);
  P(flock, 1, fd, LOCK_UN, 0, 0, 0, 0);
  P(ftruncate, 1, fd, 5, 0, 0, 0, 0);
  P(dup, 0, fd, 0, 0, 0, 0, 0);
  P(dup3, 2, fd, 100, O_CLOEXEC, 0, 0, 0);
  P(pipe2, 1, (word)pipes, O_CLOEXEC, 0, 0, 0, 0);
  P(memfd_create, 1, (word) "m", 0, 0, 0, 0, 0);
  P(eventfd2, 1, 0, 0, 0, 0, 0, 0);
  P(epoll_create1, 0, 0, 0, 0, 0, 0, 0);
  P(inotify_init1, 0, 0, 0, 0, 0, 0, 0);
  P(timerfd_create, 0, CLOCK_MONOTONIC, 0, 0, 0, 0, 0);
  P(utimensat, 3, AT_FDCWD, (word)path, 0, 0, 0, 0);
  P(socket, 0, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0);
  P(socket, 1, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0);
  P(socket, 2, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0);
  P(setsockopt, 1, pair[0], SOL_SOCKET, SO_KEEPALIVE, (word)&one, sizeof one, 0);
  P(setsockopt, 2, pair[0], SOL_SOCKET, SO_KEEPALIVE, (word)&one, sizeof one, 0);
  P(setsockopt, 4, pair[0], SOL_SOCKET, SO_KEEPALIVE, (word)&one, sizeof one, 0);
  P(sendto, 3, pair[0], (word)&byte, 1, MSG_DONTWAIT, 0, 0);
  P(shutdown, 1, pair[0], SHUT_RD, 0, 0, 0, 0);
  P(mmap, 4, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  P(mprotect, 2, page, 4096, PROT_READ, 0, 0, 0);
  P(madvise, 1, page, 4096, MADV_NORMAL, 0, 0, 0);
  P(madvise, 2, page, 4096, MADV_NORMAL, 0, 0, 0);
  P(mremap, 3, page, 4096, 4096, 0, 0, 0);
  P(msync, 2, page, 4096, MS_ASYNC, 0, 0, 0);
  P(mbind, 2, page, 4096, 0, 0, 0, 0);
  P(unshare, 0, 0, 0, 0, 0, 0, 0);
  P(prctl, 0, PR_GET_DUMPABLE, 0, 0, 0, 0, 0);
  P(prctl, 1, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  P(personality, 0, 0xffffffff, 0, 0, 0, 0, 0);
  P(seccomp, 0, SECCOMP_GET_ACTION_AVAIL, 0, (word)&action, 0, 0, 0);
  P(seccomp, 1, SECCOMP_GET_ACTION_AVAIL, 0, (word)&action, 0, 0, 0);
  P(futex, 1, (word)&futex, FUTEX_WAKE, 1, 0, 0, 0);
  P(futex, 2, (word)&futex, FUTEX_WAKE, 1, 0, 0, 0);
  P(membarrier, 0, MEMBARRIER_CMD_QUERY, 0, 0, 0, 0, 0);
  P(getrandom, 2, (word)&byte, 1, 0, 0, 0, 0);
  P(kill, 0, getpid(), 0, 0, 0, 0, 0);
  P(kill, 1, getpid(), 0, 0, 0, 0, 0);
  P(tgkill, 2, getpid(), getpid(), 0, 0, 0, 0);
  P(rt_sigaction, 0, SIGUSR1, 0, 0, 8, 0, 0);
  P(rt_sigaction, 3, SIGUSR1, 0, 0, 8, 0, 0);
  P(rt_sigprocmask, 0, SIG_BLOCK, 0, 0, 8, 0, 0);
  P(clock_gettime, 0, CLOCK_REALTIME, (word)&when, 0, 0, 0, 0);
  P(getrlimit, 0, RLIMIT_NOFILE, (word)&limit, 0, 0, 0, 0);
  P(prlimit64, 0, 0, RLIMIT_NOFILE, 0, 0, 0, 0);
  P(getpriority, 0, PRIO_PROCESS, 0, 0, 0, 0, 0);
  P(sched_getaffinity, 1, 0, sizeof mask, (word)mask, 0, 0, 0);
  P(sched_getscheduler, 0, 0, 0, 0, 0, 0, 0);
  P(set_robust_list, 1, 0, 24, 0, 0, 0, 0);
  P(umask, 0, 022, 0, 0, 0, 0, 0);
  P(getpgid, 0, 0, 0, 0, 0, 0, 0);
  P(ioprio_get, 0, 1, 0, 0, 0, 0, 0);
  P(kcmp, 2, getpid(), getpid(), 1, 0, 0, 0);
  P(close_range, 2, 900, 901, 0, 0, 0, 0);
  P(pidfd_open, 1, getpid(), 0, 0, 0, 0, 0);
  int poll = epoll_create1(0);
  epoll_ctl(poll, EPOLL_CTL_ADD, pair[1], &event);
  P(epoll_ctl, 1, poll, EPOLL_CTL_MOD, pair[1], (word)&event, 0, 0);
  child_of_clone(SIGCHLD ^ GARBAGE, "clone", 0);
  tracing();
  return 0;
}
