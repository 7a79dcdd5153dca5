// See image.h.

#include "image.h"

#include <elf.h>
#include <errno.h>
#include <linux/fcntl.h>

#include "execute.h"
#include "text.h"
#include "tracing.h"

/** From the entry to the C library's start function: some twenty in glibc and musl. */
#define START_STEPS 256

/** Reads /proc/PID/NAME into `buffer`: the bytes read, or a negated errno. */
static long read_proc(int32_t id, const char *file, void *buffer, size_t size) {
  char path[64];
  struct sr_message name = {.text = path, .size = sizeof path - 1};
  sr_append(&name, "/proc/");
  sr_append_number(&name, (unsigned long)id);
  sr_append(&name, file);
  path[name.length] = '\0';
  long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (sr_failed(fd)) return fd;
  long length = sr_syscall4(__NR_read, fd, (long)buffer, (long)size, 0);
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  return length;
}

long sr_image_filters(int32_t id) {
  static char text[8192];
  static const char wanted[] = "\nSeccomp_filters:\t";
  long length = read_proc(id, "/status", text, sizeof text - 1);
  if (sr_failed(length)) return length;
  text[length] = '\0';
  for (const char *at = text; *at != '\0'; at++) {
    if (!sr_begins(at, wanted)) continue;
    long count = 0;
    for (at += sizeof wanted - 1; *at >= '0' && *at <= '9'; at++) count = count * 10 + (*at - '0');
    return count;
  }
  return -ENOSYS;
}

long sr_image_read(struct sr_image *image, int32_t id) {
  uint64_t vector[128] = {0};
  long length = read_proc(id, "/auxv", vector, sizeof vector);
  if (sr_failed(length)) return length;
  uint64_t headers = 0, count = 0;
  for (long i = 0; i + 1 < length / 8; i += 2) {
    if (vector[i] == AT_ENTRY) image->entry = vector[i + 1];
    if (vector[i] == AT_PHDR) headers = vector[i + 1];
    if (vector[i] == AT_PHNUM) count = vector[i + 1];
  }
  if (image->entry == 0 || headers == 0 || count > 512) return -ENOEXEC;
  for (int round = 0; round < 2; round++) {
    for (uint64_t i = 0; i < count; i++) {
      uint64_t header[7];
      for (size_t word = 0; word < 7; word++) {
        long result = sr_peek(id, headers + i * sizeof header + 8 * word, &header[word]);
        if (sr_failed(result)) return result;
      }
      uint32_t type = (uint32_t)header[0], flags = (uint32_t)(header[0] >> 32);
      uint64_t start = image->base + header[2], size = header[4];
      // The headers themselves lie in the first segment, whose place tells the base where no header does.
      if (round == 0 && type == PT_PHDR) {
        image->base = headers - header[2];
        break;
      }
      if (round == 0 && type == PT_LOAD && header[1] == 0 && image->base == 0) {
        uint64_t page = headers & ~0xfffUL;
        if (header[2] < page && header[2] < 0x10000) image->base = page - header[2];
      }
      if (round == 1 && type == PT_LOAD && (flags & PF_R) && (flags & PF_X)) {
        if (image->entry >= start && image->entry < start + size) {
          image->code_start = start;
          image->code_end = start + size;
        }
        if (size > image->room_size) {
          image->room = (start + 7) & ~7UL;
          image->room_size = size - 8;
        }
      }
    }
  }
  return 0;
}

uint64_t sr_image_main(const struct sr_image *image, int32_t id) {
  uint64_t registers[SR_REGISTERS], before = 0, count, words;
  if (sr_failed(sr_get_registers(id, registers, NULL))) return 0;
  // The stack at the entry: argc, and behind it argv.
  words = registers[SR_SP] + 8;
  if (sr_failed(sr_peek(id, registers[SR_SP], &count))) return 0;
  for (int step = 0; step < START_STEPS; step++) {
    if (sr_failed(sr_get_registers(id, registers, NULL))) return 0;
    uint64_t at = registers[SR_PC], argument = registers[SR_FIRST_ARGUMENT];
    int jumped = before != 0 && (at < before || at > before + SR_INSTRUCTION);
    // Anybody's function may be called with an address of code; what starts a main gets its arguments, too.
    int is_for_main = (uint32_t)sr_call_argument(registers, 1) == (uint32_t)count && sr_call_argument(registers, 2) == words;
    if (jumped && is_for_main && argument >= image->code_start && argument < image->code_end && argument != before) return argument;
    // Start code asks the kernel for nothing before it hands main over. What does is the program itself, and has no main.
    uint64_t word;
    if (sr_failed(sr_peek(id, at, &word)) || sr_is_call(word)) return 0;
    before = at;
    int status;
    if (sr_failed(sr_trace(PTRACE_SINGLESTEP, id, 0, 0)) || sr_failed(sr_trace_wait(id, &status)) || sr_exited(status)) return 0;
    if (!sr_is_trap(status)) return 0;
  }
  return 0;
}

