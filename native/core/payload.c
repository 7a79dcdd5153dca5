// See payload.h.

#include "payload.h"

#include <errno.h>

static uint64_t checksum(const unsigned char *bytes, size_t length) {
  uint64_t sum = 0xcbf29ce484222325;
  for (size_t i = 0; i < length; i++) sum = (sum ^ bytes[i]) * 0x100000001b3;
  return sum;
}

static int same(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (a[i] != b[i]) return 0;
  }
  return 1;
}

int sr_payload_open(void *bytes, size_t room, uint32_t arch, const struct sr_cookie *cookie, struct sr_payload *payload) {
  unsigned char *at = bytes;
  const struct sr_payload_head *head = bytes;
  if (room < sizeof *head || !same(head->magic, SR_PAYLOAD_MAGIC, sizeof head->magic)) return -EINVAL;
  if (head->version != SR_PAYLOAD_VERSION || head->size < sizeof *head || head->size > room) return -EINVAL;
  size_t summed = offsetof(struct sr_payload_head, checksum) + sizeof head->checksum;
  if (checksum(at + summed, head->size - summed) != head->checksum) return -EINVAL;
  if (head->arch != arch || head->filters == 0 || head->filters > SR_PAYLOAD_FILTERS) return -EINVAL;
  // What follows is what was written; the bounds are checked all the same, because a writer can be wrong, too.
  unsigned char *end = at + head->size;
  at += sizeof *head;
  for (uint32_t i = 0; i < head->filters; i++) {
    if (end - at < 8) return -EINVAL;
    const uint32_t *counts = (const uint32_t *)at;
    uint32_t length = counts[0], pairs = counts[1];
    at += 8;
    if (length == 0 || length > BPF_MAXINSNS || pairs > length) return -EINVAL;
    if ((size_t)(end - at) < 8 * ((size_t)length + pairs)) return -EINVAL;
    struct sock_filter *program = (struct sock_filter *)at;
    int result = sr_cookie_patch(cookie, program, length, (const uint32_t *)(at + 8 * (size_t)length), pairs);
    if (result != 0) return result;
    payload->filters[i] = (struct sr_filter){.program = program, .length = (unsigned short)length};
    at += 8 * ((size_t)length + pairs);
  }
  payload->filter_count = head->filters;
  payload->flags = head->flags;
  payload->words = (const char *)at;
  payload->word_count = head->words;
  for (uint32_t i = 0; i < head->words; i++) {
    while (at < end && *at != '\0') at++;
    if (at++ >= end) return -EINVAL;
  }
  return (size_t)(end - at) == (size_t)head->policy + 1 && end[-1] == '\0' ? 0 : -EINVAL;
}
