// What a tracer does with a stopped thread: its registers and memory, one request each. Results are 0 or more, or a negated errno.
// Source: ptrace(2).

#ifndef SANDBOX_RUN_TRACING_H
#define SANDBOX_RUN_TRACING_H

#include <linux/ptrace.h>
#include <stddef.h>
#include <stdint.h>

#include "tracee.h"

// include/uapi/asm-generic/signal.h.
#define SR_SIGTRAP 5
/** A stop at a call's entry or exit (PTRACE_O_TRACESYSGOOD). */
#define SR_SIGTRAP_CALL (SR_SIGTRAP | 0x80)

static inline int sr_exited(int status) { return (status & 0xff) != 0x7f; }
static inline int sr_stop_signal(int status) { return status >> 8 & 0xff; }
/** PTRACE_EVENT_…, 0 for none. */
static inline int sr_stop_event(int status) { return status >> 16; }
/** A trap that is no event: a step, or a breakpoint. */
static inline int sr_is_trap(int status) {
  return !sr_exited(status) && sr_stop_signal(status) == SR_SIGTRAP && sr_stop_event(status) == 0;
}

long sr_trace(long request, int32_t id, long address, long data);
/** Of children that are clones, too; -1 for any. */
long sr_trace_wait(int32_t id, int *status);
/** `size`, or NULL: how many bytes the kernel has for this thread; fewer than SR_REGISTERS words for a program of another architecture. */
long sr_get_registers(int32_t id, uint64_t *registers, size_t *size);
long sr_set_registers(int32_t id, uint64_t *registers);
long sr_peek(int32_t id, uint64_t address, uint64_t *word);
long sr_poke(int32_t id, uint64_t address, uint64_t word);
/** `deadly`: whether the thread is to die when its tracer dies (PTRACE_O_EXITKILL). */
long sr_trace_options(int32_t id, int deadly);
/** The options, for PTRACE_SEIZE. */
long sr_trace_flags(int deadly);

#endif
