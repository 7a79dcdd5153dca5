// See probe.h.

#include "probe.h"

#include <errno.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>
#include <linux/wait.h>
#include <stddef.h>

#include "install.h"
#include "syscall.h"

// include/uapi/asm-generic/signal.h.
#define SIGKILL 9
#define SIGCHLD 17

static long call0(long number) { return sr_syscall4(number, 0, 0, 0, 0); }

static long fork_child(void) { return sr_syscall6(__NR_clone, SIGCHLD, 0, 0, 0, 0, 0); }

/** Answers getppid with `action`, allows the rest. The architecture does not matter: nothing else is called here. */
static long install(uint32_t action, int listens) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sr_filter filter = {.program = program, .length = sizeof program / sizeof program[0]};
  struct sr_cookie cookie = {{0}};
  int result = sr_no_new_privileges();
  if (result != 0) return result;
  return listens ? sr_install_listening(&cookie, &filter, 0) : sr_install(&cookie, &filter, 0);
}

static long trace_child(void) {
  long parent = call0(__NR_getpid);
  long child = fork_child();
  if (child == 0) {
    // It must not stay behind where an outer filter ends who traces.
    sr_syscall6(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    if (call0(__NR_getppid) != parent) sr_syscall4(__NR_exit_group, 0, 0, 0, 0);
    struct __kernel_timespec second = {.tv_sec = 1};
    for (;;) sr_syscall4(__NR_nanosleep, (long)&second, 0, 0, 0);
  }
  if (sr_failed(child)) return child;
  long result = sr_syscall4(__NR_ptrace, PTRACE_SEIZE, child, 0, PTRACE_O_TRACESECCOMP);
  if (!sr_failed(result)) {
    int status;
    sr_syscall4(__NR_ptrace, PTRACE_INTERRUPT, child, 0, 0);
    sr_syscall4(__NR_wait4, child, (long)&status, __WALL, 0);
    struct ptrace_syscall_info info;
    result = sr_syscall4(__NR_ptrace, PTRACE_GET_SYSCALL_INFO, child, sizeof info, (long)&info);
  }
  sr_syscall4(__NR_kill, child, SIGKILL, 0, 0);
  sr_syscall4(__NR_wait4, child, 0, __WALL, 0);
  return sr_failed(result) ? result : 0;
}

static long i386_call(void) {
#ifdef __x86_64__
  long result;
  // 20 is getpid there (arch/x86/entry/syscalls/syscall_32.tbl).
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(20L) : "memory", "r8", "r9", "r10", "r11");
  return (int)result > 0 ? 0 : (int)result;
#else
  return -ENOSYS;
#endif
}

static long x32_call(void) {
#ifdef __x86_64__
  long result = call0(__X32_SYSCALL_BIT | __NR_getpid);
  return sr_failed(result) ? result : 0;
#else
  return -ENOSYS;
#endif
}

static long attempt(enum sr_probe_kind kind, uint32_t argument) {
  long result;
  switch (kind) {
    case SR_PROBE_ACTION:
      return sr_syscall4(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, (long)&argument, 0);
    case SR_PROBE_FLAGS:
      result = sr_no_new_privileges();
      return result != 0 ? result : sr_syscall4(__NR_seccomp, SECCOMP_SET_MODE_FILTER, argument, 0, 0);
    case SR_PROBE_FILTER:
      result = install(argument, 0);
      return sr_failed(result) ? result : call0(__NR_getppid);
    case SR_PROBE_LISTENER:
      return install(SECCOMP_RET_USER_NOTIF, 1);
    case SR_PROBE_TRACE:
      return trace_child();
    case SR_PROBE_I386:
      return i386_call();
    case SR_PROBE_X32:
      return x32_call();
    case SR_PROBE_LANDLOCK:
      // landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION; the number is the same everywhere.
      return sr_syscall4(444, 0, 0, 1, 0);
  }
  return -EINVAL;
}

int sr_probe(enum sr_probe_kind kind, uint32_t argument, struct sr_probe_result *result) {
  long page = sr_syscall6(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sr_failed(page)) return (int)page;
  volatile int32_t *said = (volatile int32_t *)page;
  long child = fork_child();
  if (child == 0) {
    // A filter that kills shall leave no core file: RLIMIT_CORE is 4.
    uint64_t none[2] = {0, 0};
    sr_syscall4(__NR_prlimit64, 0, 4, (long)none, 0);
    *said = (int32_t)attempt(kind, argument);
    for (;;) sr_syscall4(__NR_exit_group, 0, 0, 0, 0);
  }
  int failure = sr_failed(child) ? (int)child : 0;
  if (failure == 0) {
    int status = 0;
    while (sr_syscall4(__NR_wait4, child, (long)&status, 0, 0) == -EINTR) {
    }
    *result = (struct sr_probe_result){.value = *said, .status = status};
  }
  sr_syscall4(__NR_munmap, page, 4096, 0, 0);
  return failure;
}
