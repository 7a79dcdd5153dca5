// See inject.h. Sources: ptrace(2); kernel/ptrace.c; kernel/seccomp.c.

#include "inject.h"

#include <elf.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>
#include <linux/uio.h>

#include "spawn.h"
#include "text.h"
#include "tracee.h"

// include/uapi/asm-generic/signal.h and linux/wait.h.
#define SIGTRAP 5
#define WALL 0x40000000
#define WNOHANG 1
#define WSTOPPED 2
#define WEXITED 4
#define WNOWAIT 0x01000000

/** Threads of a program that are alive before main. */
#define THREADS 1024
/** From the entry to the C library's start function: some twenty in glibc and musl. */
#define START_STEPS 256
#define FILTER_BYTES (BPF_MAXINSNS * sizeof(struct sock_filter))

struct injection {
  const struct sr_later *later;
  const struct sr_cookie *cookie;
  /** The program's process, which is its first thread, too. */
  int32_t process;
  int32_t threads[THREADS];
  size_t thread_count;
  /** Where the threads are to stop; 0 before exec. */
  uint64_t target;
  /** What the kernel says of the program: its entry, and its largest readable segment. */
  uint64_t entry, base, room, room_size;
  uint64_t code_start, code_end;
  /** Filters of the program when it began, as the kernel counts them. */
  long filters_before;
};

static long trace(long request, int32_t id, long address, long data) {
  return sr_syscall4(__NR_ptrace, request, id, address, data);
}

static long wait_for(int32_t id, int *status) {
  for (;;) {
    long result = sr_syscall4(__NR_wait4, id, (long)status, WALL, 0);
    if (result != -EINTR) return result;
  }
}

static int exited(int status) { return (status & 0xff) != 0x7f; }
static int stop_signal(int status) { return status >> 8 & 0xff; }
static int stop_event(int status) { return status >> 16; }

static long get_registers(int32_t id, uint64_t *registers, size_t *size) {
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  long result = trace(PTRACE_GETREGSET, id, NT_PRSTATUS, (long)&piece);
  if (size != NULL) *size = piece.iov_len;
  return result;
}

static long set_registers(int32_t id, uint64_t *registers) {
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  return trace(PTRACE_SETREGSET, id, NT_PRSTATUS, (long)&piece);
}

static long peek(int32_t id, uint64_t address, uint64_t *word) {
  return trace(PTRACE_PEEKDATA, id, (long)address, (long)word);
}

static long poke(int32_t id, uint64_t address, uint64_t word) {
  return trace(PTRACE_POKEDATA, id, (long)address, (long)word);
}

/** One system call by the thread, which is stopped outside of calls. The result in `result`; its registers and code are as before.
 * 0, or a negated errno where it could not be made. */
static long call(int32_t id, long number, const uint64_t arguments[6], long *result) {
  uint64_t before[SR_REGISTERS], now[SR_REGISTERS], word;
  long failed = get_registers(id, before, NULL);
  if (sr_failed(failed)) return failed;
  sr_break_off(id);
  uint64_t at = before[SR_PC];
  if (sr_failed(failed = peek(id, at, &word))) return failed;
  if (sr_failed(failed = poke(id, at, sr_with_call(word)))) return failed;
  for (size_t i = 0; i < SR_REGISTERS; i++) now[i] = before[i];
  sr_prepare_call(now, number, arguments);
  int status = 0;
  if (!sr_failed(failed = set_registers(id, now)) && !sr_failed(failed = trace(PTRACE_SINGLESTEP, id, 0, 0))) {
    if (sr_failed(failed = wait_for(id, &status)) || exited(status)) return sr_failed(failed) ? failed : -ESRCH;
    if (stop_signal(status) != SIGTRAP || stop_event(status) != 0) return -EIO;
    failed = get_registers(id, now, NULL);
  }
  if (sr_failed(failed)) return failed;
  *result = (long)now[SR_RESULT];
  if (sr_failed(failed = poke(id, at, word))) return failed;
  return set_registers(id, before);
}

