// The core's recorder without Node around it: `recorded PROGRAM ARG…` runs the program and says of its getppid and getpgid how often they
// were made, and in which phase.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/record.h"

int main(int argc, char **argv) {
  int go[2];
  if (argc < 2 || pipe(go) != 0) return 99;
  pid_t child = fork();
  if (child == 0) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
    };
    struct sock_fprog filter = {.len = 5, .filter = program};
    char byte;
    if (read(go[0], &byte, 1) != 1) _exit(98);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) _exit(97);
    execv(argv[1], argv + 1);
    _exit(96);
  }
  struct sr_recorder *recorder = sr_recorder_make(NULL, 0);
  if (recorder == NULL || sr_record_attach(recorder, child) != 0 || write(go[1], "x", 1) != 1) return 95;
  while (sr_record_traced(recorder) != SR_EVENT_DONE) {
  }
  size_t count;
  const struct sr_entry *entries = sr_record_entries(recorder, &count);
  for (size_t i = 0; i < count; i++) {
    const char *call = entries[i].number == SYS_getppid ? "getppid" : "getpgid";
    printf("%s phase %d count %d by %s\n", call, entries[i].phase, (int)entries[i].count,
           sr_record_program(recorder, entries[i].program));
  }
  return 0;
}
