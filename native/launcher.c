// Face 2: a launcher without Node and without a C library. It becomes the program inside a filter that comes from one of
//
//   its own file            what `sandbox-run pack` put there; the kernel has mapped it before the first instruction
//   a descriptor            --filter-fd N, the same bytes, for a caller that starts many programs
//   the environment         SECCOMP_SYSCALL_ALLOW, SECCOMP_SYSCALL_DENY, SECCOMP_DEFAULT_ACTION
//
// The environment's lists apply beside a packed filter too: both must permit a call. Nothing changes in the process but the filter:
// signals, descriptors and limits arrive as they came.
//
// Started in the place of a program (SR_MODE_SPAWN, lib/node), its words, from argv[0] on, are REPORT[,TELL] FILE ARGV…: FILE is found as execvp finds it, ARGV
// are all the words of the program, the environment is the program's affair alone, and what goes wrong is written to the descriptor
// REPORT as a struct sr_report and a text, because standard error is the program's. Exec closes REPORT, and so tells that it went well.
// TELL is for the watcher. Any other word in the place of REPORT: standard error gets the text after all.

#include <errno.h>
#include <linux/fcntl.h>

#include "core/environment.h"
#include "core/execvp.h"
#include "core/explain.h"
#include "core/failure.h"
#include "core/launch.h"
#include "core/names.h"
#include "core/payload.h"
#include "core/search.h"
#include "core/syscall.h"
#include "core/text.h"

// A note (ELF, PT_NOTE), so that it has a program header. pack finds it by its name, fills in where the payload will be, and turns that
// program header into one that maps the payload. The linker knows nothing of it, and the file needs no room in advance.
struct slot {
  uint32_t name_size, content_size, type;
  char name[12];
  /** 0: nothing has been packed. */
  uint64_t address;
  uint64_t size;
};

__asm__(
    ".pushsection .note.sandbox-run, \"a\", @note\n"
    ".balign 8\n"
    "slot:\n"
    "  .long 12, 16, 1\n"
    "  .asciz \"sandbox-run\"\n"
    "  .quad 0, 0\n"
    ".popsection\n");
extern const volatile struct slot slot __attribute__((visibility("hidden")));

static const char usage[] =
    "no program to run\n  LAUNCHER PROGRAM [ARG...], or pack the command into the launcher\n";

static struct sr_message message;
static char message_text[SR_PATH_MAX + 1024];

__attribute__((noreturn)) static void end(int status) {
  // No filter yet: a cookie that nobody asks for.
  static const struct sr_cookie none;
  sr_end(&none, &message, status);
}

__attribute__((noreturn)) static void refuse(const char *text) {
  sr_append(&message, text);
  end(125);
}

/** Pages of a mapping that lie behind the end of its file cannot be read: a truncated launcher. The kernel copies the first argument before it
 * looks at the other, so the answer is EFAULT or EINVAL, and nothing changes. */
static int is_readable(const void *address) {
  return sr_syscall4(__NR_rt_sigprocmask, -1, (long)address, 0, 8) != -EFAULT;
}

static void open_payload(void *bytes, size_t size, const struct sr_cookie *cookie, struct sr_payload *payload) {
  if (sr_payload_open(bytes, size, SR_AUDIT_ARCH, cookie, payload) != 0)
    refuse("the filter in this launcher is damaged, truncated or for another machine; the program was not started\n"
           "  make the launcher anew with sandbox-run pack\n");
}

static void open_packed(const struct sr_cookie *cookie, struct sr_payload *payload) {
  char *bytes = (char *)slot.address;
  size_t size = slot.size;
  size_t readable = 0;
  // 4096 is the smallest page of any machine.
  while (readable < size && is_readable(bytes + readable)) readable = ((size_t)(bytes + readable) / 4096 + 1) * 4096 - (size_t)bytes;
  if (size >= 8 && readable >= size && !is_readable(bytes + size - 8)) readable = 0;
  open_payload(bytes, readable < size ? 0 : size, cookie, payload);
}

static unsigned char from_descriptor[1 << 20] __attribute__((aligned(16)));

static void read_payload(const char *number, const struct sr_cookie *cookie, struct sr_payload *payload) {
  long fd = 0;
  for (const char *digit = number; *digit != '\0'; digit++) {
    if (*digit < '0' || *digit > '9' || fd > 100000000) refuse("--filter-fd needs the number of a descriptor\n  --filter-fd 3\n");
    fd = fd * 10 + (*digit - '0');
  }
  size_t have = 0;
  for (;;) {
    long got = sr_syscall4(__NR_read, fd, (long)(from_descriptor + have), (long)(sizeof from_descriptor - have), 0);
    if (got == -EINTR) continue;
    if (sr_failed(got)) refuse("the filter cannot be read from its descriptor\n  open it for the launcher, and leave it open across exec\n");
    if (got == 0) break;
    have += (size_t)got;
  }
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  open_payload(from_descriptor, have, cookie, payload);
}

