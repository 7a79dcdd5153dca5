// See execute.h.

#include "execute.h"

#include <errno.h>

#include "syscall.h"

// What execve(2) can answer after the path has been found and seen to be an executable file, and what to do then.
static const struct {
  int error;
  const char *text;
} reasons[] = {
    {ENOENT, "the interpreter or loader that it names does not exist (ENOENT); install it or correct the #! line"},
    {ENOEXEC,
     "neither a program for this machine nor a script with a #! line (ENOEXEC); start a plain script with its shell"},
    {E2BIG, "the arguments and the environment are too long (E2BIG); shorten them"},
    {EACCES, "permission denied (EACCES); it and its interpreter need execute permission and a file system without noexec"},
    {EPERM, "not permitted (EPERM); the file system, a security module or an outer sandbox forbids it"},
    {ENOSYS, "exec is not to be had here (ENOSYS); an outer sandbox forbids it"},
    {ETXTBSY, "the file is open for writing (ETXTBSY); close it and try again"},
    {ELOOP, "too many levels of interpreters or symbolic links (ELOOP)"},
    {ENOMEM, "not enough memory (ENOMEM)"},
    {EAGAIN, "the limit of processes is exceeded (EAGAIN); see ulimit -u"},
    {ENFILE, "too many open files in the system (ENFILE)"},
    {EMFILE, "too many open files (EMFILE); see ulimit -n"},
    {EISDIR, "its loader is a directory (EISDIR)"},
    {ELIBBAD, "its loader cannot be used (ELIBBAD); it may be built for another machine"},
    {EINVAL, "the file is damaged or for another machine (EINVAL)"},
    {EIO, "the file cannot be read (EIO)"},
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
    long result = sr_gated_call(cookie, __NR_write, 2, (long)(message->text + written),
                                (long)(message->length - written));
    if (result == -EINTR) continue;
    // A full or closed standard error cannot be helped; the status still tells.
    if (sr_failed(result)) break;
    written += (size_t)result;
  }
  for (;;) sr_gated_call(cookie, __NR_exit_group, status, 0, 0);
}

void sr_execute(const struct sr_cookie *cookie, const char *path, char *const *argv, char *const *envp,
                struct sr_message *message) {
  long result = sr_gated_call(cookie, __NR_execve, (long)path, (long)argv, (long)envp);
  int error = (int)-result;
  size_t at = 0;
  while (at < sizeof reasons / sizeof reasons[0] && reasons[at].error != error) at++;
  if (at < sizeof reasons / sizeof reasons[0]) {
    sr_append(message, reasons[at].text);
  } else {
    sr_append(message, "the kernel refuses to start it, errno ");
    sr_append_number(message, (unsigned long)error);
  }
  sr_append(message, "\n");
  sr_end(cookie, message, error == ENOENT ? 127 : 126);
}
