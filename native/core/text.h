// Strings without a C library: the few operations that the core needs.

#ifndef SANDBOX_RUN_TEXT_H
#define SANDBOX_RUN_TEXT_H

#include <stddef.h>

static inline size_t sr_length(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  return length;
}

/** Whether the `length` bytes at `word` are exactly `text`. */
static inline int sr_is(const char *word, size_t length, const char *text) {
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\0' || text[i] != word[i]) return 0;
  }
  return text[length] == '\0';
}

static inline int sr_begins(const char *text, const char *with) {
  while (*with != '\0') {
    if (*text++ != *with++) return 0;
  }
  return 1;
}

/** The value of a variable in an environment; NULL where it is not set. `name` ends in `=`. */
static inline const char *sr_variable(char *const *environment, const char *name) {
  for (; *environment != NULL; environment++) {
    if (sr_begins(*environment, name)) return *environment + sr_length(name);
  }
  return NULL;
}

#endif
