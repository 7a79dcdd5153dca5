// The program that has just been started, as its own memory and /proc tell: where its first instruction and its code are, and its main.

#ifndef SANDBOX_RUN_IMAGE_H
#define SANDBOX_RUN_IMAGE_H

#include <stdint.h>

struct sr_image {
  uint64_t entry, base;
  /** Its largest readable code, in bytes. */
  uint64_t room, room_size;
  /** The code that the entry is in. */
  uint64_t code_start, code_end;
};

/** From AT_ENTRY and the program headers of the process `id`, which is stopped. 0 or a negated errno. */
long sr_image_read(struct sr_image *image, int32_t id);

/** Steps a thread that stands at the entry until the start code leaves for elsewhere with an address of the program's code as first argument, and
 * argc and argv behind it: that is main. 0 where it does not come to that. */
uint64_t sr_image_main(const struct sr_image *image, int32_t id);

/** How many filters the process has (Linux 5.9), or a negated errno. */
long sr_image_filters(int32_t id);

#endif
