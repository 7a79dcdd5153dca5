// See environment.h.

#include "environment.h"

static int is_own(const char *entry) {
  static const char prefix[] = "SECCOMP_";
  for (size_t i = 0; i < sizeof prefix - 1; i++) {
    if (entry[i] != prefix[i]) return 0;
  }
  return 1;
}

size_t sr_count(char *const *list) {
  size_t count = 0;
  while (list[count] != NULL) count++;
  return count;
}

void sr_without_own(char *const *from, char **to) {
  for (; *from != NULL; from++) {
    if (!is_own(*from)) *to++ = *from;
  }
  *to = NULL;
}
