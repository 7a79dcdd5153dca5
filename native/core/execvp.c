// See execvp.h.

#include "execvp.h"

#include <errno.h>

#include "syscall.h"
#include "text.h"

#define NAME_MAX 255
#define PATH_ROOM 4096

/** confstr(_CS_PATH) of glibc. */
static const char default_path[] = "/bin:/usr/bin";
static const char shell[] = "/bin/sh";

static char room[PATH_ROOM + NAME_MAX + 2];

/** Comes back with the errno. */
static int try(const struct sr_cookie *cookie, const char *path, char **argv, char *const *envp) {
  long result = sr_exec(cookie, path, argv, envp);
  if (result != -ENOEXEC) return (int)-result;
  // The shell reads it: its words are its name, the script, and the arguments from the first one on.
  char *before = argv[-1], *name = argv[0];
  argv[-1] = (char *)shell;
  argv[0] = (char *)path;
  result = sr_exec(cookie, shell, argv - 1, envp);
  argv[-1] = before;
  argv[0] = name;
  return (int)-result;
}

static int has_slash(const char *name) {
  for (; *name != '\0'; name++) {
    if (*name == '/') return 1;
  }
  return 0;
}

static int search(const struct sr_cookie *cookie, const char *file, char **argv, char *const *envp) {
  if (*file == '\0') return ENOENT;
  if (has_slash(file)) return try(cookie, file, argv, envp);
  size_t length = sr_length(file);
  if (length > NAME_MAX) return ENAMETOOLONG;
  const char *at = sr_variable(envp, "PATH=");
  if (at == NULL) at = default_path;
  int error = ENOENT, is_forbidden = 0;
  for (;; at++) {
    size_t folder = 0;
    while (at[folder] != '\0' && at[folder] != ':') folder++;
    if (folder < PATH_ROOM) {
      size_t put = 0;
      for (; put < folder; put++) room[put] = at[put];
      // An empty element is the current folder.
      if (folder > 0) room[put++] = '/';
      for (size_t i = 0; i <= length; i++) room[put + i] = file[i];
      error = try(cookie, room, argv, envp);
      if (error == EACCES) is_forbidden = 1;
      else if (error != ENOENT && error != ESTALE && error != ENOTDIR && error != ENODEV && error != ETIMEDOUT)
        return error;
    }
    at += folder;
    if (*at == '\0') return is_forbidden ? EACCES : error;
  }
}

void sr_execvp(const struct sr_cookie *cookie, const char *file, char **argv, char *const *envp,
               struct sr_message *message) {
  int error = search(cookie, file, argv, envp);
  int status = error == ENOENT ? 127 : 126;
  if (message->descriptor == 0) {
    sr_append_reason(message, error);
  } else {
    *(struct sr_report *)message->text = (struct sr_report){.status = (uint32_t)status, .error = (uint32_t)error};
    message->length = sizeof(struct sr_report);
  }
  sr_end(cookie, message, status);
}