static void say(const struct injection *injection, const char *what, long error, const char *advice) {
  char text[512];
  struct sr_message message = {.text = text, .size = sizeof text};
  for (size_t i = 0; i < injection->later->prefix_length && message.length < sizeof text - 256; i++)
    text[message.length++] = injection->later->prefix[i];
  sr_append(&message, what);
  if (error != 0) {
    sr_append(&message, " (errno ");
    sr_append_number(&message, (unsigned long)-error);
    sr_append(&message, ")");
  }
  sr_append(&message, "; the program was not started\n  ");
  sr_append(&message, advice);
  sr_append(&message, "\n");
  sr_syscall4(__NR_write, 2, (long)text, (long)message.length, 0);
}

/** Ends the program with 125, from a stop outside of calls; where that cannot be, this process's end kills it (PTRACE_O_EXITKILL). `id` 0:
 * there is no such stop. */
__attribute__((noreturn)) static void give_up(struct injection *injection, int32_t id, const char *what, long error,
                                              const char *advice) {
  say(injection, what, error, advice);
  const uint64_t *cookie = injection->cookie->registers;
  const uint64_t arguments[6] = {125, 0, 0, cookie[0], cookie[1], cookie[2]};
  uint64_t registers[SR_REGISTERS], word;
  if (id == 0 || sr_failed(get_registers(id, registers, NULL)) || sr_failed(peek(id, registers[SR_PC], &word)) ||
      sr_failed(poke(id, registers[SR_PC], sr_with_call(word))))
    sr_leave(125);
  sr_break_off(id);
  sr_prepare_call(registers, __NR_exit_group, arguments);
  if (sr_failed(set_registers(id, registers)) || sr_failed(trace(PTRACE_CONT, id, 0, 0))) sr_leave(125);
  // Every traced thread has to be waited for before the process is seen to end. A stop now means that it did not.
  int status;
  for (;;) {
    long ended = wait_for(-1, &status);
    if (sr_failed(ended)) sr_leave(125);
    if (!exited(status) && stop_event(status) != PTRACE_EVENT_EXIT && ended == id) sr_leave(125);
  }
}

static const char outer[] = "an outer sandbox, a security module or a tracer stands in the way; use --at exec";

/** Reads /proc/PID/NAME into `buffer`: the bytes read, or a negated errno. */
static long read_proc(const struct injection *injection, const char *file, void *buffer, size_t size) {
  char path[64];
  struct sr_message name = {.text = path, .size = sizeof path - 1};
  sr_append(&name, "/proc/");
  sr_append_number(&name, (unsigned long)injection->process);
  sr_append(&name, file);
  path[name.length] = '\0';
  long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (sr_failed(fd)) return fd;
  long length = sr_syscall4(__NR_read, fd, (long)buffer, (long)size, 0);
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  return length;
}

