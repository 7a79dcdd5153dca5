// A launch that failed before the filter, in words: those of lib/launch/in-place.ts, for the faces that have no Node.

#ifndef SANDBOX_RUN_FAILURE_H
#define SANDBOX_RUN_FAILURE_H

#include "launch.h"

/** Appends two lines: what was wrong, and what to do. */
void sr_explain(const struct sr_failure *failure, struct sr_message *message);

#endif
