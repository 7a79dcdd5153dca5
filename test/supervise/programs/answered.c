// Meets a refusal that no errno can express, and says what became of it. The first argument says what is done about SIGSYS before.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static const char path[] = "/to-be-refused";
static volatile int handled;

/** mkdir as a raw call, so that the place behind it is known. */
#ifdef __x86_64__
static long refused_call(void) {
  long result = SYS_mkdir;
  __asm__ volatile("syscall\n.globl behind\nbehind:" : "+a"(result) : "D"(path), "S"(0755L) : "rcx", "r11", "memory");
  return result;
}
#define NUMBER SYS_mkdir
static long long register_of(const ucontext_t *context) { return context->uc_mcontext.gregs[REG_RAX]; }
static void *place_of(const ucontext_t *context) { return (void *)context->uc_mcontext.gregs[REG_RIP]; }
#else
static long refused_call(void) {
  register long number __asm__("x8") = SYS_mkdirat;
  register long result __asm__("x0") = -100;
  register const char *at __asm__("x1") = path;
  register long mode __asm__("x2") = 0755;
  __asm__ volatile("svc #0\n.globl behind\nbehind:" : "+r"(result) : "r"(number), "r"(at), "r"(mode) : "memory");
  return result;
}
#define NUMBER SYS_mkdirat
static long long register_of(const ucontext_t *context) { return context->uc_mcontext.regs[0]; }
static void *place_of(const ucontext_t *context) { return (void *)context->uc_mcontext.pc; }
#endif
extern char behind[];

static void on_refusal(int number, siginfo_t *information, void *context) {
  handled++;
  printf("signal %d code %d errno %d call %d arch %x place %d again %d register %lld\n", number, information->si_code,
         information->si_errno, information->si_syscall, information->si_arch, information->si_call_addr == behind,
         place_of(context) == behind, register_of(context));
#ifdef __x86_64__
  // As programs do that emulate calls.
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 1000 + handled;
#endif
}

static void handle(int flags) {
  struct sigaction action = {.sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO | flags};
  sigaction(SIGSYS, &action, NULL);
}

static void on_alarm(int number) { (void)number; }

static void *in_thread(void *unused) {
  refused_call();
  puts("the thread goes on");
  return unused;
}

/** Until the first thread is no more. */
static void *outlive(void *unused) {
  for (int i = 0; i < 10000; i++) {
    char text[256] = "";
    FILE *file = fopen("/proc/self/stat", "r");
    if (file == NULL || fgets(text, sizeof text, file) == NULL) _exit(97);
    fclose(file);
    if (strstr(text, ") Z ") != NULL) return unused;
    usleep(1000);
  }
  _exit(96);
}

static char other_stack[1 << 16] __attribute__((aligned(16)));

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSYS);
  if (strcmp(what, "handled") == 0) {
    handle(0);
    for (int i = 0; i < 3; i++) printf("%ld\n", refused_call());
    return 3;
  }
  if (strcmp(what, "storm") == 0) {
    // Other signals all the time: each of ours is handled, once, and finds the place of its own call.
    handle(0);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval time = {{0, 2000}, {0, 2000}};
    setitimer(ITIMER_REAL, &time, NULL);
    int refusals = 0;
    // The first ones are interrupted until the listener is there.
    for (int i = 0; i < 100000 && refusals < 100; i++) refusals += refused_call() != -EINTR;
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    fprintf(stderr, "wrong %d\n", refusals - handled);
    return 4;
  }
  if (strcmp(what, "blocked") == 0) {
    handle(0);
    sigprocmask(SIG_BLOCK, &set, NULL);
  } else if (strcmp(what, "ignored") == 0) {
    signal(SIGSYS, SIG_IGN);
  } else if (strcmp(what, "caught") == 0) {
    handle(SA_RESTART);
  } else if (strcmp(what, "stack") == 0) {
#ifdef __x86_64__
    // No stack to put anything on: the pointer is garbage.
    handle(0);
    long result = SYS_mkdir;
    __asm__ volatile("mov %%rsp, %%r12; mov $16, %%rsp; syscall; mov %%r12, %%rsp"
                     : "+a"(result)
                     : "D"(path), "S"(0755L)
                     : "rcx", "r11", "r12", "memory");
    printf("goes on %ld\n", result);
    return 5;
#endif
  } else if (strcmp(what, "thread") == 0) {
    handle(0);
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    puts("joined");
    return 6;
  } else if (strcmp(what, "leader") == 0) {
    // The first thread is ended, the process goes on.
    pthread_t thread;
    pthread_create(&thread, NULL, outlive, NULL);
    refused_call();
    return 7;
  } else if (strcmp(what, "child") == 0) {
    int status = 0;
    handle(0);
    pid_t child = fork();
    if (child == 0) {
      refused_call();
      _exit(1);
    }
    waitpid(child, &status, 0);
    printf("%d %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 8;
  } else if (strcmp(what, "crowd") == 0) {
    // Many threads whose calls wait at once.
    pthread_t threads[20];
    for (int i = 0; i < 20; i++) pthread_create(&threads[i], NULL, in_thread, NULL);
    for (int i = 0; i < 20; i++) pthread_join(threads[i], NULL);
    puts("all joined");
    return 10;
  } else if (strcmp(what, "undumpable") == 0) {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  } else if (strcmp(what, "altstack") == 0) {
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    sigaltstack(&stack, NULL);
    handle(SA_ONSTACK);
    printf("%ld\n", refused_call());
    return 9;
  }
  printf("goes on %ld\n", refused_call());
  return 1;
}
