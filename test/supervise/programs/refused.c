// Makes refused calls in awkward ways, chosen by the first argument; prints what they gave.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long result(long value) { return value == -1 ? -errno : value; }

static void *in_thread(void *unused) {
  pthread_setname_np(pthread_self(), "hidden\033[31m");
  printf("%ld\n", result(syscall(SYS_mkdir, "/from-a-thread", 0755)));
  return unused;
}

static void on_signal(int number) { (void)number; }

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(what, "open") == 0) {
    printf("%ld\n", result(syscall(SYS_mkdir, argv[2], 0755)));
  } else if (strcmp(what, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
  } else if (strcmp(what, "garbage") == 0) {
    printf("%ld\n", result(syscall(SYS_mkdir, 1, 0755)));
    printf("%ld\n", result(syscall(SYS_mkdir, -1L, 0755)));
    printf("%ld\n", result(syscall(SYS_connect, 3, (void *)0xdeadbeef, 1 << 30)));
  } else if (strcmp(what, "connect") == 0) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/some.sock"};
    printf("%ld\n", result(syscall(SYS_connect, 0, &address, sizeof address)));
  } else if (strcmp(what, "child") == 0) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
      syscall(SYS_mkdir, "/from-a-child", 0755);
      _exit(3);
    }
    waitpid(child, &status, 0);
    printf("%d %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    printf("%d\n", waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
  } else if (strcmp(what, "storm") == 0) {
    // Thousands of refusals while a timer without SA_RESTART fires: each gives the policy's errno or EINTR, nothing else.
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval time = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &time, NULL);
    int refused = 0, interrupted = 0, count = atoi(argv[2]);
    for (int i = 0; i < count; i++) {
      long value = result(syscall(SYS_mkdir, "/x", i));
      refused += value == -EPERM;
      interrupted += value == -EINTR;
    }
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    printf("%d\n", count - refused - interrupted);
    fprintf(stderr, "refused %d\n", refused);
  } else if (strcmp(what, "many") == 0) {
    // Different ones, so that each is told.
    for (long i = 0; i < 3000; i++) syscall(SYS_madvise, 0, 0, i);
    puts("done");
  } else if (strcmp(what, "later") == 0) {
    // After a word from outside.
    char byte;
    puts("ready");
    if (read(0, &byte, 1) < 0) return 9;
    printf("%ld\n", result(syscall(SYS_mkdir, argv[2], 0755)));
  } else if (strcmp(what, "asked") == 0) {
    printf("%ld\n", result(syscall(SYS_ioctl, -1, strtoul(argv[2], NULL, 0))));
    printf("%ld\n", result(syscall(SYS_mkdir, "/x", 0755)));
    printf("%ld\n", result(syscall(SYS_ioctl, -1, 2)));
  } else if (strcmp(what, "i386") == 0) {
#ifdef __x86_64__
    long value;
    __asm__ volatile("int $0x80" : "=a"(value) : "0"(39L), "b"(0L) : "memory", "r8", "r9", "r10", "r11");
    printf("%ld\n", value);
#endif
  }
  return 7;
}
