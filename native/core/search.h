// Which file is meant by the program's name; the rules and the messages are those of lib/launch/search.ts.

#ifndef SANDBOX_RUN_SEARCH_H
#define SANDBOX_RUN_SEARCH_H

#include <stddef.h>

#include "execute.h"

#define SR_PATH_MAX 4096

/** The path to execute, in `room` of SR_PATH_MAX bytes or the name itself. 0; or 126 or 127, the status to exit with, and why appended
 * to the message. `search` is the value of PATH, or NULL where it is not set. */
int sr_find_program(const char *name, const char *search, char *room, const char **path, struct sr_message *message);

#endif