static char **room_for_words(size_t count) {
  long room = sr_syscall6(__NR_mmap, 0, (long)((count + 1) * sizeof(char *)), 3 /* PROT_READ | PROT_WRITE */,
                          0x22 /* MAP_PRIVATE | MAP_ANONYMOUS */, -1, 0);
  if (sr_failed(room)) refuse("there is not enough memory\n  raise ulimit -v, or use a shorter command line\n");
  return (char **)room;
}

static const char *put_words(char **words, const char *at, size_t count) {
  for (size_t i = 0; i < count; i++) {
    words[i] = (char *)at;
    at += sr_length(at) + 1;
  }
  return at;
}

/** The packed words, then the caller's: in one array on the stack's place that argv has, or in a new one. */
static char **whole_command(const struct sr_payload *payload, char **rest, size_t rest_count) {
  if (payload->word_count == 0) return rest;
  char **words = room_for_words(payload->word_count + rest_count);
  put_words(words, payload->words, payload->word_count);
  for (size_t i = 0; i <= rest_count; i++) words[payload->word_count + i] = rest[i];
  return words;
}

/** The number of a descriptor at `text`, which exec closes from now on; -1 where there is none. `rest` is what follows. */
static int own_descriptor(const char *text, const char **rest) {
  int fd = 0;
  *rest = text;
  if (*text < '0' || *text > '9') return -1;
  for (; *text >= '0' && *text <= '9' && fd < 100000000; text++) fd = fd * 10 + (*text - '0');
  *rest = text;
  sr_syscall4(__NR_fcntl, fd, 2 /* F_SETFD */, 1 /* FD_CLOEXEC */, 0);
  return fd;
}

static void start_watcher(const struct sr_payload *payload, int output, struct sr_explained *explained) {
  static char *nothing[] = {0};
  char **words = room_for_words(payload->watcher_count);
  put_words(words, payload->watcher, payload->watcher_count);
  explained->watched = &payload->watched;
  explained->helper = (struct sr_helper){
      .mode = SR_HELPER_EXPLAIN,
      .path = words[0],
      .argv = words,
      .envp = nothing,
      .text = payload->text,
      .text_length = payload->text_length,
      .output = output,
  };
  int result = sr_helper_start(&explained->helper);
  if (result == 0) return;
  struct sr_failure failure = {.step = SR_STEP_HELPER, .error = -result};
  sr_explain(&failure, &message);
  end(125);
}

static struct sr_later later_of(const struct sr_payload *payload, const char *prefix, size_t length) {
  return (struct sr_later){
      .place = (enum sr_place)payload->place,
      .offset = payload->offset,
      .filters = payload->later,
      .filter_count = payload->later_count,
      .flags = payload->flags,
      .prefix = prefix,
      .prefix_length = length,
  };
}

/** A program of another architecture has no place that is known here, which is better found out before it runs. What cannot be read, or is a
 * script, is looked at when it does. */
static void must_be_of_this_machine(const char *path) {
  unsigned char head[5] = {0};
  long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
  if (sr_failed(fd)) return;
  sr_syscall4(__NR_read, fd, (long)head, sizeof head, 0);
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  if (sr_begins((const char *)head, "\177ELF") && head[4] != 2)
    refuse("it is not a 64-bit program of this machine; the program was not started\n  pack with --at exec for it\n");
}

