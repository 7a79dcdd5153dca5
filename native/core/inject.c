// See inject.h. Sources: ptrace(2); kernel/ptrace.c; kernel/seccomp.c.

#include "inject.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>

#include "execute.h"
#include "image.h"
#include "launch.h"
#include "rehearse.h"
#include "shelter.h"
#include "spawn.h"
#include "text.h"
#include "tracing.h"

// include/uapi/asm-generic/signal.h and linux/wait.h.
#define SIGKILL 9
#define WALL 0x40000000
#define WNOHANG 1
#define WSTOPPED 2
#define WEXITED 4
#define WNOWAIT 0x01000000

/** Threads of a program that are alive before main. */
#define THREADS 1024
#define FILTER_BYTES (BPF_MAXINSNS * sizeof(struct sock_filter))

struct injection {
  const struct sr_launch *launch;
  const struct sr_later *later;
  /** The program's process, which is its first thread, too. */
  int32_t process;
  int32_t threads[THREADS];
  /** What each is to get when it is let go. */
  int signals[THREADS];
  size_t thread_count;
  /** Where the threads are to stop; 0 before exec. */
  uint64_t target;
  struct sr_image image;
  struct sr_shelter shelter;
  /** Filters of the program when it began, as the kernel counts them. */
  long filters_before;
};

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

/** Ends the program with 125: from its shelter, or from a stop of this thread outside of calls. `id` 0: there is no such stop, and the end of this process
 * kills the program (PTRACE_O_EXITKILL). */
__attribute__((noreturn)) static void give_up(struct injection *injection, int32_t id, const char *what, long error,
                                              const char *advice) {
  struct sr_shelter *shelter = &injection->shelter;
  say(injection, what, error, advice);
  if (shelter->at == 0 && (id == 0 || sr_failed(sr_shelter_enter(shelter, id, injection->launch->cookie)))) sr_leave(125);
  id = shelter->id;
  sr_break_off(id);
  if (sr_failed(sr_trace(PTRACE_CONT, id, 0, 0))) sr_leave(125);
  // Every traced thread has to be waited for before the process is seen to end. A stop now means that it did not.
  int status;
  for (;;) {
    long ended = sr_trace_wait(-1, &status);
    if (sr_failed(ended) || (ended == injection->process && sr_exited(status))) sr_leave(125);
    if (!sr_exited(status) && sr_stop_event(status) != PTRACE_EVENT_EXIT && ended == id) sr_leave(125);
  }
}

static const char outer[] = "an outer sandbox, a security module or a tracer stands in the way; use --at exec";

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

/** Signal 0 asks. */
static int is_thread(const struct injection *injection, long id) {
  return !sr_failed(sr_syscall4(__NR_tgkill, injection->process, id, 0, 0));
}

/** A thread is known from the stop that its maker makes for it, which comes before either goes on: one that was not known when the
 * others are let go would die with this process. Another process would go on without the filter: neither is let go then. */
static void keep_made(struct injection *injection, int32_t id, int status) {
  int event = sr_stop_event(status);
  unsigned long made = 0;
  if (event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK) return;
  long result = sr_trace(PTRACE_GETEVENTMSG, id, 0, (long)&made);
  if (sr_failed(result)) give_up(injection, 0, "a new thread of the program cannot be traced", result, outer);
  if (event == PTRACE_EVENT_CLONE && is_thread(injection, (long)made)) {
    keep_thread(injection, (int32_t)made);
    return;
  }
  // The maker may be waiting for it, in the call that made it.
  sr_syscall4(__NR_kill, (long)made, SIGKILL, 0, 0);
  give_up(injection, id, "the program started another process before the filter could begin", 0,
          "use --at exec, so that the filter holds for that one, too");
}

static void set_break(struct injection *injection, int32_t id) {
  long result = sr_break_at(id, injection->target);
  if (sr_failed(result)) give_up(injection, id, "the program cannot be stopped at the place", result, outer);
}

