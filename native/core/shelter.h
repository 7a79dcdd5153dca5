// A place in which a stopped thread is safe whatever becomes of its tracer: a few instructions that end the program with 125, put where it
// stands, with the registers of such a call and the launch's cookie in them. Should the tracer be killed meanwhile, the kernel
// lets the thread go on, and it ends itself, even under a filter that permits nothing else. Calls are made from here, too.

#ifndef SANDBOX_RUN_SHELTER_H
#define SANDBOX_RUN_SHELTER_H

#include <stdint.h>

#include "cookie.h"
#include "tracee.h"

struct sr_shelter {
  int32_t id;
  /** Where the instructions are; 0: the thread is not inside. */
  uint64_t at;
  uint64_t words[SR_SHELTER_WORDS];
  uint64_t registers[SR_REGISTERS];
  const struct sr_cookie *cookie;
};

/** Puts a thread in that stands outside of calls, and dies with its tracer up to now (PTRACE_O_EXITKILL). All other threads of the program
 * must stand, too. 0 or a negated errno; then it still dies with its tracer. */
long sr_shelter_enter(struct sr_shelter *shelter, int32_t id, const struct sr_cookie *cookie);

/** One call with three arguments and the cookie. 0, or a negated errno where it could not be made. */
long sr_shelter_call(struct sr_shelter *shelter, long number, const uint64_t arguments[3], long *result);

/** Everything is as before, and the thread dies with its tracer again. */
long sr_shelter_leave(struct sr_shelter *shelter);

/** Whether any of these bytes are the shelter's. */
int sr_shelter_meets(const struct sr_shelter *shelter, uint64_t from, uint64_t to);

#endif
