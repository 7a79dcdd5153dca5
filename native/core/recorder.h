// Inside of the recorder: its tables, for record.c and the two engines.

#ifndef SANDBOX_RUN_RECORDER_H
#define SANDBOX_RUN_RECORDER_H

#include "record.h"

/** Rows; beyond half of them arguments are left out. */
#define SR_ENTRIES 65536
#define SR_SLOTS (2 * SR_ENTRIES)
/** Threads alive at one time. */
#define SR_TASKS 65536
#define SR_PROGRAMS 1024
#define SR_PATH 512

struct sr_task {
  /** Thread id; 0: never used, -1: used no more. */
  int32_t id;
  uint16_t program;
  uint8_t phase;
  /** Which breakpoint of ours is set, an enum sr_break. */
  uint8_t breaks;
  /** Whether it is known which program it runs. */
  uint8_t known;
};

struct sr_recorder {
  struct sr_keep_table tables[SR_ABIS];
  size_t table_count;
  int32_t process;
  /** The first process runs the program, and not the launcher any more. */
  int started;
  int main_told;
  int main_reaped;
  /** The first process is stopped before its end, and no zombie yet. */
  int held;
  int unreliable;
  uint64_t calls;
  size_t entry_count;
  size_t program_count;
  struct sr_entry entries[SR_ENTRIES];
  uint32_t slots[SR_SLOTS];
  struct sr_task tasks[SR_TASKS];
  char programs[SR_PROGRAMS][SR_PATH];
};

extern volatile int sr_record_wakes;

void sr_record_call(struct sr_recorder *recorder, const struct sr_task *task, uint32_t arch, uint32_t number,
                    const uint64_t args[6]);

struct sr_task *sr_task_find(struct sr_recorder *recorder, int32_t id);
/** The one with this id, made if need be; NULL if there is no more room. */
struct sr_task *sr_task_add(struct sr_recorder *recorder, int32_t id);
void sr_task_remove(struct sr_recorder *recorder, int32_t id);

/** Which program a thread runs, from /proc/ID/exe. */
uint16_t sr_program_of(struct sr_recorder *recorder, int32_t id);

/** `/proc/ID/NAME`; room for 64 bytes is enough. */
void sr_proc_path(char *path, int32_t id, const char *name);

#endif
