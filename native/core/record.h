// Recording what a process and its descendants ask of the kernel. Two engines fill the same table:
//
//   tracing      the filter answers RET_TRACE, and this process is the tracer: one stop a call, nothing else differs for
//                the program (ptrace(2), PTRACE_SEIZE, PTRACE_EVENT_SECCOMP, PTRACE_GET_SYSCALL_INFO of Linux 5.3)
//   notifying    the filter answers USER_NOTIF: faster, but a signal may interrupt calls that it otherwise would not
//
// A call is counted under what matters of it: number, program, phase, and of its arguments those that a table says to keep.
// Pointers and sizes are not kept, so that a run of a million calls is a table of some hundred rows.

#ifndef SANDBOX_RUN_RECORD_H
#define SANDBOX_RUN_RECORD_H

#include <stddef.h>
#include <stdint.h>

/** What is kept of an argument. */
enum sr_keep {
  SR_KEEP_NOTHING = 0,
  /** The low 32 bits. */
  SR_KEEP_WORD = 1,
  SR_KEEP_ALL = 2,
  /** A descriptor: 0, 1 and 2 as they are, all others as 3. */
  SR_KEEP_DESCRIPTOR = 3,
};

enum sr_phase {
  /** Before main: the loader, the C library's start, constructors. */
  SR_PHASE_START = 0,
  SR_PHASE_MAIN = 1,
  /** After the loader, where main could not be found. */
  SR_PHASE_ENTRY = 2,
  SR_PHASE_UNKNOWN = 3,
};

/** One ABI's table: `keep[(nr - base) * 6 + argument]`. */
struct sr_keep_table {
  uint32_t arch;
  uint32_t base;
  uint32_t count;
  const uint8_t *keep;
};

#define SR_ABIS 4

struct sr_entry {
  uint64_t args[6];
  uint64_t count;
  uint32_t arch;
  uint32_t number;
  uint16_t program;
  uint8_t phase;
  /** 1: the table was full, the arguments are left out. */
  uint8_t open;
  uint32_t unused;
};

struct sr_recorder;

enum sr_event {
  /** sr_record_wake was called. */
  SR_EVENT_TICK = 1,
  /** The first process has ended; its parent does not know that yet, and will with the next call. Tracing only. */
  SR_EVENT_MAIN_ENDED = 2,
  SR_EVENT_DONE = 3,
};

/** NULL without memory. The tables are copied. */
struct sr_recorder *sr_recorder_make(const struct sr_keep_table *tables, size_t count);

/** Becomes the tracer. 0 or a negated errno. */
int sr_record_attach(struct sr_recorder *recorder, int32_t process);

/** Runs until something is to be told, by tracing. */
enum sr_event sr_record_traced(struct sr_recorder *recorder);

/** The same with a listener. `blocks`: the kernel's receive returns when no process is left (Linux 6.11), so it is not
 * asked beforehand. */
enum sr_event sr_record_notified(struct sr_recorder *recorder, int listener, int blocks);

/** Async-signal-safe: makes the run return soon. */
void sr_record_wake(void);

const struct sr_entry *sr_record_entries(const struct sr_recorder *recorder, size_t *count);
/** Path of a program's file, by the number in an entry; NULL beyond the last. */
const char *sr_record_program(const struct sr_recorder *recorder, size_t index);
uint64_t sr_record_calls(const struct sr_recorder *recorder);
/** Notifying: a handler without SA_RESTART was installed, so calls may have failed with EINTR because of the recording. */
int sr_record_unreliable(const struct sr_recorder *recorder);

#endif