static void enter_shelter(struct injection *injection, int32_t id) {
  long result = sr_shelter_enter(&injection->shelter, id, injection->launch->cookie);
  if (!sr_failed(result)) return;
  injection->shelter.at = 0;
  give_up(injection, 0, "the program cannot be held", result, outer);
}

static void leave_shelter(struct injection *injection) {
  long result = sr_shelter_leave(&injection->shelter);
  if (!sr_failed(result)) return;
  injection->shelter.at = 0;
  give_up(injection, 0, "the program cannot be let go", result, outer);
}

static int is_at_target(const struct injection *injection, int32_t id) {
  uint64_t registers[SR_REGISTERS];
  return !sr_failed(sr_get_registers(id, registers, NULL)) && registers[SR_PC] == injection->target;
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
  long result = sr_trace(request, id, 0, signal);
  if (!sr_failed(result) || (result == -ESRCH && has_news(id))) return;
  give_up(injection, id, "the program cannot be let go on", result, outer);
}

/** Lets a stopped thread go on as if it were not traced, or to its next call (PTRACE_SYSCALL). */
static void go_on(struct injection *injection, int32_t id, int status, long request) {
  int event = sr_stop_event(status), signal = sr_stop_signal(status);
  int is_stopped_by_job_control = event == PTRACE_EVENT_STOP && signal != SR_SIGTRAP;
  int is_signal = event == 0 && signal != SR_SIGTRAP_CALL;
  resume(injection, id, is_stopped_by_job_control ? PTRACE_LISTEN : request, is_signal ? signal : 0);
}

/** The next thing that happens to any thread. Ends this process with the program. */
static int32_t wait_for_any(struct injection *injection, int *status) {
  long id = sr_trace_wait(-1, status);
  if (id == -ECHILD) sr_leave(0);
  if (sr_failed(id)) give_up(injection, 0, "the program cannot be waited for", id, outer);
  if (sr_exited(*status) && id == injection->process) sr_leave(0);
  return (int32_t)id;
}

/** From the stop inside of exec to the first instruction, where calls can be made. */
static void leave_exec(struct injection *injection, int32_t id) {
  int status;
  long result = sr_trace(PTRACE_SYSCALL, id, 0, 0);
  if (!sr_failed(result)) result = sr_trace_wait(id, &status);
  if (sr_failed(result)) give_up(injection, 0, "the program cannot be traced", result, outer);
  if (sr_exited(status)) sr_leave(0);
}

/** Runs the threads until one of them is at the target, which then stands; its id. Ends this process with the program. */
static int32_t run_to_target(struct injection *injection) {
  for (;;) {
    int status;
    int32_t id = wait_for_any(injection, &status);
    if (sr_exited(status)) {
      drop_thread(injection, id);
      continue;
    }
    // Another process may be seen before the stop of its maker, which says what is to become of both. Until then it stands.
    if (!is_thread(injection, id)) continue;
    keep_thread(injection, id);
    keep_made(injection, id, status);
    if (sr_stop_event(status) == PTRACE_EVENT_EXEC) {
      leave_exec(injection, id);
      give_up(injection, id, "the program became another one before the filter could begin", 0,
              "name that other program, or use --at exec");
    }
    // A new thread begins with a stop; registers that stop it are its own.
    if (sr_stop_event(status) == PTRACE_EVENT_STOP) set_break(injection, id);
    if (sr_is_trap(status) && is_at_target(injection, id)) return id;
    go_on(injection, id, status, PTRACE_CONT);
  }
}

/** Stops all other threads, so that none sees or does anything while the filters come in. What they were about to get is given to them
 * again with PTRACE_DETACH. */
