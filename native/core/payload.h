// What `sandbox-run pack` puts into a launcher, and what a filter's descriptor holds. lib/launch/payload.ts writes it. All in the
// machine's own byte order:
//
//   magic[8]  size  version  checksum(8 bytes)  arch  flags  filters  words  policy  mode
//   later  place  offset(8 bytes)  watched  watcher  text  reserved
//   (filters + later + watched) × { length  pairs  sock_filter[length]  (index, cookie word)[pairs] }
//   words × zero-ended text     the command, may be none
//   watcher × zero-ended text   how the process is started that listens to the watched filter
//   text bytes and a zero       what that process is told
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
#define SR_PAYLOAD_VERSION 2
/** The kernel's limit for all filters of a process is 32768 instructions. */
#define SR_PAYLOAD_FILTERS 32

/** The launcher is started in the place of a program, by one that started the program bare otherwise; see native/launcher.c. */
#define SR_MODE_SPAWN 1

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
  uint32_t mode;
  /** Filters that begin later than exec, and where (inject.h); 0: none. */
  uint32_t later;
  uint32_t place;
  int64_t offset;
  /** 1: the last filter asks a listener where the policy refuses, and goes with a watcher (explain.h). */
  uint32_t watched;
  uint32_t watcher;
  uint32_t text;
  uint32_t reserved;
};

struct sr_payload {
  struct sr_filter filters[SR_PAYLOAD_FILTERS];
  size_t filter_count;
  struct sr_filter later[SR_PAYLOAD_FILTERS];
  size_t later_count;
  uint32_t place;
  int64_t offset;
  struct sr_filter watched;
  /** The watcher's command as `words`; none: nothing is watched. */
  const char *watcher;
  size_t watcher_count;
  const char *text;
  size_t text_length;
  uint32_t flags;
  uint32_t mode;
  /** The first word of the command; the others follow, each behind the zero of the one before. */
  const char *words;
  size_t word_count;
};

/** Reads a payload of at most `room` bytes in place, checks all of it, and puts the cookie into its filters. 0 or -EINVAL: damaged. */
int sr_payload_open(void *bytes, size_t room, uint32_t arch, const struct sr_cookie *cookie, struct sr_payload *payload);

#endif
