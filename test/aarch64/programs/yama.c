// `yama SCOPE USER COMMAND…` sets /proc/sys/kernel/yama/ptrace_scope and runs the command as the user. It can be raised to 3 once, and not be lowered
// from there. What Yama does: Documentation/admin-guide/LSM/Yama.rst.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 99;
  int file = open("/proc/sys/kernel/yama/ptrace_scope", O_RDWR | O_CLOEXEC);
  if (file < 0) return 98;
  char now = 0;
  if (write(file, argv[1], strlen(argv[1])) < 0 || pread(file, &now, 1, 0) != 1 || now != argv[1][0]) return 97;
  int user = atoi(argv[2]);
  if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) return 96;
  execv(argv[3], argv + 3);
  return 95;
}
