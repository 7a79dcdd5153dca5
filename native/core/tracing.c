// See tracing.h.

#include "tracing.h"

#include <elf.h>
#include <errno.h>
#include <linux/uio.h>

#define WALL 0x40000000

long sr_trace(long request, int32_t id, long address, long data) {
  return sr_syscall4(__NR_ptrace, request, id, address, data);
}

long sr_trace_wait(int32_t id, int *status) {
  for (;;) {
    long result = sr_syscall4(__NR_wait4, id, (long)status, WALL, 0);
    if (result != -EINTR) return result;
  }
}

long sr_get_registers(int32_t id, uint64_t *registers, size_t *size) {
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  long result = sr_trace(PTRACE_GETREGSET, id, NT_PRSTATUS, (long)&piece);
  if (size != NULL) *size = piece.iov_len;
  return result;
}

long sr_set_registers(int32_t id, uint64_t *registers) {
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  return sr_trace(PTRACE_SETREGSET, id, NT_PRSTATUS, (long)&piece);
}

long sr_peek(int32_t id, uint64_t address, uint64_t *word) {
  return sr_trace(PTRACE_PEEKDATA, id, (long)address, (long)word);
}

long sr_poke(int32_t id, uint64_t address, uint64_t word) {
  return sr_trace(PTRACE_POKEDATA, id, (long)address, (long)word);
}

long sr_trace_flags(int deadly) {
  return (deadly ? PTRACE_O_EXITKILL : 0) | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
         PTRACE_O_TRACEVFORK | PTRACE_O_TRACESYSGOOD;
}

long sr_trace_options(int32_t id, int deadly) { return sr_trace(PTRACE_SETOPTIONS, id, 0, sr_trace_flags(deadly)); }
