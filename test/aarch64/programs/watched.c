// The core's way to answer a refused call, without Node around it: `watched ACTION DISPOSITION PROGRAM ARG…` runs the program under a
// filter that asks about mkdirat, gives it that answer (a SECCOMP_RET_ value; what SIGSYS does to it, enum sr_disposition), and ends as it does.

#define _GNU_SOURCE
#include <linux/filter.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/answer.h"
#include "core/notify.h"

#define LISTENING (SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5 /* WAIT_KILLABLE_RECV */)

int main(int argc, char **argv) {
  if (argc < 4) return 99;
  volatile int *listener = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = 4, .filter = program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int opened = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, LISTENING, &filter);
    *listener = opened < 0 ? -1 : opened;
    execv(argv[3], argv + 3);
    _exit(98);
  }
  while (*listener == 0) usleep(1000);
  if (*listener < 0) return 97;
  uint32_t action = (uint32_t)strtoul(argv[1], NULL, 0);
  struct seccomp_notif notification;
  // Its end is told by the wait alone: until that the filter is in use.
  int status = 0;
  while (waitpid((pid_t)child, &status, WNOHANG | __WALL) != child) {
    if (sr_notify_receive(*listener, &notification, 20) != 0) continue;
    int answered = sr_answer(*listener, &notification, action, (int32_t)child, (enum sr_disposition)atoi(argv[2]));
    if (answered != 0) printf("answered %d\n", answered);
  }
  fflush(stdout);
  // Not with a core file of its own.
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}
