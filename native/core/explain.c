// See explain.h.

#include "explain.h"

#include <errno.h>

#include "syscall.h"

/** Before the filter, so it needs no gate. */
static void say(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  sr_syscall4(__NR_write, 2, (long)text, (long)length, 0);
}

void sr_launch_explained(const struct sr_launch *launch, void *context) {
  struct sr_explained *explained = context;
  int listener = sr_install_listening(launch->cookie, explained->watched, launch->flags);
  sr_helper_tell(&explained->helper, listener);
  if (listener >= 0) sr_become(launch);
  if (launch->later != NULL) {
    // What begins later is only a mark for the listener.
    sr_append(launch->message, "refusals cannot be explained here (errno ");
    sr_append_number(launch->message, (unsigned long)-listener);
    sr_append(launch->message, "); the program was not started\n  leave out --explain\n");
    sr_end(launch->cookie, launch->message, 125);
  }
  say(listener == -EBUSY
          ? "sandbox-run: refusals cannot be explained here: an outer filter has a listener already, and there can be "
            "one; the policy applies all the same\n"
          : "sandbox-run: refusals cannot be explained here: the kernel gives no listener (it takes Linux 5.0); the "
            "policy applies all the same\n");
}
