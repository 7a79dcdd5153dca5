// The last steps, under the filter: exec, and if that fails, the reason and the exit status. Nothing here allocates,
// returns, or makes a call without the cookie.

#ifndef SANDBOX_RUN_EXECUTE_H
#define SANDBOX_RUN_EXECUTE_H

#include <stddef.h>
#include <stdint.h>

#include "cookie.h"

/** Where a message is put together: the caller's own memory, made before the filter. */
struct sr_message {
  char *text;
  size_t length;
  size_t size;
  /** The descriptor that sr_end writes it to; 0: standard error. */
  int32_t descriptor;
};

/** Room that the core's own words and a number need, besides the caller's prefix. */
#define SR_MESSAGE_ROOM 256

/** Appends as much as there is room for. */
void sr_append(struct sr_message *message, const char *text);
void sr_append_number(struct sr_message *message, unsigned long number);

/** Writes the message to standard error and ends the process. */
__attribute__((noreturn)) void sr_end(const struct sr_cookie *cookie, const struct sr_message *message, int status);

/** Appends why execve failed and what to do, for a positive errno. */
void sr_append_reason(struct sr_message *message, int error);

/** Becomes the program, or says why not and exits: 127 where a file that is needed does not exist, else 126, as shells do. */
__attribute__((noreturn)) void sr_execute(const struct sr_cookie *cookie, const char *path, char *const *argv,
                                          char *const *envp, struct sr_message *message);

/** execve by the cookie: a negated errno, if it comes back. */
long sr_exec(const struct sr_cookie *cookie, const char *path, char *const *argv, char *const *envp);

/** What a tracer is to make of exit_group(125, &sr_execution). */
struct sr_execution {
  const char *path;
  char *const *argv;
  char *const *envp;
};
extern struct sr_execution sr_execution;

/** From now on sr_exec calls exit_group(125), and the tracer makes exec of that (inject.h). So a tracer that is killed before ends the launch,
 * too. */
void sr_exec_by_tracer(void);

#endif
