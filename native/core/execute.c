// See execute.h.

#include "execute.h"

#include <errno.h>

#include "syscall.h"

// What execve(2) can answer after the path has been found and seen to be an executable file, and what to do then. Laid
// out as lib/cli prints every error: what was wrong on the first line, what to do on the second.
static const struct {
  int error;
  const char *text;
} reasons[] = {
    {ENOENT, "its interpreter or loader does not exist (ENOENT)\n  install it, or correct the #! line"},
    {ENOEXEC,
     "neither a program for this machine nor a script with a #! line (ENOEXEC)\n  start a plain script with its shell"},
    {E2BIG, "the arguments and the environment are too long (E2BIG)\n  shorten them, or raise ulimit -s"},
    {EACCES,
     "permission denied (EACCES)\n  it and its interpreter need execute permission and a file system without noexec"},
    {EPERM, "not permitted (EPERM)\n  the file system, a security module or an outer sandbox forbids it"},
    {ENOSYS, "there is no exec here (ENOSYS)\n  an outer sandbox has to allow execve"},
    {ETXTBSY, "the file is open for writing (ETXTBSY)\n  close it and try again"},
    {ELOOP, "too many levels of interpreters or symbolic links (ELOOP)\n  correct the #! line or the link"},
    {ENOMEM, "not enough memory (ENOMEM)\n  raise ulimit -v, or end other programs"},
    {EAGAIN, "the limit of processes is exceeded (EAGAIN)\n  see ulimit -u"},
    {ENFILE, "too many open files in the system (ENFILE)\n  close some"},
    {EMFILE, "too many open files (EMFILE)\n  raise ulimit -n"},
    {EISDIR, "its loader is a directory (EISDIR)\n  the file is damaged"},
    {ELIBBAD, "its loader cannot be used (ELIBBAD)\n  it may be built for another machine"},
    {EINVAL, "the file is damaged or for another machine (EINVAL)\n  build or install it anew"},
    {EIO, "the file cannot be read (EIO)\n  check the file system"},
};

void sr_append(struct sr_message *message, const char *text) {
  while (*text != '\0' && message->length < message->size) message->text[message->length++] = *text++;
}

void sr_append_number(struct sr_message *message, unsigned long number) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  sr_append(message, digits + at);
}

void sr_end(const struct sr_cookie *cookie, const struct sr_message *message, int status) {
  size_t written = 0;
  while (written < message->length) {
    long result = sr_gated_call(cookie, __NR_write, message->descriptor == 0 ? 2 : message->descriptor, (long)(message->text + written),
                                (long)(message->length - written));
    if (result == -EINTR) continue;
    // A full or closed standard error cannot be helped; the status still tells.
    if (sr_failed(result)) break;
    written += (size_t)result;
  }
  for (;;) sr_gated_call(cookie, __NR_exit_group, status, 0, 0);
}

void sr_append_reason(struct sr_message *message, int error) {
  size_t at = 0;
  while (at < sizeof reasons / sizeof reasons[0] && reasons[at].error != error) at++;
  if (at < sizeof reasons / sizeof reasons[0]) {
    sr_append(message, reasons[at].text);
  } else {
    sr_append(message, "the kernel refuses to start it, errno ");
    sr_append_number(message, (unsigned long)error);
    sr_append(message, "\n  see execve(2)");
  }
  sr_append(message, "\n");
}

struct sr_execution sr_execution;
static int is_traced;

void sr_exec_by_tracer(void) { is_traced = 1; }

long sr_exec(const struct sr_cookie *cookie, const char *path, char *const *argv, char *const *envp) {
  if (!is_traced) return sr_gated_call(cookie, __NR_execve, (long)path, (long)argv, (long)envp);
  sr_execution = (struct sr_execution){path, argv, envp};
  return sr_gated_call(cookie, __NR_exit_group, 125, (long)&sr_execution, 0);
}

void sr_execute(const struct sr_cookie *cookie, const char *path, char *const *argv, char *const *envp,
                struct sr_message *message) {
  int error = (int)-sr_exec(cookie, path, argv, envp);
  sr_append_reason(message, error);
  sr_end(cookie, message, error == ENOENT ? 127 : 126);
}