/** How many filters the program has (Linux 5.9), or a negated errno. */
static long count_filters(const struct injection *injection) {
  static char text[8192];
  static const char wanted[] = "\nSeccomp_filters:\t";
  long length = read_proc(injection, "/status", text, sizeof text - 1);
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

/** AT_ENTRY and the segments of the program, from its own memory. */
static long look_at_program(struct injection *injection, int32_t id) {
  uint64_t vector[128] = {0};
  long length = read_proc(injection, "/auxv", vector, sizeof vector);
  if (sr_failed(length)) return length;
  uint64_t headers = 0, count = 0;
  for (long i = 0; i + 1 < length / 8; i += 2) {
    if (vector[i] == AT_ENTRY) injection->entry = vector[i + 1];
    if (vector[i] == AT_PHDR) headers = vector[i + 1];
    if (vector[i] == AT_PHNUM) count = vector[i + 1];
  }
  if (injection->entry == 0 || headers == 0 || count > 512) return -ENOEXEC;
  for (int round = 0; round < 2; round++) {
    for (uint64_t i = 0; i < count; i++) {
      uint64_t header[7];
      for (size_t word = 0; word < 7; word++) {
        long result = peek(id, headers + i * sizeof header + 8 * word, &header[word]);
        if (sr_failed(result)) return result;
      }
      uint32_t type = (uint32_t)header[0], flags = (uint32_t)(header[0] >> 32);
      uint64_t start = injection->base + header[2], size = header[4];
      // The headers themselves lie in the first segment, whose place tells the base where no header does.
      if (round == 0 && type == PT_PHDR) injection->base = headers - header[2];
      if (round == 0 && type == PT_LOAD && header[1] == 0 && injection->base == 0) {
        uint64_t page = headers & ~0xfffUL;
        if (header[2] < page && header[2] < 0x10000) injection->base = page - header[2];
      }
      if (round == 1 && type == PT_LOAD && (flags & PF_R) && (flags & PF_X)) {
        if (injection->entry >= start && injection->entry < start + size) {
          injection->code_start = start;
          injection->code_end = start + size;
        }
        if (size > injection->room_size) {
          injection->room = (start + 7) & ~7UL;
          injection->room_size = size - 8;
        }
      }
    }
  }
  return 0;
}

/** Steps from the entry until the start code leaves for elsewhere with an address of the program's code as first argument: that is
 * main. 0 where it does not come to that. */
static uint64_t find_main(const struct injection *injection, int32_t id) {
  uint64_t registers[SR_REGISTERS], before = 0;
  for (int step = 0; step < START_STEPS; step++) {
    if (sr_failed(get_registers(id, registers, NULL))) return 0;
    uint64_t at = registers[SR_PC], argument = registers[SR_FIRST_ARGUMENT];
    int jumped = before != 0 && (at < before || at > before + SR_INSTRUCTION);
    if (jumped && argument >= injection->code_start && argument < injection->code_end && argument != before) return argument;
    // Start code asks the kernel for nothing before it hands main over. What does is the program itself, and has no main.
    uint64_t word;
    if (sr_failed(peek(id, at, &word)) || sr_is_call(word)) return 0;
    before = at;
    int status;
    if (sr_failed(trace(PTRACE_SINGLESTEP, id, 0, 0)) || sr_failed(wait_for(id, &status)) || exited(status)) return 0;
    if (stop_signal(status) != SIGTRAP || stop_event(status) != 0) return 0;
  }
  return 0;
}

static void keep_thread(struct injection *injection, int32_t id) {
  for (size_t i = 0; i < injection->thread_count; i++) {
    if (injection->threads[i] == id) return;
  }
  if (injection->thread_count == THREADS)
    give_up(injection, 0, "the program has too many threads before main", 0, "use --at exec");
  injection->threads[injection->thread_count++] = id;
}

static void drop_thread(struct injection *injection, int32_t id) {
  for (size_t i = 0; i < injection->thread_count; i++) {
    if (injection->threads[i] == id) injection->threads[i] = injection->threads[--injection->thread_count];
  }
}

/** A thread is known from the stop that its maker makes for it, which comes before either goes on: one that was not known when the
 * others are let go would die with this process. */
static void keep_made(struct injection *injection, int32_t id, int status) {
  unsigned long made = 0;
  if (stop_event(status) != PTRACE_EVENT_CLONE) return;
  long result = trace(PTRACE_GETEVENTMSG, id, 0, (long)&made);
  if (sr_failed(result)) give_up(injection, 0, "a new thread of the program cannot be traced", result, outer);
  keep_thread(injection, (int32_t)made);
}

static void set_break(struct injection *injection, int32_t id) {
  long result = sr_break_at(id, injection->target);
  if (sr_failed(result)) give_up(injection, id, "the program cannot be stopped at the place", result, outer);
}

static int is_at_target(const struct injection *injection, int32_t id) {
  uint64_t registers[SR_REGISTERS];
  return !sr_failed(get_registers(id, registers, NULL)) && registers[SR_PC] == injection->target;
}

/** After ESRCH: whether the thread has really ended, or is stopped anew, which a wait will tell. */
static int has_news(int32_t id) {
  struct __kernel_timespec pause = {.tv_nsec = 10000000};
  for (int attempt = 0; attempt < 100; attempt++) {
    uint32_t information[32] = {0};
    long result = sr_syscall6(__NR_waitid, 1 /* P_PID */, id, (long)information, WALL | WNOHANG | WSTOPPED | WEXITED | WNOWAIT, 0, 0);
    if (sr_failed(result) || information[0] != 0) return 1;
    sr_syscall4(__NR_nanosleep, (long)&pause, 0, 0, 0);
  }
  return 0;
}

static void resume(struct injection *injection, int32_t id, long request, long signal) {
  long result = trace(request, id, 0, signal);
  if (!sr_failed(result) || (result == -ESRCH && has_news(id))) return;
  give_up(injection, id, "the program cannot be let go on", result, outer);
}

/** Lets a stopped thread go on as if it were not traced. */
static void go_on(struct injection *injection, int32_t id, int status) {
  int event = stop_event(status), signal = stop_signal(status);
  int is_stopped_by_job_control = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
  resume(injection, id, is_stopped_by_job_control ? PTRACE_LISTEN : PTRACE_CONT, event != 0 ? 0 : signal);
}

/** The next thing that happens to any thread. Ends this process with the program. */
static int32_t wait_for_any(struct injection *injection, int *status) {
  long id = wait_for(-1, status);
  if (id == -ECHILD) sr_leave(0);
  if (sr_failed(id)) give_up(injection, 0, "the program cannot be waited for", id, outer);
  if (exited(*status) && id == injection->process) sr_leave(0);
  return (int32_t)id;
}

/** From the stop inside of exec to the first instruction, where calls can be made. */
static void leave_exec(struct injection *injection, int32_t id) {
  int status;
  long result = trace(PTRACE_SYSCALL, id, 0, 0);
  if (!sr_failed(result)) result = wait_for(id, &status);
  if (sr_failed(result)) give_up(injection, 0, "the program cannot be traced", result, outer);
  if (exited(status)) sr_leave(0);
}

/** Runs the threads until one of them is at the target, which then stands; its id. Ends this process with the program. */
static int32_t run_to_target(struct injection *injection) {
  for (;;) {
    int status;
    int32_t id = wait_for_any(injection, &status);
    if (exited(status)) {
      drop_thread(injection, id);
      continue;
    }
    keep_thread(injection, id);
    keep_made(injection, id, status);
    if (stop_event(status) == PTRACE_EVENT_EXEC) {
      leave_exec(injection, id);
      give_up(injection, id, "the program became another one before the filter could begin", 0,
              "name that other program, or use --at exec");
    }
    // A new thread begins with a stop; registers that stop it are its own.
    if (stop_event(status) == PTRACE_EVENT_STOP) set_break(injection, id);
    if (stop_event(status) == 0 && stop_signal(status) == SIGTRAP && is_at_target(injection, id)) return id;
    go_on(injection, id, status);
  }
}

/** Stops all other threads, so that none sees or does anything while the filters come in. What they were about to get is given to them
 * again with PTRACE_DETACH. */
static void stop_others(struct injection *injection, int32_t first, int *signals) {
  for (size_t i = 0; i < injection->thread_count;) {
    int32_t id = injection->threads[i];
    signals[i] = 0;
    if (id == first) {
      i++;
      continue;
    }
    int status = 0;
    // ESRCH: it stands already, in its first stop or at a signal, or has ended; the wait tells.
    trace(PTRACE_INTERRUPT, id, 0, 0);
    if (sr_failed(wait_for(id, &status)) || exited(status)) {
      drop_thread(injection, id);
      continue;
    }
    keep_made(injection, id, status);
    if (stop_event(status) == 0 && stop_signal(status) != SIGTRAP) signals[i] = stop_signal(status);
    i++;
  }
}

static void install(struct injection *injection, int32_t id) {
  const uint64_t *cookie = injection->cookie->registers;
  uint64_t registers[SR_REGISTERS];
  long failed = get_registers(id, registers, NULL);
  size_t most = 0;
  for (size_t i = 0; i < injection->later->filter_count; i++) {
    if (injection->later->filters[i].length > most) most = injection->later->filters[i].length;
  }
  size_t words = most + 2;
  // The filter has to lie in the program's memory while the kernel reads it: in its own code, which is put back, or where that is
  // too short below the stack, of which the kernel gives every program 128 KB.
  uint64_t room = injection->room;
  if (injection->room_size < 8 * words) room = (registers[SR_SP] - SR_RED_ZONE - 8 * words) & ~15UL;
  // The code that is being executed must stay: a call is put there.
  uint64_t pc = registers[SR_PC];
  if (pc + 8 > room && pc < room + 8 * words) {
    uint64_t behind = (pc + 64) & ~7UL;
    if (behind + 8 * words <= injection->room + injection->room_size) room = behind;
    else room = (registers[SR_SP] - SR_RED_ZONE - 8 * words) & ~15UL;
  }
  static uint64_t saved[FILTER_BYTES / 8 + 2];
  for (size_t word = 0; word < words && !sr_failed(failed); word++) failed = peek(id, room + 8 * word, &saved[word]);
  for (size_t i = 0; i < injection->later->filter_count && !sr_failed(failed); i++) {
    const struct sr_filter *filter = &injection->later->filters[i];
    failed = poke(id, room, filter->length);
    if (!sr_failed(failed)) failed = poke(id, room + 8, room + 16);
    for (size_t at = 0; at < filter->length && !sr_failed(failed); at++) {
      const struct sock_filter *one = &filter->program[at];
      uint64_t word = (uint64_t)one->code | (uint64_t)one->jt << 16 | (uint64_t)one->jf << 24 | (uint64_t)one->k << 32;
      failed = poke(id, room + 16 + 8 * at, word);
    }
    const uint64_t arguments[6] = {SECCOMP_SET_MODE_FILTER, injection->later->flags | SECCOMP_FILTER_FLAG_TSYNC, room,
                                   cookie[0], cookie[1], cookie[2]};
    long result = 0;
    if (!sr_failed(failed)) failed = call(id, __NR_seccomp, arguments, &result);
    if (!sr_failed(failed) && sr_failed(result)) failed = result;
    if (!sr_failed(failed) && result > 0) failed = -ESRCH;
  }
  long restored = 0;
  for (size_t word = 0; word < words && !sr_failed(restored); word++) restored = poke(id, room + 8 * word, saved[word]);
  if (!sr_failed(failed)) failed = restored;
  if (sr_failed(failed)) give_up(injection, id, "the filter could not be installed", failed, outer);
}

static void follow(struct injection *injection) {
  int32_t process = injection->process;
  int status;
  // The launcher, up to its exec. Its own failures it reports itself.
  for (;;) {
    int32_t id = wait_for_any(injection, &status);
    if (stop_event(status) == PTRACE_EVENT_EXEC) break;
    if (!exited(status)) go_on(injection, id, status);
  }
  keep_thread(injection, process);
  leave_exec(injection, process);

  uint64_t registers[SR_REGISTERS];
  size_t size = 0;
  long result = get_registers(process, registers, &size);
  if (sr_failed(result)) give_up(injection, 0, "the program cannot be traced", result, outer);
  if (size != SR_REGISTERS * sizeof registers[0])
    give_up(injection, 0, "a program for another architecture has no place that is known here", 0, "use --at exec");
  result = look_at_program(injection, process);
  if (sr_failed(result))
    give_up(injection, process, "the program's memory cannot be read", result,
            "a program that may not be read has no place that can be found, and /proc is needed; use --at exec");
  injection->filters_before = count_filters(injection);
  injection->target = injection->entry;
  if (injection->later->place == SR_AT_MAIN) injection->target += (uint64_t)injection->later->offset;
  // Whatever is sent to it meanwhile waits.
  if (registers[SR_PC] != injection->target) {
    set_break(injection, process);
    resume(injection, process, PTRACE_CONT, 0);
  }
  int32_t first = registers[SR_PC] == injection->target ? process : run_to_target(injection);

  uint64_t mask, all = ~0UL;
  result = trace(PTRACE_GETSIGMASK, first, sizeof mask, (long)&mask);
  if (!sr_failed(result)) result = trace(PTRACE_SETSIGMASK, first, sizeof all, (long)&all);
  if (sr_failed(result)) give_up(injection, first, "the program's signals cannot be held", result, outer);
  if (injection->later->place == SR_AT_MAIN_BY_START) {
    sr_break_off(first);
    uint64_t found = find_main(injection, first);
    if (found == 0)
      give_up(injection, first, "its main cannot be found", 0, "use --at entry, or a program with symbols");
    injection->target = found;
    set_break(injection, first);
    result = trace(PTRACE_SETSIGMASK, first, sizeof mask, (long)&mask);
    if (sr_failed(result)) give_up(injection, first, "the program's signals cannot be held", result, outer);
    resume(injection, first, PTRACE_CONT, 0);
    first = run_to_target(injection);
    result = trace(PTRACE_GETSIGMASK, first, sizeof mask, (long)&mask);
    if (!sr_failed(result)) result = trace(PTRACE_SETSIGMASK, first, sizeof all, (long)&all);
    if (sr_failed(result)) give_up(injection, first, "the program's signals cannot be held", result, outer);
  }
  static int signals[THREADS];
  stop_others(injection, first, signals);
  if (!injection->later->is_check) {
    install(injection, first);
  } else {
    long now = count_filters(injection);
    if (sr_failed(injection->filters_before) || now <= injection->filters_before)
      give_up(injection, first, "libsandbox.so has not begun its filter by main", 0,
              "the program does not load preloaded libraries; use --at main");
  }
  result = trace(PTRACE_SETSIGMASK, first, sizeof mask, (long)&mask);
  if (sr_failed(result)) give_up(injection, first, "the program's signals cannot be given back", result, outer);
  for (size_t i = 0; i < injection->thread_count; i++) sr_break_off(injection->threads[i]);
  for (size_t i = 0; i < injection->thread_count; i++) {
    int32_t id = injection->threads[i];
    if (id == first) continue;
    result = trace(PTRACE_DETACH, id, 0, signals[i]);
    if (sr_failed(result) && result != -ESRCH) give_up(injection, first, "the program cannot be let go", result, outer);
  }
  result = trace(PTRACE_DETACH, first, 0, 0);
  if (sr_failed(result) && result != -ESRCH) give_up(injection, first, "the program cannot be let go", result, outer);
}

int sr_inject_start(const struct sr_later *later, const struct sr_cookie *cookie) {
  static struct injection injection;
  injection = (struct injection){.later = later, .cookie = cookie};
  injection.process = (int32_t)sr_syscall4(__NR_getpid, 0, 0, 0, 0);
  struct sr_beside beside;
  static char text[512];
  struct sr_message epitaph = {.text = text, .size = sizeof text};
  for (size_t i = 0; i < later->prefix_length && epitaph.length < sizeof text - 256; i++)
    text[epitaph.length++] = later->prefix[i];
  sr_append(&epitaph, "the helper that begins the filter was killed; the program was not started\n"
                      "  see what ends processes here; the kernel has killed the program with it (SIGKILL)\n");
  int result = sr_beside_start(&beside, epitaph.text, epitaph.length);
  if (result != 0) return result;
  if (beside.is_helper) {
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD;
    sr_beside_tell(&beside, (int)trace(PTRACE_SEIZE, injection.process, 0, options));
    follow(&injection);
    sr_leave(0);
  }
  return sr_beside_await(&beside);
}
