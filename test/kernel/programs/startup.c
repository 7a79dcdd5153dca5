// A program that tells when a filter began: a constructor makes call STARTUP_CALL if that is set, and starts a thread if THREAD is, and a process if FORK is; main
// makes the call of its first argument, in that thread where there is one. Built with -DNO_MAIN it has its own _start and never calls the C library's start code.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call(const char *number) {
  long result = syscall(atol(number));
  return result == -1 ? -errno : result;
}

static void say(const char *what, long result) {
  char text[128];
  int length = snprintf(text, sizeof text, "%s %ld\n", what, result < 0 ? result : 0);
  if (write(1, text, (size_t)length) != length) _exit(99);
}

#ifdef NO_MAIN
void _start(void) {
  say("start", call("110"));
  _exit(0);
}
#else
static int in[2], out[2];
static pthread_t thread;
static int has_thread;

static void *in_thread(void *unused) {
  char number[32] = "";
  if (read(in[0], number, sizeof number - 1) > 0) {
    long result = call(number);
    if (write(out[1], &result, sizeof result) != sizeof result) _exit(98);
  }
  return unused;
}

__attribute__((constructor)) static void constructor(void) {
  const char *number = getenv("STARTUP_CALL");
  if (number != NULL) say("constructor", call(number));
  const char *other = getenv("BECOME");
  if (other != NULL) {
    unsetenv("BECOME");
    execl(other, other, "110", NULL);
  }
  const char *fork_by = getenv("FORK");
  if (fork_by != NULL) {
    // Another process: by fork, by vfork as posix_spawn does it, or by a clone whose end no SIGCHLD tells.
    long made = strcmp(fork_by, "vfork") == 0   ? (long)syscall(SYS_clone, 0x4000 | SIGCHLD, 0, 0, 0, 0)
                : strcmp(fork_by, "clone") == 0 ? (long)syscall(SYS_clone, 0, 0, 0, 0, 0)
                                                : (long)fork();
    if (made == 0) {
      say("child", 0);
      _exit(0);
    }
  }
  if (getenv("THREAD") == NULL) return;
  has_thread = 1;
  if (pipe(in) != 0 || pipe(out) != 0 || pthread_create(&thread, NULL, in_thread, NULL) != 0) _exit(97);
}

int main(int argc, char **argv) {
  if (argc < 2) return 96;
  long result;
  if (has_thread) {
    if (write(in[1], argv[1], strlen(argv[1])) < 0 || read(out[0], &result, sizeof result) != sizeof result) return 95;
  } else {
    result = call(argv[1]);
  }
  say("main", result);
  return 0;
}
#endif
