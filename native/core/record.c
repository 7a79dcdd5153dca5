// The table of what was seen. See record.h; the engines are in trace.c and notify.c.

#include "recorder.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

#include "syscall.h"

volatile int sr_record_wakes;

void sr_record_wake(void) { sr_record_wakes = 1; }

static void *pages(size_t bytes) {
  long at = sr_syscall6(__NR_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return sr_failed(at) ? NULL : (void *)at;
}

struct sr_recorder *sr_recorder_make(const struct sr_keep_table *tables, size_t count) {
  if (count > SR_ABIS) return NULL;
  size_t bytes = sizeof(struct sr_recorder);
  for (size_t i = 0; i < count; i++) bytes += (size_t)tables[i].count * 6;
  struct sr_recorder *recorder = pages(bytes);
  if (recorder == NULL) return NULL;
  uint8_t *keep = (uint8_t *)(recorder + 1);
  for (size_t i = 0; i < count; i++) {
    recorder->tables[i] = tables[i];
    recorder->tables[i].keep = keep;
    for (size_t at = 0; at < (size_t)tables[i].count * 6; at++) *keep++ = tables[i].keep[at];
  }
  recorder->table_count = count;
  return recorder;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
  return hash ^ hash >> 29;
}

static int same(const struct sr_entry *a, const struct sr_entry *b) {
  for (int i = 0; i < 6; i++) {
    if (a->args[i] != b->args[i]) return 0;
  }
  return a->arch == b->arch && a->number == b->number && a->program == b->program && a->phase == b->phase &&
         a->open == b->open;
}

static const uint8_t *keep_for(const struct sr_recorder *recorder, uint32_t arch, uint32_t number) {
  for (size_t i = 0; i < recorder->table_count; i++) {
    const struct sr_keep_table *table = &recorder->tables[i];
    if (table->arch == arch && number - table->base < table->count) return table->keep + (number - table->base) * 6;
  }
  return NULL;
}

void sr_record_call(struct sr_recorder *recorder, const struct sr_task *task, uint32_t arch, uint32_t number,
                    const uint64_t args[6]) {
  recorder->calls++;
  struct sr_entry wanted = {.arch = arch, .number = number, .program = task->program, .phase = task->phase};
  // What comes when the table is nearly full is counted without arguments, and said to be.
  wanted.open = recorder->entry_count >= SR_ENTRIES / 2;
  const uint8_t *keep = wanted.open ? NULL : keep_for(recorder, arch, number);
  uint64_t hash = mix(mix(arch, number), (uint64_t)task->program << 8 | task->phase);
  if (keep != NULL) {
    for (int i = 0; i < 6; i++) {
      switch (keep[i]) {
        case SR_KEEP_WORD:
          wanted.args[i] = args[i] & 0xffffffff;
          break;
        case SR_KEEP_ALL:
          wanted.args[i] = args[i];
          break;
        case SR_KEEP_DESCRIPTOR:
          wanted.args[i] = (uint32_t)args[i] < 3 ? (uint32_t)args[i] : 3;
          break;
        default:
          continue;
      }
      hash = mix(hash, wanted.args[i]);
    }
  }
  for (size_t at = hash % SR_SLOTS;; at = (at + 1) % SR_SLOTS) {
    uint32_t slot = recorder->slots[at];
    if (slot != 0 && !same(&recorder->entries[slot - 1], &wanted)) continue;
    if (slot == 0) {
      if (recorder->entry_count == SR_ENTRIES) return;
      recorder->entries[recorder->entry_count++] = wanted;
      recorder->slots[at] = slot = (uint32_t)recorder->entry_count;
    }
    recorder->entries[slot - 1].count++;
    return;
  }
}

static size_t place_of(int32_t id) { return (uint32_t)id * 2654435761U % SR_TASKS; }

struct sr_task *sr_task_find(struct sr_recorder *recorder, int32_t id) {
  for (size_t at = place_of(id), tries = 0; tries < SR_TASKS; tries++, at = (at + 1) % SR_TASKS) {
    if (recorder->tasks[at].id == id) return &recorder->tasks[at];
    if (recorder->tasks[at].id == 0) return NULL;
  }
  return NULL;
}

struct sr_task *sr_task_add(struct sr_recorder *recorder, int32_t id) {
  struct sr_task *known = sr_task_find(recorder, id);
  if (known != NULL) return known;
  for (size_t at = place_of(id), tries = 0; tries < SR_TASKS; tries++, at = (at + 1) % SR_TASKS) {
    if (recorder->tasks[at].id > 0) continue;
    recorder->tasks[at] = (struct sr_task){.id = id, .phase = SR_PHASE_UNKNOWN};
    return &recorder->tasks[at];
  }
  return NULL;
}

/** A place that was used is marked, not emptied: a search goes on behind it. */
void sr_task_remove(struct sr_recorder *recorder, int32_t id) {
  struct sr_task *task = sr_task_find(recorder, id);
  if (task == NULL) return;
  size_t next = (size_t)(task - recorder->tasks + 1) % SR_TASKS;
  task->id = recorder->tasks[next].id == 0 ? 0 : -1;
}

void sr_proc_path(char *path, int32_t id, const char *name) {
  char digits[12];
  int at = 0;
  do digits[at++] = (char)('0' + id % 10);
  while ((id /= 10) > 0);
  for (const char *c = "/proc/"; *c != '\0'; c++) *path++ = *c;
  while (at > 0) *path++ = digits[--at];
  *path++ = '/';
  do *path++ = *name;
  while (*name++ != '\0');
}

uint16_t sr_program_of(struct sr_recorder *recorder, int32_t id) {
  char path[64], target[SR_PATH];
  sr_proc_path(path, id, "exe");
  long length = sr_syscall4(__NR_readlinkat, AT_FDCWD, (long)path, (long)target, SR_PATH - 1);
  if (sr_failed(length)) length = 0;
  target[length] = '\0';
  size_t program = 0;
  for (; program < recorder->program_count; program++) {
    const char *a = recorder->programs[program], *b = target;
    while (*a == *b && *a != '\0') a++, b++;
    if (*a == *b) return (uint16_t)program;
  }
  if (program == SR_PROGRAMS) return SR_PROGRAMS - 1;
  for (long i = 0; i <= length; i++) recorder->programs[program][i] = target[i];
  recorder->program_count++;
  return (uint16_t)program;
}

const struct sr_entry *sr_record_entries(const struct sr_recorder *recorder, size_t *count) {
  *count = recorder->entry_count;
  return recorder->entries;
}

const char *sr_record_program(const struct sr_recorder *recorder, size_t index) {
  return index < recorder->program_count ? recorder->programs[index] : NULL;
}

uint64_t sr_record_calls(const struct sr_recorder *recorder) { return recorder->calls; }

int sr_record_unreliable(const struct sr_recorder *recorder) { return recorder->unreliable; }
