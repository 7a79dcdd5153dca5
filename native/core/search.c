// See search.h.

#include "search.h"

#include <asm/stat.h>
#include <errno.h>
#include <linux/fcntl.h>

#include "syscall.h"
#include "text.h"

// linux/stat.h leaves these to a C library where there is one.
#define KIND 0170000
#define FOLDER 0040000
#define REGULAR 0100000
#define X_OK 1

/** Where to look if PATH is not set: confstr(_CS_PATH) of glibc. */
static const char default_path[] = "/bin:/usr/bin";

struct problem {
  int status;
  int error;
  const char *what;
  const char *advice;
};

static const struct problem problems[] = {
    {127, ENOENT, "no such file", "check the path; a name without a slash is looked for in PATH"},
    {126, ENOTDIR, "a part of the path is not a directory", "check the path"},
    {126, EACCES, "permission denied",
     "the file needs execute permission (chmod +x), its folders search permission, the file system no noexec"},
    {126, ELOOP, "too many levels of symbolic links", "correct the link"},
    {126, ENAMETOOLONG, "the name is too long", "check the path"},
    {126, EISDIR, "is a directory", "name a program, not the folder that holds it"},
    {126, EINVAL, "is not a regular file", "only regular files can be executed"},
};
static const struct problem other = {126, 0, "cannot be examined", "check the path and the file system"};

/** NULL if it looks executable. */
static const struct problem *examine(const char *path) {
  struct stat found;
  long result = sr_syscall4(__NR_newfstatat, AT_FDCWD, (long)path, (long)&found, 0);
  if (!sr_failed(result)) {
    if ((found.st_mode & KIND) == FOLDER) result = -EISDIR;
    else if ((found.st_mode & KIND) != REGULAR) result = -EINVAL;
    else result = sr_syscall4(__NR_faccessat, AT_FDCWD, (long)path, X_OK, 0);
  }
  if (!sr_failed(result)) return NULL;
  for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
    if (problems[i].error == -result) return &problems[i];
  }
  return &other;
}

static int tell(const char *path, const struct problem *problem, struct sr_message *message) {
  sr_append(message, path);
  sr_append(message, ": ");
  char target[512];
  long length = -1;
  if (problem->error == ENOENT)
    length = sr_syscall4(__NR_readlinkat, AT_FDCWD, (long)path, (long)target, sizeof target - 1);
  if (length > 0) {
    target[length] = '\0';
    sr_append(message, "is a symbolic link to ");
    sr_append(message, target);
    sr_append(message, ", which does not exist\n  correct the link\n");
  } else {
    sr_append(message, problem->what);
    sr_append(message, "\n  ");
    sr_append(message, problem->advice);
    sr_append(message, "\n");
  }
  return problem->status;
}

static int has_slash(const char *name) {
  for (; *name != '\0'; name++) {
    if (*name == '/') return 1;
  }
  return 0;
}

/** FOLDER/NAME into `to`; 0 where it does not fit. */
static int join(char *to, const char *folder, size_t folder_length, const char *name) {
  size_t length = sr_length(name);
  if (folder_length + 1 + length + 1 > SR_PATH_MAX) return 0;
  for (size_t i = 0; i < folder_length; i++) *to++ = folder[i];
  *to++ = '/';
  for (size_t i = 0; i <= length; i++) *to++ = name[i];
  return 1;
}

int sr_find_program(const char *name, const char *search, char *room, const char **path, struct sr_message *message) {
  const struct problem *problem;
  if (*name == '\0') {
    sr_append(message, "the name of the program is empty\n  name a program\n");
    return 127;
  }
  *path = name;
  if (has_slash(name)) return (problem = examine(name)) == NULL ? 0 : tell(name, problem, message);
  *path = room;
  static char remembered[SR_PATH_MAX];
  const struct problem *why = NULL;
  for (const char *at = search == NULL ? default_path : search;; at++) {
    size_t length = 0;
    while (at[length] != '\0' && at[length] != ':') length++;
    // An empty element is the current folder.
    if (join(room, length == 0 ? "." : at, length == 0 ? 1 : length, name)) {
      if ((problem = examine(room)) == NULL) return 0;
      if (problem->status == 126 && problem->error != ENOTDIR && why == NULL) {
        why = problem;
        for (size_t i = 0; i < SR_PATH_MAX; i++) remembered[i] = room[i];
      }
    }
    at += length;
    if (*at == '\0') break;
  }
  if (why != NULL) return tell(remembered, why, message);
  sr_append(message, name);
  sr_append(message, ": not found in PATH\n  ");
  if (join(room, ".", 1, name) && examine(room) == NULL) {
    sr_append(message, "write ./");
    sr_append(message, name);
    sr_append(message, " for the one in this folder\n");
  } else {
    sr_append(message, "check its name, or give its path\n");
  }
  return 127;
}
