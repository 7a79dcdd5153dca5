// The registers of a stopped x86-64 program, as PTRACE_GETREGSET with NT_PRSTATUS gives them (arch/x86/include/asm/user_64.h,
// struct user_regs_struct), and the ones that stop it at an address (Intel SDM 3B, 17.2, "Debug registers").

#ifndef SANDBOX_RUN_TRACEE_H
#define SANDBOX_RUN_TRACEE_H

#include <linux/ptrace.h>
#include <linux/uio.h>
#include <stddef.h>
#include <stdint.h>

#include "syscall.h"

#define SR_REGISTERS 27

enum { SR_R10 = 7, SR_R9 = 8, SR_R8 = 9, SR_RAX = 10, SR_RDX = 12, SR_RSI = 13, SR_RDI = 14, SR_ORIG_RAX = 15, SR_RIP = 16, SR_RSP = 19 };

#define SR_PC SR_RIP
#define SR_SP SR_RSP
#define SR_RESULT SR_RAX
#define SR_FIRST_ARGUMENT SR_RDI
/** Bytes below the stack pointer that belong to the program (System V ABI, "The Stack Frame"). */
#define SR_RED_ZONE 128
/** The longest instruction. */
#define SR_INSTRUCTION 15

/** `syscall`. */
#define SR_CALL_SIZE 2
/** Where a thread ends the program in sr_shelter_code. */
#define SR_SHELTER_EXIT 2
#define SR_SHELTER_WORDS 2

/** syscall; mov $125, %edi; mov $231, %eax (exit_group); syscall; hlt. The cookie's registers stay as they are. */
static const uint64_t sr_shelter_code[SR_SHELTER_WORDS] = {0xb80000007dbf050f, 0x90f4050f000000e7};

/** Whether these bytes of code begin with `syscall`, `sysenter` or `int $0x80`. */
static inline int sr_is_call(uint64_t word) {
  return (word & 0xffff) == 0x050f || (word & 0xffff) == 0x340f || (word & 0xffff) == 0x80cd;
}

static inline void sr_prepare_call(uint64_t *registers, long number, const uint64_t arguments[6]) {
  static const unsigned char places[6] = {SR_RDI, SR_RSI, SR_RDX, SR_R10, SR_R8, SR_R9};
  for (int i = 0; i < 6; i++) registers[places[i]] = arguments[i];
  registers[SR_RAX] = (uint64_t)number;
  // Not inside a call: nothing is to be restarted.
  registers[SR_ORIG_RAX] = (uint64_t)-1;
}

/** At the entry of a call: another one in its place, with other arguments. */
static inline long sr_change_call(int32_t id, uint64_t *registers, long number, const uint64_t arguments[3]) {
  registers[SR_ORIG_RAX] = (uint64_t)number;
  registers[SR_RDI] = arguments[0];
  registers[SR_RSI] = arguments[1];
  registers[SR_RDX] = arguments[2];
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  return sr_syscall4(__NR_ptrace, PTRACE_SETREGSET, id, 1 /* NT_PRSTATUS */, (long)&piece);
}

/** The call's number, at its entry, and its arguments. */
static inline uint64_t sr_call_number(const uint64_t *registers) { return registers[SR_ORIG_RAX]; }
static inline uint64_t sr_call_argument(const uint64_t *registers, int index) {
  static const unsigned char places[3] = {SR_RDI, SR_RSI, SR_RDX};
  return registers[places[index]];
}

// offsetof(struct user, u_debugreg): regs, fpvalid and its padding, i387, six words, signal, reserved, ar0, fpstate, magic, comm.
#define SR_DEBUG_REGISTERS 848

static inline long sr_poke_debug(int32_t id, unsigned number, uint64_t value) {
  return sr_syscall4(__NR_ptrace, PTRACE_POKEUSR, id, (long)(SR_DEBUG_REGISTERS + 8 * number), (long)value);
}

/** Stops the thread when it is about to execute what stands at the address; 0 or a negated errno. */
static inline long sr_break_at(int32_t id, uint64_t address) {
  long result = sr_poke_debug(id, 0, address);
  return sr_failed(result) ? result : sr_poke_debug(id, 7, 1);
}

static inline void sr_break_off(int32_t id) {
  sr_poke_debug(id, 7, 0);
  sr_poke_debug(id, 6, 0);
  sr_poke_debug(id, 0, 0);
}

#endif
