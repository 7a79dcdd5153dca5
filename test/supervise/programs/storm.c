// A signal a millisecond, with a handler that interrupts calls (no SA_RESTART), while calls are made that no signal can
// interrupt. In a bare run none fails; under a recorder that is not transparent some fail with EINTR.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int signals;

static void on_signal(int number) {
  (void)number;
  signals++;
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 2000, wrong = 0;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval time = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &time, NULL);
  for (int i = 0; i < rounds; i++) {
    struct stat status;
    wrong += stat("/etc/hostname", &status) != 0;
    int fd = open("/dev/null", O_RDONLY);
    wrong += fd < 0;
    close(fd);
    wrong += getppid() <= 0;
    if (i % 50 == 0) {
      pid_t child = fork();
      if (child == 0) _exit(0);
      wrong += child < 0;
      while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
      }
    }
  }
  // What a signal does interrupt, it still does.
  struct timespec second = {1, 0};
  int interrupted = nanosleep(&second, NULL) == -1 && errno == EINTR;
  struct itimerval never = {0};
  setitimer(ITIMER_REAL, &never, NULL);
  printf("%d %d %d\n", wrong, interrupted, signals > 0);
  return 0;
}
