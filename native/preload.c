// Face 3: libsandbox.so, for LD_PRELOAD or as the first needed library of a program. The filter begins after all constructors
// and directly before main, so that a policy need not permit what the C library does to start.
//
// How: the program's start code hands main to __libc_start_main (glibc and musl alike, on every architecture). This library
// defines that function, puts its own main in the place of the program's, and calls the real one. Where it is not called that
// way (a program that does not use it, a library that stands before us) the filter begins in the library's constructor: earlier, but
// never not at all. Static and setuid programs do not load us: only the caller can know that, and `sandbox-run preload` refuses them.
//
// It uses no C library, so one file serves glibc and musl; dlsym is asked for at run time.

#include <elf.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "core/environment.h"
#include "core/failure.h"
#include "core/install.h"
#include "core/names.h"
#include "core/syscall.h"
#include "core/text.h"

#define PUBLIC __attribute__((visibility("default")))

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

extern void *dlsym(void *, const char *) __attribute__((weak));
extern char **environ __attribute__((weak));

// dlfcn.h of glibc and musl.
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1L)

static main_function *program_main;
static int begun;

static char message_text[1024];
static struct sr_message message = {.text = message_text, .size = sizeof message_text};

__attribute__((noreturn)) static void refuse(const char *text) {
  static const struct sr_cookie none;
  sr_append(&message, text);
  sr_end(&none, &message, 125);
}

/** A raw program: as `sandbox-run compile --format bpf` writes it. */
static void read_filter(const char *source, const char *path, long fd, struct sr_filter *filter) {
  static struct sock_filter program[BPF_MAXINSNS + 1];
  size_t have = 0;
  while (!sr_failed(fd)) {
    long got = sr_syscall4(__NR_read, fd, (long)((char *)program + have), (long)(sizeof program - have), 0);
    if (got == -EINTR) continue;
    if (sr_failed(got)) fd = got;
    if (sr_failed(got) || got == 0) break;
    have += (size_t)got;
  }
  if (sr_failed(fd)) {
    sr_append(&message, source);
    sr_append(&message, path);
    refuse(" cannot be read\n  name a file that sandbox-run compile --format bpf -o FILE wrote\n");
  }
  sr_syscall4(__NR_close, fd, 0, 0, 0);
  if (have == 0 || have % sizeof program[0] != 0 || have / sizeof program[0] > BPF_MAXINSNS) {
    sr_append(&message, source);
    sr_append(&message, path);
    refuse(" is no raw filter of 1 to 4096 instructions\n  make it with sandbox-run compile --format bpf -o FILE\n");
  }
  *filter = (struct sr_filter){.program = program, .length = (unsigned short)(have / sizeof program[0])};
}

/** SECCOMP_FILTER=FILE, or SECCOMP_FILTER_FD=NUMBER, which is closed then. */
static void take_filter(const char *file, const char *number, struct sr_filter *filter) {
  if (file != NULL) {
    long fd = sr_syscall4(__NR_openat, AT_FDCWD, (long)file, O_RDONLY | O_CLOEXEC, 0);
    read_filter("SECCOMP_FILTER: ", file, fd, filter);
    return;
  }
  long fd = 0;
  for (const char *digit = number; *digit != '\0' && fd >= 0; digit++)
    fd = *digit >= '0' && *digit <= '9' && fd < 1000000 ? fd * 10 + (*digit - '0') : -EBADF;
  read_filter("SECCOMP_FILTER_FD: ", number, *number == '\0' ? -EBADF : fd, filter);
}

static void install(const struct sr_cookie *cookie, const struct sr_filter *filter) {
  struct sr_failure failure = {.step = SR_STEP_ACTIONS};
  int result = sr_actions_available(filter, &failure.action);
  if (result == 0) {
    failure.step = SR_STEP_NO_NEW_PRIVILEGES;
    result = sr_no_new_privileges();
  }
  if (result == 0) {
    failure.step = SR_STEP_INSTALL;
    // A constructor may have started threads: all of them get the filter. A positive answer is a thread that cannot.
    result = sr_install(cookie, filter, SECCOMP_FILTER_FLAG_TSYNC);
    if (result > 0) refuse("a thread of the program has a filter of its own\n  start it with sandbox-run instead\n");
  }
  if (result == 0) return;
  failure.error = -result;
  sr_explain(&failure, &message);
  refuse("");
}

