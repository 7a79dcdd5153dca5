// Makes one call with the arguments given, and prints its error's number, or 0. What is killed prints nothing.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long words[7] = {0};
  for (int i = 1; i < argc && i <= 7; i++) words[i - 1] = strtol(argv[i], 0, 0);
  long answer = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
  printf("%d\n", answer == -1 ? errno : 0);
  return 0;
}
