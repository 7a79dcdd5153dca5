// The exec cookie. A filter that forbids execve must let one through, the launcher's own; it tells that one by 192 random
// bits in the three argument registers that the gated calls leave unused. The kernel clears them on exec and the
// launcher's memory is gone by then, so the program cannot learn the value. It is made here, and goes nowhere
// but into the filters' copies and those registers.

#ifndef SANDBOX_RUN_COOKIE_H
#define SANDBOX_RUN_COOKIE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/** Registers four to six of a gated call: args[3], args[4], args[5] as a filter sees them. */
struct sr_cookie {
  uint64_t registers[3];
};

#define SR_COOKIE_WORDS 6

/** Fills it from the kernel's random source. 0, or a negated errno: then there is no cookie. */
int sr_cookie_make(struct sr_cookie *cookie);

/** Word 0…5 as a filter loads it: low and high half of args[3], of args[4], of args[5]. */
uint32_t sr_cookie_word(const struct sr_cookie *cookie, unsigned word);

/** Puts words in place. `marks` are pairs: index of an instruction, word. Only an equality test can take one (-EINVAL),
 * because anything else could not be what the compiler meant. */
int sr_cookie_patch(const struct sr_cookie *cookie, struct sock_filter *program, size_t length, const uint32_t *marks,
                    size_t pairs);

/** A call with the cookie: at most three arguments of its own. */
long sr_gated_call(const struct sr_cookie *cookie, long number, long a, long b, long c);

#endif
