// What a program finds when it has been started: one answer per run, chosen by the first argument. It makes few calls
// of its own, so that a test's policy can be short, and writes with one write(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void say(const char *format, ...) {
  static char text[1 << 16];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (write(1, text, (size_t)length) != length) _exit(99);
}

static long number(const char *text) { return (long)strtoul(text, NULL, 0); }

/** `call NR ARG…`: the result, or the errno as a negative number. */
static long call(char **words) {
  long a[7] = {0};
  for (int i = 0; i < 7 && words[i] != NULL; i++) a[i] = number(words[i]);
  long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  return result == -1 ? -errno : result;
}

static char **thread_words;

static void *in_thread(void *unused) {
  (void)unused;
  call(thread_words);
  return NULL;
}

static void on_sigsys(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  say("trapped %d arch %x\n", info->si_syscall, (unsigned)info->si_arch);
  _exit(0);
}

#ifdef __x86_64__
/** Through the 32-bit gate, from 64-bit code: i386's number. */
static long int80(long nr, long argument) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(nr), "b"(argument) : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}
#endif

static void descriptors(void) {
  char text[4096] = "";
  for (int fd = 0; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) sprintf(text + strlen(text), "%s%d", *text ? " " : "", fd);
  }
  say("%s\n", text);
}

static void arguments(char **words) {
  for (; *words != NULL; words++) {
    char text[4096] = "";
    for (unsigned char *byte = (unsigned char *)*words; *byte; byte++) sprintf(text + strlen(text), "%02x", *byte);
    say("[%s]\n", text);
  }
}

static void environment(void) {
  size_t count = 0, bytes = 0, own = 0;
  for (char **entry = environ; *entry != NULL; entry++) {
    count++;
    bytes += strlen(*entry);
    own += strncmp(*entry, "SECCOMP_", 8) == 0;
  }
  say("count %zu bytes %zu own %zu\n", count, bytes, own);
}

static void signals(void) {
  char text[1024] = "";
  for (int one = 1; one < 32; one++) {
    struct sigaction now;
    if (sigaction(one, NULL, &now) == 0 && now.sa_handler != SIG_DFL) sprintf(text + strlen(text), " %d", one);
  }
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  int blocked = 0;
  for (int one = 1; one < 65; one++) blocked += sigismember(&mask, one) == 1;
  say("not default:%s blocked: %d\n", text, blocked);
}

static void status_line(const char *name) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[512];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') say("%s", line);
  }
}

static void copy_input(void) {
  char text[4096];
  ssize_t got;
  while ((got = read(0, text, sizeof text)) > 0) {
    if (write(1, text, (size_t)got) != got) _exit(99);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  char **rest = argv + (argc > 1 ? 2 : 1);
  if (strcmp(what, "say") == 0) say("%s\n", rest[0]);
  else if (strcmp(what, "exit") == 0) return (int)number(rest[0]);
  else if (strcmp(what, "die") == 0) raise((int)number(rest[0]));
  else if (strcmp(what, "call") == 0) say("%ld\n", call(rest));
  else if (strcmp(what, "thread") == 0) {
    pthread_t thread;
    thread_words = rest;
    if (pthread_create(&thread, NULL, in_thread, NULL) != 0) return 98;
    pthread_join(thread, NULL);
    say("the process lives\n");
  } else if (strcmp(what, "trap") == 0) {
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    call(rest);
    say("not trapped\n");
#ifdef __x86_64__
  } else if (strcmp(what, "int80") == 0) say("%ld\n", int80(number(rest[0]), rest[1] ? number(rest[1]) : 0));
  else if (strcmp(what, "x32") == 0) {
    char text[32];
    snprintf(text, sizeof text, "%ld", number(rest[0]) | 0x40000000);
    rest[0] = text;
    say("%ld\n", call(rest));
#endif
  } else if (strcmp(what, "pid") == 0) say("%d\n", getpid());
  else if (strcmp(what, "child") == 0) {
    int result = waitpid(-1, NULL, 0);
    say("%d %s\n", result, result < 0 ? strerrorname_np(errno) : "");
  } else if (strcmp(what, "status") == 0) status_line(rest[0]);
  else if (strcmp(what, "tty") == 0) say("%d %d %d\n", isatty(0), isatty(1), isatty(2));
  else if (strcmp(what, "blocking") == 0) {
    for (int fd = 0; fd < 3; fd++) say("%d", (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    say("\n");
  } else if (strcmp(what, "descriptors") == 0) descriptors();
  else if (strcmp(what, "arguments") == 0) arguments(argv);
  else if (strcmp(what, "environment") == 0) environment();
  else if (strcmp(what, "variable") == 0) say("%s\n", getenv(rest[0]) ? getenv(rest[0]) : "(not set)");
  else if (strcmp(what, "signals") == 0) signals();
  else if (strcmp(what, "input") == 0) copy_input();
  else if (strcmp(what, "users") == 0) {
    uid_t r, e, s;
    getresuid(&r, &e, &s);
    say("%d %d %d\n", r, e, s);
  } else if (strcmp(what, "limit") == 0) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    say("%lu %lu\n", limit.rlim_cur, limit.rlim_max);
  } else if (strcmp(what, "wait") == 0) {
    say("ready\n");
    for (;;) pause();
  } else if (strcmp(what, "exec") == 0) {
    execve(rest[0], rest, environ);
    say("exec: %s\n", strerrorname_np(errno));
  } else if (strcmp(what, "read-from") == 0) {
    char text[256] = "";
    ssize_t got = read((int)number(rest[0]), text, sizeof text - 1);
    say("%zd %s\n", got, text);
  } else if (strcmp(what, "write-to") == 0) {
    if (write((int)number(rest[0]), "token", 5) != 5) return 97;
  } else {
    say("unknown: %s\n", what);
    return 96;
  }
  return 0;
}
