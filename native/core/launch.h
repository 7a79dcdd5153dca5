// A launch in place: this process becomes the program, inside the filters. The order is the point: everything that may fail
// or needs a call of its own comes before the first filter, and behind it stand only seccomp (for the further filters of
// a chain), execve, and where that fails write and exit_group, each as a raw call with the cookie.
//
// What the filters must let through when the cookie is in args[3] to args[5]:
//   execve, write, exit_group   in every filter
//   seccomp                     in every filter but the last one installed
// A filter that allows such a call anyway needs no gate for it.

#ifndef SANDBOX_RUN_LAUNCH_H
#define SANDBOX_RUN_LAUNCH_H

#include "cookie.h"
#include "execute.h"
#include "inject.h"
#include "install.h"

struct sr_launch {
  const struct sr_cookie *cookie;
  /** Already patched with the cookie; installed in this order. */
  const struct sr_filter *filters;
  size_t filter_count;
  /** SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW. */
  uint32_t flags;
  const char *path;
  char *const *argv;
  char *const *envp;
  /** Begins with the words that stand before a reason; has SR_MESSAGE_ROOM bytes left. */
  struct sr_message *message;
  /** Nothing has changed this process since it was started: descriptors, limits and signals go on as they are, and the three
   * members below mean nothing. */
  int untouched;
  const int32_t *descriptors;
  size_t descriptor_count;
  int64_t open_files;
  /** The program is found and executed as a C library's execvp does it (execvp.h), `path` being the file's name; argv[-1] can be written. */
  int searches;
  /** Called just before the first filter, or NULL: another way to become the program. It comes back where that way is
   * closed. */
  void (*attempt)(const struct sr_launch *launch, void *context);
  void *context;
  /** Filters that begin later than exec; or NULL. Those above then hold from exec on, and let seccomp through by the cookie. */
  const struct sr_later *later;
};

enum sr_step {
  SR_STEP_ACTIONS = 1,
  SR_STEP_DESCRIPTORS,
  SR_STEP_LIMIT,
  SR_STEP_SIGNALS,
  SR_STEP_NO_NEW_PRIVILEGES,
  SR_STEP_INSTALL,
  SR_STEP_HELPER,
};

struct sr_failure {
  enum sr_step step;
  /** Positive. */
  int error;
  /** SR_STEP_ACTIONS: the action that the kernel lacks. */
  uint32_t action;
};

/** Becomes the program, under the filter, or says why not and ends. */
__attribute__((noreturn)) void sr_become(const struct sr_launch *launch);

/** Returns only if it failed while no filter was in. The process has then no filter, and may report and exit. */
struct sr_failure sr_launch_in_place(const struct sr_launch *launch);

#endif
