// See launch.h.

#include "launch.h"

#include <errno.h>

#include "execvp.h"
#include "prepare.h"

static struct sr_failure failure(enum sr_step step, int result) {
  return (struct sr_failure){.step = step, .error = -result};
}

void sr_become(const struct sr_launch *launch) {
  if (launch->searches) sr_execvp(launch->cookie, launch->path, (char **)launch->argv, launch->envp, launch->message);
  sr_execute(launch->cookie, launch->path, launch->argv, launch->envp, launch->message);
}

struct sr_failure sr_launch_in_place(const struct sr_launch *launch) {
  int result;
  // Without a filter there would be nothing to keep the program in.
  if (launch->filter_count == 0) return failure(SR_STEP_INSTALL, -EINVAL);
  for (size_t i = 0; i < launch->filter_count; i++) {
    uint32_t missing = 0;
    if ((result = sr_actions_available(&launch->filters[i], &missing)) != 0) {
      struct sr_failure why = failure(SR_STEP_ACTIONS, result);
      why.action = missing;
      return why;
    }
  }
  if ((result = sr_no_new_privileges()) != 0) return failure(SR_STEP_NO_NEW_PRIVILEGES, result);
  if (!launch->untouched) {
    if ((result = sr_hand_on(launch->descriptors, launch->descriptor_count)) != 0)
      return failure(SR_STEP_DESCRIPTORS, result);
    if ((result = sr_limit_open_files(launch->open_files)) != 0) return failure(SR_STEP_LIMIT, result);
    if ((result = sr_reset_signals()) != 0) return failure(SR_STEP_SIGNALS, result);
  }

  if (launch->later != NULL && (result = sr_inject_start(launch)) != 0)
    return failure(SR_STEP_HELPER, result);
  if (launch->attempt != NULL) launch->attempt(launch, launch->context);
  if ((result = sr_install(launch->cookie, &launch->filters[0], launch->flags)) != 0) {
    // The caller goes on, to report; a closed pipe must not kill it before it can exit with its status.
    if (!launch->untouched) sr_ignore_sigpipe();
    return failure(SR_STEP_INSTALL, result);
  }
  // From here on the process is filtered: there is no way back to the caller.
  for (size_t i = 1; i < launch->filter_count; i++) {
    if ((result = sr_install(launch->cookie, &launch->filters[i], launch->flags)) == 0) continue;
    sr_append(launch->message, "filter ");
    sr_append_number(launch->message, i + 1);
    sr_append(launch->message, " of ");
    sr_append_number(launch->message, launch->filter_count);
    sr_append(launch->message, " was refused by the kernel, errno ");
    sr_append_number(launch->message, (unsigned long)-result);
    sr_append(launch->message, "\n  the program was not started; use a shorter policy or fewer nested sandboxes\n");
    sr_end(launch->cookie, launch->message, 125);
  }
  sr_become(launch);
}
