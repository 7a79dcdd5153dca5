// The nearest real name for a misspelt one, as lib/linux/nearest.ts finds it for the command, but only the first.

#ifndef SANDBOX_RUN_NEAREST_H
#define SANDBOX_RUN_NEAREST_H

#include <stddef.h>

/** Begins with a word; holds the best of the names that were tried, or NULL. */
struct sr_nearest {
  const char *word;
  size_t length;
  const char *name;
  unsigned distance;
};

void sr_nearest_try(struct sr_nearest *best, const char *name);

#endif
