// See install.h.

#include "install.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "syscall.h"

// Linux 4.14; older headers lack it.
#ifndef SECCOMP_GET_ACTION_AVAIL
#define SECCOMP_GET_ACTION_AVAIL 2
#endif

#define ACTION_BITS 0xffff0000U

int sr_actions_available(const struct sr_filter *filter, uint32_t *missing) {
  // There are eight actions; a program returns the same few many times.
  uint32_t known[8];
  size_t count = 0;
  for (unsigned i = 0; i < filter->length; i++) {
    if (filter->program[i].code != (BPF_RET | BPF_K)) continue;
    uint32_t action = filter->program[i].k & ACTION_BITS;
    size_t at = 0;
    while (at < count && known[at] != action) at++;
    if (at < count) continue;
    *missing = action;
    // More than eight: at least one of them no kernel has.
    if (count == sizeof known / sizeof known[0]) return -EOPNOTSUPP;
    known[count++] = action;
    long result = sr_syscall4(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, (long)&action, 0);
    // Before 4.14 the question itself is unknown (EINVAL). Its actions were these; the newer ones, kill-process and log
    // among them, were not there.
    if (result == -EINVAL) {
      if (action == SECCOMP_RET_KILL_THREAD || action == SECCOMP_RET_TRAP || action == SECCOMP_RET_ERRNO ||
          action == SECCOMP_RET_TRACE || action == SECCOMP_RET_ALLOW)
        continue;
      return -EOPNOTSUPP;
    }
    if (sr_failed(result)) return (int)result;
  }
  return 0;
}

int sr_no_new_privileges(void) {
  long result = sr_syscall6(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  return sr_failed(result) ? (int)result : 0;
}

int sr_install(const struct sr_cookie *cookie, const struct sr_filter *filter, uint32_t flags) {
  struct sock_fprog program = {.len = filter->length, .filter = filter->program};
  long result = sr_gated_call(cookie, __NR_seccomp, SECCOMP_SET_MODE_FILTER, (long)flags, (long)&program);
  return sr_failed(result) ? (int)result : 0;
}

// Linux 5.0 and 5.19.
#define NEW_LISTENER (1U << 3)
#define WAIT_KILLABLE_RECV (1U << 5)

int sr_install_listening(const struct sr_cookie *cookie, const struct sr_filter *filter, uint32_t flags) {
  struct sock_fprog program = {.len = filter->length, .filter = filter->program};
  // A signal shall not turn a call into EINTR while its refusal is being reported.
  long result = sr_gated_call(cookie, __NR_seccomp, SECCOMP_SET_MODE_FILTER,
                              (long)(flags | NEW_LISTENER | WAIT_KILLABLE_RECV), (long)&program);
  if (result == -EINVAL)
    result = sr_gated_call(cookie, __NR_seccomp, SECCOMP_SET_MODE_FILTER, (long)(flags | NEW_LISTENER), (long)&program);
  return (int)result;
}
