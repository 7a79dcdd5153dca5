// A process beside the program that watches it: Node again, started before the filter is in. It is no child of the program
// (a grandchild that was given up), is in a session of its own, so that neither ^C nor ^Z nor a hangup reaches it, and
// holds none of the program's descriptors but standard error.
//
// Explaining: the filter's listener is born in the launcher, which must then make no further call but exec. The helper
// therefore shares the launcher's descriptor table until the listener is in it; the number crosses in a shared page.
// exec gives the program a table of its own, and closes the listener there.
//
// Recording: the helper becomes the tracer of the launcher before its filter, and says so through a socket.

#ifndef SANDBOX_RUN_HELPER_H
#define SANDBOX_RUN_HELPER_H

#include <stddef.h>
#include <stdint.h>

enum sr_helper_mode { SR_HELPER_EXPLAIN = 1, SR_HELPER_RECORD = 2 };

/** Descriptors of the helper: the listener or the socket, and the text that it was given. */
#define SR_HELPER_CHANNEL 3
#define SR_HELPER_TEXT 4
/** Where it tells, if not on standard error. */
#define SR_HELPER_OUTPUT 5

/** What launcher and helper tell each other without a call. */
struct sr_shared {
  /** Explaining: 0 not yet, the listener's number plus one, or -1: there is none, end. */
  volatile int32_t listener;
  /** The helper's PID. */
  volatile int32_t helper;
};

struct sr_helper {
  enum sr_helper_mode mode;
  const char *path;
  char *const *argv;
  char *const *envp;
  /** Handed over in memory, as descriptor SR_HELPER_TEXT. */
  const void *text;
  size_t text_length;
  /** A descriptor that the helper gets as SR_HELPER_OUTPUT, and then it keeps no standard error; 0 or less: none. */
  int output;
  struct sr_shared *shared;
  int text_descriptor;
  int socket;
};

/** Starts it. 0, or a negated errno. Call before sr_hand_on: what it opens must not reach the program. */
int sr_helper_start(struct sr_helper *helper);

/** Recording: waits until the tracer is there. 0, or -ECHILD: it ended without; it has said why. */
int sr_helper_await(struct sr_helper *helper);

/** Explaining: the listener's number, or a negative number if there is none. No call is made. */
void sr_helper_tell(struct sr_helper *helper, int listener);

#endif
