// See breakpoint.h. Source: ptrace(2), PTRACE_POKEUSER; Intel SDM 3B, 17.2, "Debug registers"; glibc's
// sysdeps/x86_64/start.S, which puts main's address into rdi before it calls __libc_start_main.

#include "breakpoint.h"

#include <linux/fcntl.h>
#include <linux/ptrace.h>
#include <stddef.h>

#include "recorder.h"
#include "syscall.h"

#ifdef __x86_64__

#include <sys/user.h>

// include/uapi/linux/auxvec.h.
#define AT_ENTRY 9
#define START_BYTES 64

static long read_file(int32_t id, const char *name, void *buffer, size_t size, long offset) {
  char path[64];
  sr_proc_path(path, id, name);
  long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)path, 0 /* O_RDONLY */, 0);
  if (sr_failed(fd)) return fd;
  long length = sr_syscall4(__NR_pread64, fd, (long)buffer, (long)size, offset);
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  return length;
}

static uint32_t word_at(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/** From the code at the entry, or 0. */
static uint64_t find_main(int32_t id, uint64_t entry) {
  uint8_t code[START_BYTES];
  long length = read_file(id, "mem", code, sizeof code, (long)entry);
  for (long i = 0; i + 7 <= length; i++) {
    // lea main(%rip), %rdi
    if (code[i] == 0x48 && code[i + 1] == 0x8d && code[i + 2] == 0x3d)
      return entry + (uint64_t)i + 7 + (uint64_t)(int64_t)(int32_t)word_at(code + i + 3);
    // mov $main, %rdi
    if (code[i] == 0x48 && code[i + 1] == 0xc7 && code[i + 2] == 0xc7) return word_at(code + i + 3);
  }
  return 0;
}

static long poke(int32_t id, size_t number, uint64_t value) {
  return sr_syscall4(__NR_ptrace, PTRACE_POKEUSR, id, (long)(offsetof(struct user, u_debugreg) + 8 * number),
                     (long)value);
}

int sr_break_at_main(int32_t id) {
  uint64_t vector[128];
  long length = read_file(id, "auxv", vector, sizeof vector, 0);
  uint64_t entry = 0;
  for (long i = 0; i + 1 < length / 8; i += 2) {
    if (vector[i] == AT_ENTRY) entry = vector[i + 1];
  }
  if (entry == 0) return -1;
  uint64_t main_address = find_main(id, entry);
  // DR7: the first register, on execution.
  if (sr_failed(poke(id, 0, main_address != 0 ? main_address : entry)) || sr_failed(poke(id, 7, 1))) return -1;
  return main_address != 0 ? 1 : 2;
}

int sr_break_hit(int32_t id) {
  long status = 0;
  long result = sr_syscall4(__NR_ptrace, PTRACE_PEEKUSR, id, (long)(offsetof(struct user, u_debugreg) + 8 * 6),
                            (long)&status);
  if (sr_failed(result) || (status & 1) == 0) return 0;
  poke(id, 6, 0);
  poke(id, 7, 0);
  return 1;
}

#else

int sr_break_at_main(int32_t id) {
  (void)id;
  return -1;
}

int sr_break_hit(int32_t id) {
  (void)id;
  return 0;
}

#endif