/** In the place of a program. `words` are all of the launcher. */
__attribute__((noreturn)) static void spawn(struct sr_payload *payload, const struct sr_cookie *cookie, char **words,
                                            size_t count, char **environment) {
  static const char prefix[] = "sandbox-run: ";
  // The report's head is in front of the text.
  static struct sr_report head = {.status = 125};
  for (size_t i = 0; i < sizeof head; i++) message_text[i] = ((const char *)&head)[i];
  message = (struct sr_message){.text = message_text, .size = sizeof message_text, .length = sizeof head};
  if (count < 3) refuse("the words are not those of a launcher that stands for a program\n  start it through the library\n");
  const char *rest;
  int report = own_descriptor(words[0], &rest);
  int output = *rest == ',' ? own_descriptor(rest + 1, &rest) : -1;
  message.descriptor = report;
  if (report < 0) {
    message.length = 0;
    sr_append(&message, prefix);
  }
  struct sr_launch request = {
      .cookie = cookie,
      .filters = payload->filters,
      .filter_count = payload->filter_count,
      .flags = payload->flags,
      .path = words[1],
      .argv = words + 2,
      .envp = environment,
      .message = &message,
      .untouched = 1,
      .searches = 1,
  };
  if (report < 0) {
    // Nobody is there to report to: people are told, as by a packed launcher.
    static char room[SR_PATH_MAX];
    message.descriptor = 0;
    int status = sr_find_program(words[1], sr_variable(environment, "PATH="), room, &request.path, &message);
    if (status != 0) end(status);
    sr_append(&message, request.path);
    sr_append(&message, ": ");
  }
  struct sr_later later = later_of(payload, prefix, sizeof prefix - 1);
  if (payload->later_count > 0) request.later = &later;
  static struct sr_explained explained;
  if (payload->watcher_count > 0) {
    start_watcher(payload, output, &explained);
    request.attempt = sr_launch_explained;
    request.context = &explained;
  }
  struct sr_failure failure = sr_launch_in_place(&request);
  if (explained.helper.shared != NULL) sr_helper_tell(&explained.helper, -1);
  sr_explain(&failure, &message);
  end(125);
}

__attribute__((noreturn, used)) static void launcher(long *stack) {
  size_t argc = (size_t)stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  message = (struct sr_message){.text = message_text, .size = sizeof message_text};
  sr_append(&message, "sandbox-run: ");

  static struct sr_cookie cookie;
  if (sr_cookie_make(&cookie) != 0)
    refuse("the kernel gives no random numbers\n  an outer sandbox or container has to allow getrandom\n");

  static struct sr_payload payload;
  char **rest = argc > 0 ? argv + 1 : argv;
  if (slot.address != 0) {
    open_packed(&cookie, &payload);
    if ((payload.mode & SR_MODE_SPAWN) != 0) spawn(&payload, &cookie, argv, argc, environment);
  } else if (rest[0] != NULL && sr_is(rest[0], sr_length(rest[0]), "--filter-fd")) {
    if (rest[1] == NULL) refuse("--filter-fd needs the number of a descriptor\n  --filter-fd 3\n");
    read_payload(rest[1], &cookie, &payload);
    rest += 2;
  }
  if (payload.word_count == 0 && rest[0] != NULL && sr_is(rest[0], sr_length(rest[0]), "--")) rest++;

  // The environment's filter comes first: it lets the further ones be installed by the cookie, which the last packed one need not.
  static struct sr_filter filters[SR_PAYLOAD_FILTERS + 1];
  size_t count = 0;
  static struct sr_named_filter named;
  struct sr_lists lists = sr_lists_of(environment);
  if (sr_lists_given(&lists)) {
    static const uint16_t gates[] = {__NR_execve, __NR_write, __NR_exit_group, __NR_seccomp};
    size_t gate_count = sizeof gates / sizeof gates[0] - (payload.filter_count == 0);
    if (sr_compile_names(&lists, gates, gate_count, &named, &message) != 0) end(125);
    if (sr_cookie_patch(&cookie, named.program, named.length, named.marks, named.pairs) != 0)
      refuse("internal error: the cookie does not fit\n  please report it\n");
    filters[count++] = (struct sr_filter){.program = named.program, .length = named.length};
  }
  for (size_t i = 0; i < payload.filter_count; i++) filters[count++] = payload.filters[i];
  if (count == 0)
    refuse("no policy: nothing says what the program may do\n"
           "  set SECCOMP_SYSCALL_ALLOW or SECCOMP_SYSCALL_DENY, or make a launcher with sandbox-run pack\n");

  char **command = whole_command(&payload, rest, argc - (size_t)(rest - argv));
  if (command[0] == NULL) refuse(usage);
  static char room[SR_PATH_MAX];
  const char *path;
  int status = sr_find_program(command[0], sr_variable(environment, "PATH="), room, &path, &message);
  if (status != 0) end(status);

  // In place: the environment is this process's own, and goes with it.
  sr_without_own(environment, environment);
  size_t prefix = message.length;
  sr_append(&message, path);
  sr_append(&message, ": ");
  struct sr_launch request = {
      .cookie = &cookie,
      .filters = filters,
      .filter_count = count,
      .flags = payload.flags,
      .path = path,
      .argv = command,
      .envp = environment,
      .message = &message,
      .untouched = 1,
  };
  struct sr_later later;
  if (payload.later_count > 0) {
    must_be_of_this_machine(path);
    later = later_of(&payload, message.text, message.length);
    request.later = &later;
  }
  struct sr_failure failure = sr_launch_in_place(&request);
  message.length = prefix;
  sr_explain(&failure, &message);
  end(125);
}

SR_START(launcher);