static void stop_others(struct injection *injection, int32_t first) {
  for (size_t i = 0; i < injection->thread_count;) {
    int32_t id = injection->threads[i];
    injection->signals[i] = 0;
    if (id == first) {
      i++;
      continue;
    }
    int status = 0;
    // ESRCH: it stands already, in its first stop or at a signal, or has ended; the wait tells.
    sr_trace(PTRACE_INTERRUPT, id, 0, 0);
    if (sr_failed(sr_trace_wait(id, &status)) || sr_exited(status)) {
      drop_thread(injection, id);
      continue;
    }
    keep_made(injection, id, status);
    if (sr_stop_event(status) == 0 && sr_stop_signal(status) != SR_SIGTRAP) injection->signals[i] = sr_stop_signal(status);
    i++;
  }
}

/** In the shelter. */
static void install(struct injection *injection) {
  const struct sr_shelter *shelter = &injection->shelter;
  const struct sr_image *image = &injection->image;
  int32_t id = shelter->id;
  size_t most = 0;
  for (size_t i = 0; i < injection->later->filter_count; i++) {
    if (injection->later->filters[i].length > most) most = injection->later->filters[i].length;
  }
  size_t words = most + 2;
  // The filter has to lie in the program's memory while the kernel reads it: in its own code, which is put back, or where that is
  // too short below the stack, of which the kernel gives every program 128 KB. The shelter's instructions must stay.
  uint64_t below = (shelter->registers[SR_SP] - SR_RED_ZONE - 8 * words) & ~15UL;
  uint64_t room = image->room_size < 8 * words ? below : image->room;
  if (sr_shelter_meets(shelter, room, room + 8 * words)) {
    room = (shelter->at + 8 * SR_SHELTER_WORDS + 7) & ~7UL;
    if (room + 8 * words > image->room + image->room_size) room = below;
  }
  static uint64_t saved[FILTER_BYTES / 8 + 2];
  long failed = 0;
  for (size_t word = 0; word < words && !sr_failed(failed); word++) failed = sr_peek(id, room + 8 * word, &saved[word]);
  for (size_t i = 0; i < injection->later->filter_count && !sr_failed(failed); i++) {
    const struct sr_filter *filter = &injection->later->filters[i];
    failed = sr_poke(id, room, filter->length);
    if (!sr_failed(failed)) failed = sr_poke(id, room + 8, room + 16);
    for (size_t at = 0; at < filter->length && !sr_failed(failed); at++) {
      const struct sock_filter *one = &filter->program[at];
      uint64_t word = (uint64_t)one->code | (uint64_t)one->jt << 16 | (uint64_t)one->jf << 24 | (uint64_t)one->k << 32;
      failed = sr_poke(id, room + 16 + 8 * at, word);
    }
    const uint64_t arguments[3] = {SECCOMP_SET_MODE_FILTER, injection->later->flags | SECCOMP_FILTER_FLAG_TSYNC, room};
    long result = 0;
    if (!sr_failed(failed)) failed = sr_shelter_call(&injection->shelter, __NR_seccomp, arguments, &result);
    if (!sr_failed(failed) && sr_failed(result)) failed = result;
    if (!sr_failed(failed) && result > 0) failed = -ESRCH;
  }
  long restored = 0;
  for (size_t word = 0; word < words && !sr_failed(restored); word++) restored = sr_poke(id, room + 8 * word, saved[word]);
  if (!sr_failed(failed)) failed = restored;
  if (sr_failed(failed)) give_up(injection, id, "the filter could not be installed", failed, outer);
}

/** At the entry of a call of the launcher: if it is the end that stands for exec (execute.h), makes exec of it. 1 if so. */
static long make_exec(int32_t id) {
  uint64_t registers[SR_REGISTERS];
  // This process's is at the same address as the launcher's, and empty.
  const uint64_t at = (uint64_t)&sr_execution;
  uint64_t words[sizeof sr_execution / 8];
  long result = sr_get_registers(id, registers, NULL);
  if (sr_failed(result)) return result;
  if (sr_call_number(registers) != __NR_exit_group || sr_call_argument(registers, 0) != 125 || sr_call_argument(registers, 1) != at) return 0;
  for (size_t i = 0; i < sizeof words / sizeof words[0] && !sr_failed(result); i++) result = sr_peek(id, at + 8 * i, &words[i]);
  // From here on the kernel alone can end it with this process: no code of ours is in the program that exec makes.
  if (!sr_failed(result)) result = sr_trace_options(id, 1);
  if (!sr_failed(result)) result = sr_change_call(id, registers, __NR_execve, words);
  if (!sr_failed(result)) return 1;
  sr_trace_options(id, 0);
  return result;
}

