// See breakpoint.h. Source: ptrace(2), PTRACE_POKEUSER; Intel SDM 3B, 17.2, "Debug registers"; glibc's sysdeps/x86_64/start.S, which
// puts main's address into rdi before it calls __libc_start_main, and sysdeps/aarch64/start.S, which puts it into x0.

#include "breakpoint.h"

#include <linux/fcntl.h>
#include <linux/ptrace.h>

#include "recorder.h"

#ifdef __x86_64__
#include "tracee-x86_64.h"
#else
#include "tracee-aarch64.h"
#endif

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

/** What the kernel says of the program (getauxval(3)); 0 where it says nothing. */
static uint64_t entry_of(int32_t id) {
  uint64_t vector[128];
  long length = read_file(id, "auxv", vector, sizeof vector, 0);
  for (long i = 0; i + 1 < length / 8; i += 2) {
    if (vector[i] == AT_ENTRY) return vector[i + 1];
  }
  return 0;
}

#ifdef __x86_64__

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

enum sr_break sr_break_set(int32_t id) {
  uint64_t entry = entry_of(id);
  if (entry == 0) return SR_BREAK_NONE;
  uint64_t main_address = find_main(id, entry);
  if (sr_failed(sr_break_at(id, main_address != 0 ? main_address : entry))) return SR_BREAK_NONE;
  return main_address != 0 ? SR_BREAK_MAIN : SR_BREAK_ENTRY;
}

enum sr_break sr_break_hit(int32_t id, enum sr_break set) {
  long status = 0;
  long result = sr_syscall4(__NR_ptrace, PTRACE_PEEKUSR, id, SR_DEBUG_REGISTERS + 8 * 6, (long)&status);
  if (sr_failed(result) || (status & 1) == 0) return SR_BREAK_NONE;
  sr_break_off(id);
  return set;
}

#else

#include <elf.h>

#define START_WORDS 24

/** What the start code has in x0 when it calls on; 0 where that cannot be seen. Addresses in the GOT are there only once the loader has run.
 * Encodings: Arm ARM, C6.2, ADRP, ADD (immediate), LDR (immediate), MOVZ, MOVK, BL. */
static uint64_t find_main(int32_t id, uint64_t entry) {
  uint32_t code[START_WORDS];
  long length = read_file(id, "mem", code, sizeof code, (long)entry);
  uint64_t x0 = 0;
  for (long i = 0; i < length / 4; i++) {
    uint32_t word = code[i], shift = (word >> 21 & 3) * 16;
    uint64_t page = (entry + 4 * (uint64_t)i) & ~0xfffUL;
    if ((word & 0xfc000000) == 0x94000000) return x0;
    if ((word & 0x9f00001f) == 0x90000000) {
      int64_t pages = (int64_t)((uint64_t)(word >> 5 & 0x7ffff) << 45) >> 43 | (word >> 29 & 3);
      x0 = page + (uint64_t)(pages * 4096);
    } else if ((word & 0xffc003ff) == 0x91000000) {
      x0 += word >> 10 & 0xfff;
    } else if ((word & 0xffc003ff) == 0xf9400000) {
      uint64_t address = x0 + 8 * (uint64_t)(word >> 10 & 0xfff);
      if (read_file(id, "mem", &x0, sizeof x0, (long)address) != sizeof x0) return 0;
    } else if ((word & 0xff80001f) == 0xd2800000) {
      x0 = (uint64_t)(word >> 5 & 0xffff) << shift;
    } else if ((word & 0xff80001f) == 0xf2800000) {
      x0 = (x0 & ~(0xffffUL << shift)) | (uint64_t)(word >> 5 & 0xffff) << shift;
    }
  }
  return 0;
}

enum sr_break sr_break_set(int32_t id) {
  uint64_t entry = entry_of(id);
  return entry == 0 || sr_failed(sr_break_at(id, entry)) ? SR_BREAK_NONE : SR_BREAK_ENTRY;
}

enum sr_break sr_break_hit(int32_t id, enum sr_break set) {
  uint64_t registers[SR_REGISTERS];
  struct sr_hardware_breaks breaks;
  struct iovec general = {registers, sizeof registers}, own = {&breaks, sizeof breaks};
  if (sr_failed(sr_syscall4(__NR_ptrace, PTRACE_GETREGSET, id, NT_PRSTATUS, (long)&general)) ||
      sr_failed(sr_syscall4(__NR_ptrace, PTRACE_GETREGSET, id, 0x402 /* NT_ARM_HW_BREAK */, (long)&own)) ||
      (breaks.one.control & 1) == 0 || registers[SR_PC] != breaks.one.address)
    return SR_BREAK_NONE;
  sr_break_off(id);
  if (set == SR_BREAK_MAIN) return SR_BREAK_MAIN;
  uint64_t main_address = find_main(id, breaks.one.address);
  return main_address == 0 || sr_failed(sr_break_at(id, main_address)) ? SR_BREAK_ENTRY : SR_BREAK_MOVED;
}

#endif
