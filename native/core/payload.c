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

/** A place in the payload that moves on. */
struct reader {
  unsigned char *at, *end;
  const struct sr_cookie *cookie;
};

static int read_filter(struct reader *reader, struct sr_filter *filter) {
  if (reader->end - reader->at < 8) return -EINVAL;
  const uint32_t *counts = (const uint32_t *)reader->at;
  uint32_t length = counts[0], pairs = counts[1];
  reader->at += 8;
  if (length == 0 || length > BPF_MAXINSNS || pairs > length) return -EINVAL;
  if ((size_t)(reader->end - reader->at) < 8 * ((size_t)length + pairs)) return -EINVAL;
  struct sock_filter *program = (struct sock_filter *)reader->at;
  const uint32_t *marks = (const uint32_t *)(reader->at + 8 * (size_t)length);
  int result = sr_cookie_patch(reader->cookie, program, length, marks, pairs);
  if (result != 0) return result;
  *filter = (struct sr_filter){.program = program, .length = (unsigned short)length};
  reader->at += 8 * ((size_t)length + pairs);
  return 0;
}

static int skip_words(struct reader *reader, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    while (reader->at < reader->end && *reader->at != '\0') reader->at++;
    if (reader->at++ >= reader->end) return -EINVAL;
  }
  return 0;
}

int sr_payload_open(void *bytes, size_t room, uint32_t arch, const struct sr_cookie *cookie, struct sr_payload *payload) {
  const struct sr_payload_head *head = bytes;
  if (room < sizeof *head || !same(head->magic, SR_PAYLOAD_MAGIC, sizeof head->magic)) return -EINVAL;
  if (head->version != SR_PAYLOAD_VERSION || head->size < sizeof *head || head->size > room) return -EINVAL;
  size_t summed = offsetof(struct sr_payload_head, checksum) + sizeof head->checksum;
  unsigned char *start = bytes;
  if (checksum(start + summed, head->size - summed) != head->checksum) return -EINVAL;
  if (head->arch != arch || head->filters == 0 || head->filters > SR_PAYLOAD_FILTERS) return -EINVAL;
  if (head->later > SR_PAYLOAD_FILTERS || head->watched > 1) return -EINVAL;
  // What follows is what was written; the bounds are checked all the same, because a writer can be wrong, too.
  struct reader reader = {.at = start + sizeof *head, .end = start + head->size, .cookie = cookie};
  int result = 0;
  for (uint32_t i = 0; i < head->filters && result == 0; i++) result = read_filter(&reader, &payload->filters[i]);
  for (uint32_t i = 0; i < head->later && result == 0; i++) result = read_filter(&reader, &payload->later[i]);
  if (head->watched != 0 && result == 0) result = read_filter(&reader, &payload->watched);
  if (result != 0) return result;
  payload->filter_count = head->filters;
  payload->later_count = head->later;
  payload->place = head->place;
  payload->offset = head->offset;
  payload->flags = head->flags;
  payload->mode = head->mode;
  payload->words = (const char *)reader.at;
  payload->word_count = head->words;
  if (skip_words(&reader, head->words) != 0) return -EINVAL;
  payload->watcher = (const char *)reader.at;
  payload->watcher_count = head->watched == 0 ? 0 : head->watcher;
  if (skip_words(&reader, head->watcher) != 0) return -EINVAL;
  if ((size_t)(reader.end - reader.at) != (size_t)head->text + head->policy + 2) return -EINVAL;
  payload->text = (const char *)reader.at;
  payload->text_length = head->text;
  return reader.at[head->text] == '\0' && reader.end[-1] == '\0' ? 0 : -EINVAL;
}