/** The launcher, up to its exec. Should this process end before, so does the launcher. Its own failures it reports itself. */
static void follow_launcher(struct injection *injection) {
  int is_in_exec = 0;
  for (;;) {
    int status;
    int32_t id = wait_for_any(injection, &status);
    if (sr_exited(status)) continue;
    if (sr_stop_event(status) == PTRACE_EVENT_EXEC) return;
    if (sr_stop_event(status) == 0 && sr_stop_signal(status) == SR_SIGTRAP_CALL) {
      // An exec that comes back has failed; there may be another one.
      long result = is_in_exec ? sr_trace_options(id, 0) : make_exec(id);
      if (sr_failed(result)) {
        say(injection, "the program cannot be traced", result, outer);
        sr_trace(PTRACE_DETACH, id, 0, 0);
        sr_leave(125);
      }
      is_in_exec = !is_in_exec && result == 1;
    }
    go_on(injection, id, status, PTRACE_SYSCALL);
  }
}

/** At the first instruction: finds out where the threads are to stop. */
static void prepare(struct injection *injection) {
  int32_t process = injection->process;
  uint64_t registers[SR_REGISTERS];
  size_t size = 0;
  long result = sr_get_registers(process, registers, &size);
  if (sr_failed(result)) give_up(injection, 0, "the program cannot be traced", result, outer);
  if (size != SR_REGISTERS * sizeof registers[0])
    give_up(injection, 0, "a program for another architecture has no place that is known here", 0, "use --at exec");
  enter_shelter(injection, process);
  result = sr_image_read(&injection->image, process);
  if (sr_failed(result))
    give_up(injection, process, "the program's memory cannot be read", result,
            "a program that may not be read has no place that can be found, and /proc is needed; use --at exec");
  injection->filters_before = sr_image_filters(process);
  injection->target = injection->image.entry;
  if (injection->later->place == SR_AT_MAIN) injection->target += (uint64_t)injection->later->offset;
  if (registers[SR_PC] != injection->target) set_break(injection, process);
  leave_shelter(injection);
}

/** Whatever is sent to the thread waits, but for the signals in `steps`; what it let through before. */
static uint64_t hold_signals(struct injection *injection, int32_t id, uint64_t steps) {
  uint64_t mask, all = ~steps;
  long result = sr_trace(PTRACE_GETSIGMASK, id, sizeof mask, (long)&mask);
  if (!sr_failed(result)) result = sr_trace(PTRACE_SETSIGMASK, id, sizeof all, (long)&all);
  if (sr_failed(result)) give_up(injection, id, "the program's signals cannot be held", result, outer);
  return mask;
}

static void give_signals_back(struct injection *injection, int32_t id, uint64_t mask) {
  long result = sr_trace(PTRACE_SETSIGMASK, id, sizeof mask, (long)&mask);
  if (sr_failed(result)) give_up(injection, id, "the program's signals cannot be given back", result, outer);
}

