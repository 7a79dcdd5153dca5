// Runs a command on a new pseudo-terminal, as its session's leader, and copies what it writes. When "ready" has been
// seen, the words of the first argument are typed (\003 is ^C). Says at the end how the command ended.
//   pty KEYS COMMAND ARG…

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
    perror("pty");
    return 3;
  }
  const char *name = ptsname(master);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    int slave = open(name, O_RDWR);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) != 0) _exit(4);
    for (int fd = 0; fd < 3; fd++) dup2(slave, fd);
    if (slave > 2) close(slave);
    execvp(argv[2], argv + 2);
    _exit(5);
  }
  char seen[65536] = "";
  size_t length = 0;
  int typed = 0;
  for (;;) {
    ssize_t got = read(master, seen + length, sizeof seen - 1 - length);
    if (got <= 0) break;  // EIO: the last one has closed the terminal
    if (write(1, seen + length, (size_t)got) != got) return 6;
    length += (size_t)got;
    seen[length] = '\0';
    if (!typed && strstr(seen, "ready") != NULL) {
      typed = 1;
      if (write(master, argv[1], strlen(argv[1])) < 0) return 7;
    }
    if (length == sizeof seen - 1) break;
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
  else printf("exit %d\n", WEXITSTATUS(status));
  return 0;
}