static int is_us(const char *path, size_t length) {
  static const char name[] = "libsandbox.so";
  size_t size = sizeof name - 1;
  return length >= size && sr_is(path + length - size, size, name) && (length == size || path[length - size - 1] == '/');
}

/** Takes this library out of LD_PRELOAD's list, in place. 0: nothing is left. */
static int without_us(char *list) {
  char *to = list;
  int count = 0;
  for (char *at = list; *at != '\0';) {
    size_t length = 0;
    while (at[length] != '\0' && at[length] != ':' && at[length] != ' ') length++;
    if (length > 0 && !is_us(at, length)) {
      if (count++ > 0) *to++ = ':';
      for (size_t i = 0; i < length; i++) *to++ = at[i];
    }
    at += length;
    if (*at != '\0') at++;
  }
  *to = '\0';
  return count > 0;
}

static void clean(char **environment) {
  static const char preload[] = "LD_PRELOAD=";
  sr_without_own(environment, environment);
  char **to = environment;
  for (char **from = environment; *from != NULL; from++) {
    if (!sr_begins(*from, preload) || without_us(*from + sizeof preload - 1)) *to++ = *from;
  }
  *to = NULL;
}

static void begin(char **environment) {
  if (begun) return;
  begun = 1;
  sr_append(&message, "sandbox-run: ");
  static struct sr_cookie cookie;
  static struct sr_named_filter named;
  struct sr_lists lists = sr_lists_of(environment);
  const char *named_file = sr_variable(environment, "SECCOMP_FILTER=");
  const char *descriptor = sr_variable(environment, "SECCOMP_FILTER_FD=");
  const char *file = named_file != NULL ? named_file : descriptor;
  if (!sr_lists_given(&lists) && file == NULL)
    refuse("no policy: nothing says what the program may do\n"
           "  set SECCOMP_SYSCALL_ALLOW, SECCOMP_SYSCALL_DENY or SECCOMP_FILTER, or do not load libsandbox.so\n");
  struct sr_filter from_file = {0};
  if (file != NULL) take_filter(named_file, descriptor, &from_file);
  if (sr_lists_given(&lists)) {
    // Two filters: the first lets the second one in by the cookie.
    static const uint16_t gates[] = {__NR_seccomp};
    if (sr_compile_names(&lists, gates, file == NULL ? 0 : 1, &named, &message) != 0) refuse("");
    if (file != NULL && sr_cookie_make(&cookie) != 0)
      refuse("the kernel gives no random numbers\n  an outer sandbox or container has to allow getrandom\n");
    if (sr_cookie_patch(&cookie, named.program, named.length, named.marks, named.pairs) != 0)
      refuse("internal error: the cookie does not fit\n  please report it\n");
  }
  if (sr_variable(environment, "SECCOMP_KEEP_ENV=") == NULL) {
    clean(environment);
    if (&environ != NULL && environ != NULL && environ != environment) clean(environ);
  }
  // The last calls that the program's policy need not permit.
  if (sr_lists_given(&lists)) {
    struct sr_filter filter = {.program = named.program, .length = named.length};
    if (file != NULL) {
      uint32_t missing;
      if (sr_actions_available(&from_file, &missing) != 0)
        refuse("this kernel does not have an action that the policy needs\n  use another action, or a newer kernel\n");
    }
    install(&cookie, &filter);
  }
  if (file != NULL) {
    if (!sr_lists_given(&lists)) {
      install(&cookie, &from_file);
    } else if (sr_install(&cookie, &from_file, SECCOMP_FILTER_FLAG_TSYNC) != 0) {
      // Under the first filter there may be no way to say why.
      sr_end(&cookie, &message, 125);
    }
  }
  cookie = (struct sr_cookie){0};
  for (size_t pair = 0; pair < named.pairs; pair++) named.program[named.marks[2 * pair]].k = 0;
}

