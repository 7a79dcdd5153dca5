// Filters into the kernel. Source: seccomp(2).

#ifndef SANDBOX_RUN_INSTALL_H
#define SANDBOX_RUN_INSTALL_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "cookie.h"

struct sr_filter {
  struct sock_filter *program;
  /** Instructions, 1 to 4096 (BPF_MAXINSNS). */
  unsigned short length;
};

/** Whether the kernel has each action that the program can return. A kernel that lacks one would treat it as another:
 * 0 if all are there, -EOPNOTSUPP with the action in `missing` if not, or another negated errno. */
int sr_actions_available(const struct sr_filter *filter, uint32_t *missing);

/** PR_SET_NO_NEW_PRIVS: from now on exec gives no privileges, which is what lets an ordinary user install a filter. */
int sr_no_new_privileges(void);

/** seccomp(SECCOMP_SET_MODE_FILTER) for the calling thread alone. The call carries the cookie, so that the earlier filters of
 * a chain can let it through. 0 or a negated errno. */
int sr_install(const struct sr_cookie *cookie, const struct sr_filter *filter, uint32_t flags);

/** The same, with a listener for user notifications: its descriptor (close-on-exec), or a negated errno, EBUSY where a filter
 * of this process has one already. Linux 5.0. */
int sr_install_listening(const struct sr_cookie *cookie, const struct sr_filter *filter, uint32_t flags);

#endif
