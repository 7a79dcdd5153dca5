// What `sandbox-run pack` puts into a launcher, and what a filter's descriptor holds. lib/launch/payload.ts writes it. All in the
// machine's own byte order:
//
//   magic[8]  size  version  checksum(8 bytes)  arch  flags  filters  words  policy
//   filters × { length  pairs  sock_filter[length]  (index, cookie word)[pairs] }
//   words × zero-ended text     the command, may be none
//   policy bytes and a zero     the policy as text, for people (pack --inspect)
//
// size counts all bytes from the magic on. The checksum is over all that follows it: FNV-1a, 64 bits, in which no change
// of a single byte goes unseen. It tells damage, not malice: whoever can write the launcher can write any launcher.

#ifndef SANDBOX_RUN_PAYLOAD_H
#define SANDBOX_RUN_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "cookie.h"
#include "install.h"

#define SR_PAYLOAD_MAGIC "SRPAYLD"
#define SR_PAYLOAD_VERSION 1
/** The kernel's limit for all filters of a process is 32768 instructions. */
#define SR_PAYLOAD_FILTERS 32

struct sr_payload_head {
  char magic[8];
  uint32_t size;
  uint32_t version;
  uint64_t checksum;
  uint32_t arch;
  uint32_t flags;
  uint32_t filters;
  uint32_t words;
  uint32_t policy;
  uint32_t reserved;
};

struct sr_payload {
  struct sr_filter filters[SR_PAYLOAD_FILTERS];
  size_t filter_count;
  uint32_t flags;
  /** The first word of the command; the others follow, each behind the zero of the one before. */
  const char *words;
  size_t word_count;
};

/** Reads a payload of at most `room` bytes in place, checks all of it, and puts the cookie into its filters. 0 or -EINVAL: damaged. */
int sr_payload_open(void *bytes, size_t room, uint32_t arch, const struct sr_cookie *cookie, struct sr_payload *payload);

#endif
