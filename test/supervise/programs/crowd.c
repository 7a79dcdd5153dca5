// Hides a call behind threads, calls with pointers to nowhere, and forks up to a limit.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *hide(void *depth) {
  pthread_t next;
  if ((long)depth > 0 && pthread_create(&next, NULL, hide, (void *)((long)depth - 1)) == 0) pthread_join(next, NULL);
  if ((long)depth == 0) syscall(SYS_sync_file_range, -1, 0, 0, 0);
  return NULL;
}

static int bomb(int depth) {
  int children = 0;
  for (int i = 0; depth > 0 && i < 3; i++) {
    pid_t child = fork();
    if (child == 0) _exit(bomb(depth - 1));
    children += child > 0;
  }
  for (int i = 0, status; i < children; i++) {
    if (wait(&status) < 0 || !WIFEXITED(status)) return 100;
  }
  return children;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "threads") == 0) {
    hide((void *)20L);
    printf("hidden\n");
  } else if (strcmp(what, "garbage") == 0) {
    for (long i = 0; i < 64; i++) {
      syscall(SYS_openat, -100, (void *)(i << 58 | i), i, 0);
      syscall(SYS_fstat, 1, (void *)i);
      syscall(SYS_connect, 0, (void *)(i << 40), -1);
      syscall(SYS_rt_sigaction, 10, (void *)i, (void *)~i, 8);
    }
    printf("garbage\n");
  } else if (strcmp(what, "bomb") == 0) {
    printf("%d\n", bomb(4));
  }
  return 0;
}
