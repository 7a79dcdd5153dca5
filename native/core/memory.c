// The functions that a compiler may call although nobody wrote the call (GCC manual, "Language Standards Supported by GCC"), for
// the faces that are linked without a C library.

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  unsigned char *out = to;
  const unsigned char *in = from;
  while (count-- > 0) *out++ = *in++;
  return to;
}

void *memmove(void *to, const void *from, size_t count) {
  unsigned char *out = to;
  const unsigned char *in = from;
  if (out <= in) return memcpy(to, from, count);
  while (count-- > 0) out[count] = in[count];
  return to;
}

void *memset(void *to, int byte, size_t count) {
  unsigned char *out = to;
  while (count-- > 0) *out++ = (unsigned char)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t count) {
  const unsigned char *one = a, *other = b;
  for (; count > 0; count--, one++, other++) {
    if (*one != *other) return *one - *other;
  }
  return 0;
}
