// Starts a command with descriptors that a shell cannot make: carrier LAYOUT COMMAND ARG…, where LAYOUT is a list of
// KIND@FD, KIND one of epoll, eventfd, file, null, socket, or pipe@READ,WRITE with "token" in it. All others from 3 on are closed.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void place(int from, int to) {
  if (from < 0 || dup2(from, to) != to) exit(3);
  close(from);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  // High numbers first, so that no descriptor of this program's is where one of the layout goes.
  for (int fd = 3; fd < 1024; fd++) close(fd);
  char *save = NULL;
  for (char *item = strtok_r(argv[1], " ", &save); item != NULL; item = strtok_r(NULL, " ", &save)) {
    char kind[16];
    int a = -1, b = -1;
    if (sscanf(item, "%15[a-z]@%d,%d", kind, &a, &b) < 2) return 2;
    if (strcmp(kind, "pipe") == 0) {
      int ends[2];
      if (pipe(ends) != 0 || write(ends[1], "token", 5) != 5) return 3;
      int read_end = fcntl(ends[0], F_DUPFD, 500), write_end = fcntl(ends[1], F_DUPFD, 500);
      close(ends[0]);
      close(ends[1]);
      place(read_end, a);
      place(write_end, b);
      continue;
    }
    int fd = -1;
    if (strcmp(kind, "epoll") == 0) fd = epoll_create1(0);
    if (strcmp(kind, "eventfd") == 0) fd = eventfd(0, 0);
    if (strcmp(kind, "file") == 0) fd = open("/etc/passwd", O_RDONLY);
    if (strcmp(kind, "null") == 0) fd = open("/dev/null", O_RDONLY);
    if (strcmp(kind, "socket") == 0) fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int high = fcntl(fd, F_DUPFD, 500);
    close(fd);
    place(high, a);
  }
  // A parent that stays and holds them, as make and cargo do; with "exec" in front the caller is the only one.
  if (strcmp(argv[2], "exec") == 0) {
    execvp(argv[3], argv + 3);
    return 4;
  }
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return (status & 0x7f) == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f);
}
