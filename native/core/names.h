// The small compiler: lists of names from the environment to a filter, for the faces that have no Node. It knows names, groups
// and numbers (#450); conditions, exceptions and everything else of the policy language need `sandbox-run pack`. What it makes is
// proved in the tests against the policy that the command makes of the same lists (test/launch/names.test.ts).

#ifndef SANDBOX_RUN_NAMES_H
#define SANDBOX_RUN_NAMES_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "execute.h"

/** SECCOMP_SYSCALL_ALLOW, SECCOMP_SYSCALL_DENY, SECCOMP_DEFAULT_ACTION; NULL where one is not set. */
struct sr_lists {
  const char *allow;
  const char *deny;
  const char *action;
};

/** A bound for every list: one interval a number, a jump for each, the gates, the guards. */
#define SR_NAMES_MOST 2048
#define SR_NAMES_MARKS 48

struct sr_named_filter {
  struct sock_filter program[SR_NAMES_MOST];
  unsigned short length;
  /** As for sr_cookie_patch: index of an instruction, word of the cookie. */
  uint32_t marks[2 * SR_NAMES_MARKS];
  size_t pairs;
};

struct sr_lists sr_lists_of(char *const *environment);

/** Whether there is anything to compile. */
int sr_lists_given(const struct sr_lists *lists);

/** Compiles. `gates` are the calls that the cookie lets through where the lists refuse them. 0, or -EINVAL with what is wrong and what to do
 * appended to the message, two lines. */
int sr_compile_names(const struct sr_lists *lists, const uint16_t *gates, size_t gate_count, struct sr_named_filter *filter,
                     struct sr_message *message);

#endif
