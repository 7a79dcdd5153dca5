// PID 1 of the emulated machine: runs the cases of /cases, one after the other, and writes how each ended to the console; then
// switches the machine off. A case is a line: user, then the environment, a word `--`, then the command, words divided by unit separators (0x1f).

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static char cases[1 << 16];
static char output[1 << 16];

static void run(int number, char *line) {
  char *words[64] = {0};
  int count = 0;
  for (char *word = strtok(line, "\x1f"); word != NULL && count < 63; word = strtok(NULL, "\x1f")) words[count++] = word;
  int split = 1;
  while (split < count && strcmp(words[split], "--") != 0) split++;
  int pipes[2];
  if (pipe(pipes) != 0) return;
  pid_t child = fork();
  if (child == 0) {
    dup2(pipes[1], 1);
    dup2(pipes[1], 2);
    close(pipes[0]);
    close(pipes[1]);
    int user = atoi(words[0]);
    if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) _exit(90);
    words[split] = NULL;
    execve(words[split + 1], words + split + 1, words + 1);
    _exit(91);
  }
  close(pipes[1]);
  size_t length = 0;
  ssize_t got;
  while ((got = read(pipes[0], output + length, sizeof output - length)) > 0) length += (size_t)got;
  close(pipes[0]);
  int status = 0;
  waitpid(child, &status, 0);
  printf("CASE %d %d ", number, status);
  for (size_t i = 0; i < length; i++) printf("%02x", (unsigned char)output[i]);
  printf("\n");
  fflush(stdout);
}

int main(void) {
  mount("proc", "/proc", "proc", 0, NULL);
  int file = open("/cases", O_RDONLY);
  if (file < 0 || read(file, cases, sizeof cases - 1) < 0) return 1;
  int number = 0;
  for (char *line = cases; *line != '\0';) {
    char *end = strchr(line, '\n');
    if (end != NULL) *end = '\0';
    run(number++, line);
    if (end == NULL) break;
    line = end + 1;
  }
  printf("ALL DONE\n");
  fflush(stdout);
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
