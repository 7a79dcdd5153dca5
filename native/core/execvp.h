// The program found and executed as a C library's execvp does it (glibc, posix/execvpe.c), each try by the cookie, so that whoever
// starts the launcher in the place of a program sees what it would see of the program: the folders of PATH in their order, also as
// another user and in another folder; a script without a #! line runs in /bin/sh; the errno is execvp's.

#ifndef SANDBOX_RUN_EXECVP_H
#define SANDBOX_RUN_EXECVP_H

#include "execute.h"

/** What stands before the text of a report: see native/launcher.c. */
struct sr_report {
  /** What the process exits with. */
  uint32_t status;
  /** Why the program could not be executed, a positive errno; 0: it did not come to that. */
  uint32_t error;
};

/** Does not return. `argv` has a place before it that can be written. A message that goes to a descriptor of its own begins with a struct
 * sr_report; any other is for people. */
__attribute__((noreturn)) void sr_execvp(const struct sr_cookie *cookie, const char *file, char **argv, char *const *envp,
                                         struct sr_message *message);

#endif
