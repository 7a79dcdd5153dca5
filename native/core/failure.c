// See failure.h.

#include "failure.h"

#include <errno.h>

static const struct {
  enum sr_step step;
  /** 0: any. */
  int error;
  const char *what;
  const char *advice;
} rows[] = {
    {SR_STEP_ACTIONS, EOPNOTSUPP, "this kernel does not have an action that the policy needs",
     "use another action, or a newer kernel (kill and log need Linux 4.14, notify 5.0)"},
    {SR_STEP_ACTIONS, 0, "seccomp is not available", "an outer sandbox or container has to allow seccomp"},
    {SR_STEP_NO_NEW_PRIVILEGES, 0, "no_new_privs cannot be set",
     "an outer sandbox or container has to allow prctl(PR_SET_NO_NEW_PRIVS)"},
    {SR_STEP_INSTALL, ENOMEM, "the kernel takes no more filters for this process",
     "all filters of a process together may have 32768 instructions; use a shorter policy or fewer nested sandboxes"},
    {SR_STEP_INSTALL, EINVAL, "the kernel does not take the filter", "it needs CONFIG_SECCOMP_FILTER and Linux 3.17 or newer"},
    {SR_STEP_INSTALL, 0, "filters cannot be installed here",
     "an outer sandbox or container has to allow seccomp, prctl, execve and getrandom; Linux 3.17 or newer is needed"},
    {SR_STEP_HELPER, 0, "the process that would begin the filter later could not start or trace this one",
     "an outer sandbox, a tracer or a limit stands in the way; use --at exec"},
    {0, 0, "the process cannot be prepared", "an outer sandbox or container refuses a call that the launch needs"},
};

void sr_explain(const struct sr_failure *failure, struct sr_message *message) {
  size_t at = 0;
  while (rows[at].step != 0 &&
         (rows[at].step != failure->step || (rows[at].error != 0 && rows[at].error != failure->error)))
    at++;
  sr_append(message, rows[at].what);
  sr_append(message, " (errno ");
  sr_append_number(message, (unsigned long)failure->error);
  sr_append(message, "); the program was not started\n  ");
  sr_append(message, rows[at].advice);
  sr_append(message, "\n");
}
