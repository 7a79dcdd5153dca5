// A launch whose refusals are explained: the program's filter asks a listener where the policy refuses. A way to start that
// sr_launch tries first; where there can be no listener the plain filters are installed after all.

#ifndef SANDBOX_RUN_EXPLAIN_H
#define SANDBOX_RUN_EXPLAIN_H

#include "helper.h"
#include "launch.h"

struct sr_explained {
  /** Started already. */
  struct sr_helper helper;
  /** One, patched with the cookie. */
  const struct sr_filter *watched;
};

/** For sr_launch.attempt; `context` is the struct above. */
void sr_launch_explained(const struct sr_launch *launch, void *context);

#endif