/** From the first instruction to the place; the thread that stands there. */
static int32_t go_to_place(struct injection *injection) {
  int32_t process = injection->process;
  uint64_t start = injection->shelter.registers[SR_PC];
  int32_t first = process;
  if (start != injection->target) {
    resume(injection, process, PTRACE_CONT, 0);
    first = run_to_target(injection);
  }
  if (injection->later->place != SR_AT_MAIN_BY_START) return first;
  // A trap that is blocked would take the program's handler for it away (kernel/signal.c, force_sig_info_to_task).
  uint64_t mask = hold_signals(injection, first, 1UL << (SR_SIGTRAP - 1));
  sr_break_off(first);
  uint64_t found = sr_image_main(&injection->image, first);
  if (found == 0)
    give_up(injection, first, "its main cannot be found", 0, "use --at entry, or a program with symbols");
  injection->target = found;
  set_break(injection, first);
  give_signals_back(injection, first, mask);
  resume(injection, first, PTRACE_CONT, 0);
  return run_to_target(injection);
}

static void let_go(struct injection *injection, int32_t id, int signal) {
  long result = sr_trace(PTRACE_DETACH, id, 0, signal);
  if (sr_failed(result) && result != -ESRCH) give_up(injection, injection->shelter.id, "the program cannot be let go", result, outer);
}

static void follow(struct injection *injection) {
  int32_t process = injection->process;
  follow_launcher(injection);
  keep_thread(injection, process);
  leave_exec(injection, process);
  prepare(injection);
  int32_t first = go_to_place(injection);
  // The trap at the place, too: it would reach the program if this process were killed.
  uint64_t mask = hold_signals(injection, first, 0);
  stop_others(injection, first);
  for (size_t i = 0; i < injection->thread_count; i++) sr_break_off(injection->threads[i]);
  enter_shelter(injection, first);
  for (size_t i = 0; i < injection->thread_count; i++) {
    if (injection->threads[i] != first) sr_trace_options(injection->threads[i], 0);
  }
  if (!injection->later->is_check) {
    install(injection);
  } else {
    long now = sr_image_filters(process);
    if (sr_failed(injection->filters_before) || now <= injection->filters_before)
      give_up(injection, first, "libsandbox.so has not begun its filter by main", 0,
              "the program does not load preloaded libraries; use --at main");
  }
  give_signals_back(injection, first, mask);
  for (size_t i = 0; i < injection->thread_count; i++) {
    if (injection->threads[i] != first) let_go(injection, injection->threads[i], injection->signals[i]);
  }
  leave_shelter(injection);
  let_go(injection, first, 0);
}

/** Traces the launcher, which stands when this comes back 0, and is let go up to its next call. */
static long attach(int32_t process) {
  int status;
  long result = sr_trace(PTRACE_SEIZE, process, 0, sr_trace_flags(0));
  if (!sr_failed(result)) result = sr_trace(PTRACE_INTERRUPT, process, 0, 0);
  if (!sr_failed(result)) result = sr_trace_wait(process, &status);
  if (sr_failed(result)) return result;
  if (sr_exited(status)) return -ESRCH;
  return sr_trace(PTRACE_SYSCALL, process, 0, 0);
}

int sr_inject_start(const struct sr_launch *launch) {
  static struct injection injection;
  const struct sr_later *later = launch->later;
  injection = (struct injection){.launch = launch, .later = later};
  injection.process = (int32_t)sr_syscall4(__NR_getpid, 0, 0, 0, 0);
  struct sr_beside beside;
  static char text[512];
  struct sr_message epitaph = {.text = text, .size = sizeof text};
  for (size_t i = 0; i < later->prefix_length && epitaph.length < sizeof text - 256; i++)
    text[epitaph.length++] = later->prefix[i];
  sr_append(&epitaph, "the helper that begins the filter was killed; the program was not started\n"
                      "  see what ends processes here; a program that was starting up is killed with it (SIGKILL)\n");
  int result = sr_beside_start(&beside, epitaph.text, epitaph.length);
  if (result != 0) return result;
  if (beside.is_helper) {
    result = sr_rehearse(launch->cookie);
    if (result == 0) result = (int)attach(injection.process);
    sr_beside_tell(&beside, result);
    follow(&injection);
    sr_leave(0);
  }
  result = sr_beside_await(&beside);
  if (result == 0) sr_exec_by_tracer();
  return result;
}