static int begin_main(int argc, char **argv, char **environment) {
  begin(environment);
  return program_main(argc, argv, environment);
}

/** Called by the program's start code in the place of the C library's. */
__attribute__((used)) static int start(main_function *main, int argc, char **argv, void (*init)(void),
                                       void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
  start_function *real = dlsym == NULL ? NULL : (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
  if (real == NULL) refuse("sandbox-run: libsandbox.so finds no C library to start the program with\n  start it with sandbox-run instead\n");
  program_main = main;
  return real(begin_main, argc, argv, init, fini, rtld_fini, stack_end);
}

// Under two names: the public one may lead to another library that stands before us, and that has to be noticed.
PUBLIC start_function __libc_start_main __attribute__((alias("start")));

/** Addresses in a dynamic section are relocated in place by glibc and not by musl. */
static uintptr_t placed(uintptr_t base, uintptr_t address) { return address < base ? base + address : address; }

/** Whether the program's relocations ask for __libc_start_main; `auxiliary` is the vector that the kernel put on the stack. */
static int program_starts_with_us(const Elf64_auxv_t *auxiliary) {
  const Elf64_Phdr *headers = NULL;
  size_t count = 0;
  for (; auxiliary->a_type != AT_NULL; auxiliary++) {
    if (auxiliary->a_type == AT_PHDR) headers = (const Elf64_Phdr *)auxiliary->a_un.a_val;
    if (auxiliary->a_type == AT_PHNUM) count = auxiliary->a_un.a_val;
  }
  uintptr_t base = 0;
  const Elf64_Dyn *dynamic = NULL;
  for (size_t i = 0; headers != NULL && i < count; i++) {
    if (headers[i].p_type == PT_PHDR) base = (uintptr_t)headers - headers[i].p_vaddr;
  }
  for (size_t i = 0; headers != NULL && i < count; i++) {
    if (headers[i].p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)(base + headers[i].p_vaddr);
  }
  if (dynamic == NULL) return 0;
  const Elf64_Sym *symbols = NULL;
  const char *names = NULL;
  struct {
    uintptr_t at;
    size_t size;
  } tables[2] = {0};
  for (; dynamic->d_tag != DT_NULL; dynamic++) {
    uintptr_t value = dynamic->d_un.d_val;
    if (dynamic->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym *)placed(base, value);
    if (dynamic->d_tag == DT_STRTAB) names = (const char *)placed(base, value);
    if (dynamic->d_tag == DT_RELA) tables[0].at = placed(base, value);
    if (dynamic->d_tag == DT_RELASZ) tables[0].size = value;
    if (dynamic->d_tag == DT_JMPREL) tables[1].at = placed(base, value);
    if (dynamic->d_tag == DT_PLTRELSZ) tables[1].size = value;
  }
  if (symbols == NULL || names == NULL) return 0;
  static const char wanted[] = "__libc_start_main";
  for (size_t table = 0; table < 2; table++) {
    const Elf64_Rela *entries = (const Elf64_Rela *)tables[table].at;
    for (size_t i = 0; entries != NULL && i < tables[table].size / sizeof *entries; i++) {
      const char *name = names + symbols[ELF64_R_SYM(entries[i].r_info)].st_name;
      if (sr_is(name, sr_length(name), wanted)) return 1;
    }
  }
  return 0;
}

/** glibc hands constructors what main gets; musl hands them nothing, but has set environ by then. */
__attribute__((constructor)) static void constructor(int argc, char **argv, char **environment) {
  char **found = (uintptr_t)environment == (uintptr_t)argv + ((uintptr_t)(unsigned)argc + 1) * sizeof *argv ? environment
                 : &environ != NULL                                                                         ? environ
                                                                                                             : NULL;
  if (found == NULL) refuse("sandbox-run: libsandbox.so finds no environment\n  start the program with sandbox-run instead\n");
  const Elf64_auxv_t *auxiliary = (const Elf64_auxv_t *)(found + sr_count(found) + 1);
  int is_ours = dlsym != NULL && dlsym(RTLD_DEFAULT, "__libc_start_main") == (void *)start;
  if (!is_ours || !program_starts_with_us(auxiliary)) begin(found);
}
