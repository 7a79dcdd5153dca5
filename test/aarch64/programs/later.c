// The core's injector without Node around it: `later entry|start|OFFSET PROGRAM ARG…` becomes the program, and from the place on getppid
// fails with EPERM. The start-up filter is one that permits all.

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "core/launch.h"

extern char **environ;

static struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static struct sock_filter narrow[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int main(int argc, char **argv) {
  if (argc < 3) return 99;
  static char text[1024] = "later: ";
  struct sr_message message = {.text = text, .length = 7, .size = sizeof text};
  struct sr_cookie cookie;
  if (sr_cookie_make(&cookie) != 0) return 98;
  struct sr_filter first = {.program = all, .length = 1}, then = {.program = narrow, .length = 4};
  struct sr_later later = {.place = strcmp(argv[1], "entry") == 0   ? SR_AT_ENTRY
                                    : strcmp(argv[1], "start") == 0 ? SR_AT_MAIN_BY_START
                                                                    : SR_AT_MAIN,
                           .offset = atol(argv[1]),
                           .filters = &then,
                           .filter_count = 1,
                           .prefix = text,
                           .prefix_length = 7};
  struct sr_launch launch = {.cookie = &cookie,
                             .filters = &first,
                             .filter_count = 1,
                             .path = argv[2],
                             .argv = argv + 2,
                             .envp = environ,
                             .message = &message,
                             .untouched = 1,
                             .later = &later};
  struct sr_failure failure = sr_launch_in_place(&launch);
  fprintf(stderr, "step %d errno %d\n", failure.step, failure.error);
  return 125;
}
