// See cookie.h.

#include "cookie.h"

#include <errno.h>

#include "syscall.h"

int sr_cookie_make(struct sr_cookie *cookie) {
  unsigned char *bytes = (unsigned char *)cookie->registers;
  size_t have = 0;
  while (have < sizeof cookie->registers) {
    // Flags 0: waits until the source has been seeded, which matters to a PID 1 that starts early (getrandom(2)).
    long got = sr_syscall4(__NR_getrandom, (long)(bytes + have), (long)(sizeof cookie->registers - have), 0, 0);
    if (got == -EINTR) continue;
    if (sr_failed(got)) return (int)got;
    have += (size_t)got;
  }
  return 0;
}

uint32_t sr_cookie_word(const struct sr_cookie *cookie, unsigned word) {
  return (uint32_t)(cookie->registers[word / 2] >> (word % 2 * 32));
}

int sr_cookie_patch(const struct sr_cookie *cookie, struct sock_filter *program, size_t length, const uint32_t *marks,
                    size_t pairs) {
  for (size_t pair = 0; pair < pairs; pair++) {
    uint32_t index = marks[2 * pair], word = marks[2 * pair + 1];
    if (index >= length || word >= SR_COOKIE_WORDS) return -EINVAL;
    if (program[index].code != (BPF_JMP | BPF_JEQ | BPF_K)) return -EINVAL;
    program[index].k = sr_cookie_word(cookie, word);
  }
  return 0;
}

long sr_gated_call(const struct sr_cookie *cookie, long number, long a, long b, long c) {
  return sr_syscall6(number, a, b, c, (long)cookie->registers[0], (long)cookie->registers[1],
                     (long)cookie->registers[2]);
}
