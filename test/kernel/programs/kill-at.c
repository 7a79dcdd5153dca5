// `kill-at N COMMAND…` runs the command and kills whoever in it is about to make the N-th ptrace request, which is then not made. Tells which
// one it was, and how the command ended, in one line on descriptor 3: `REQUEST status|signal NUMBER`. REQUEST is -1 where there were not so many.
// Where descriptor 3 is closed, it ends as the command did.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int main(int argc, char **argv) {
  if (argc < 3) return 99;
  long left = atol(argv[1]);
  long long request = -1;
  struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 98;
  int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) return 97;
  pid_t child = fork();
  if (child == 0) {
    close(listener);
    close(3);
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0, is_over = 0;
  while (!is_over) {
    struct pollfd watched = {.fd = listener, .events = POLLIN};
    if (poll(&watched, 1, 20) > 0 && (watched.revents & POLLIN) != 0) {
      struct seccomp_notif one = {0};
      if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &one) != 0) continue;
      if (--left == 0) {
        request = (long long)one.data.args[0];
        kill((pid_t)one.pid, SIGKILL);
        continue;
      }
      struct seccomp_notif_resp answer = {.id = one.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
      ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
      continue;
    }
    is_over = waitpid(child, &status, WNOHANG) == child;
  }
  int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  if (dprintf(3, "%lld %s %d\n", request, WIFSIGNALED(status) ? "signal" : "status", number) > 0) return 0;
  if (WIFSIGNALED(status)) raise(number);
  return number;
}
