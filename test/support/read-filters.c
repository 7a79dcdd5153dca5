/* Reads back the seccomp filters of a process, newest first, as the kernel keeps them (PTRACE_SECCOMP_GET_FILTER, needs
 * CAP_SYS_ADMIN): for each one its length in instructions as a line, then the instructions as lines of four numbers. */
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

int main(int argc, char **argv) {
  static struct sock_filter program[4096];
  pid_t pid = argc == 2 ? (pid_t)atoi(argv[1]) : 0;
  int status;
  if (pid <= 0) {
    fputs("read-filters PID\n", stderr);
    return 2;
  }
  if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 ||
      waitpid(pid, &status, __WALL) != pid) {
    perror("attach");
    return 1;
  }
  for (long index = 0;; index++) {
    long count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)index, program);
    if (count < 0) {
      if (errno == ENOENT && index > 0) break;
      perror("PTRACE_SECCOMP_GET_FILTER");
      return 1;
    }
    printf("%ld\n", count);
    for (long at = 0; at < count; at++)
      printf("%u %u %u %u\n", program[at].code, program[at].jt, program[at].jf, program[at].k);
  }
  ptrace(PTRACE_DETACH, pid, 0, 0);
  return 0;
}
