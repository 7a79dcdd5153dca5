// The registers of a stopped AArch64 program, as PTRACE_GETREGSET with NT_PRSTATUS gives them (arch/arm64/include/uapi/asm/ptrace.h,
// struct user_pt_regs), and the ones that stop it at an address (the same file, struct user_hwdebug_state; Arm ARM, DBGBCR_EL1).

#ifndef SANDBOX_RUN_TRACEE_H
#define SANDBOX_RUN_TRACEE_H

#include <linux/ptrace.h>
#include <linux/uio.h>
#include <stddef.h>
#include <stdint.h>

#include "syscall.h"

#define SR_REGISTERS 34

#define SR_SP 31
#define SR_PC 32
#define SR_RESULT 0
#define SR_FIRST_ARGUMENT 0
#define SR_RED_ZONE 0
#define SR_INSTRUCTION 4

/** `svc #0`. */
#define SR_CALL_SIZE 4
/** Where a thread ends the program in sr_shelter_code. */
#define SR_SHELTER_EXIT 4
#define SR_SHELTER_WORDS 3

/** svc #0; mov x0, #125; mov x8, #94 (exit_group); svc #0; brk #0; nop. The cookie's registers stay as they are. */
static const uint64_t sr_shelter_code[SR_SHELTER_WORDS] = {0xd2800fa0d4000001, 0xd4000001d2800bc8, 0xd503201fd4200000};

/** Whether this is an `svc`, whatever its number. */
static inline int sr_is_call(uint64_t word) { return (word & 0xffe0001f) == 0xd4000001; }

static inline void sr_prepare_call(uint64_t *registers, long number, const uint64_t arguments[6]) {
  for (int i = 0; i < 6; i++) registers[i] = arguments[i];
  registers[8] = (uint64_t)number;
}

/** At the entry of a call: another one in its place, with other arguments. */
static inline long sr_change_call(int32_t id, uint64_t *registers, long number, const uint64_t arguments[3]) {
  for (int i = 0; i < 3; i++) registers[i] = arguments[i];
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  long result = sr_syscall4(__NR_ptrace, PTRACE_SETREGSET, id, 1 /* NT_PRSTATUS */, (long)&piece);
  if (sr_failed(result)) return result;
  int32_t wanted = (int32_t)number;
  piece = (struct iovec){&wanted, sizeof wanted};
  return sr_syscall4(__NR_ptrace, PTRACE_SETREGSET, id, 0x404 /* NT_ARM_SYSTEM_CALL */, (long)&piece);
}

/** The call's number, at its entry, and its arguments. */
static inline uint64_t sr_call_number(const uint64_t *registers) { return registers[8]; }
static inline uint64_t sr_call_argument(const uint64_t *registers, int index) { return registers[index]; }

struct sr_hardware_breaks {
  uint32_t info, pad;
  struct {
    uint64_t address;
    uint32_t control, pad;
  } one;
};

static inline long sr_set_break(int32_t id, uint64_t address, uint32_t control) {
  struct sr_hardware_breaks breaks = {.one = {.address = address, .control = control}};
  struct iovec piece = {&breaks, sizeof breaks};
  return sr_syscall4(__NR_ptrace, PTRACE_SETREGSET, id, 0x402 /* NT_ARM_HW_BREAK */, (long)&piece);
}

/** Stops the thread when it is about to execute what stands at the address; 0 or a negated errno. */
static inline long sr_break_at(int32_t id, uint64_t address) {
  // All four bytes, in user mode, enabled.
  return sr_set_break(id, address, 0xf << 5 | 2 << 1 | 1);
}

static inline void sr_break_off(int32_t id) { sr_set_break(id, 0, 0); }

#endif
