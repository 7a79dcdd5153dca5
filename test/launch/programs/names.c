// The compiler of names by itself, for the tests: lists in the environment, the filter as text. Built with SR_TABLE for each architecture
// that it serves. Arguments are the numbers of gated calls. Prints `code jt jf k` a line, with the cookie's word where there is one.

#include <stdio.h>
#include <stdlib.h>

#include "core/names.h"

extern char **environ;

int main(int argc, char **argv) {
  static struct sr_named_filter filter;
  static char text[4096];
  struct sr_message message = {.text = text, .size = sizeof text};
  uint16_t gates[8];
  for (int i = 1; i < argc && i <= 8; i++) gates[i - 1] = (uint16_t)atoi(argv[i]);
  struct sr_lists lists = sr_lists_of(environ);
  if (sr_compile_names(&lists, gates, (size_t)argc - 1, &filter, &message) != 0) {
    fwrite(text, 1, message.length, stderr);
    return 125;
  }
  for (unsigned i = 0; i < filter.length; i++) {
    struct sock_filter *one = &filter.program[i];
    printf("%u %u %u %u", one->code, one->jt, one->jf, one->k);
    for (size_t pair = 0; pair < filter.pairs; pair++) {
      if (filter.marks[2 * pair] == i) printf(" %u", filter.marks[2 * pair + 1]);
    }
    printf("\n");
  }
  return 0;
}
