// The launcher's own variables do not reach the program.

#ifndef SANDBOX_RUN_ENVIRONMENT_H
#define SANDBOX_RUN_ENVIRONMENT_H

#include <stddef.h>

/** Number of entries before the final NULL. */
size_t sr_count(char *const *list);

/** Copies the pointers of all entries but those named SECCOMP_…; `to` has room for as many as `from` and a NULL. The bytes stay
 * where they are, so nothing is re-encoded. */
void sr_without_own(char *const *from, char **to);

#endif
