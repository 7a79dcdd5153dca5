// Becomes the one that orphans come to, and then the command (prctl(2), PR_SET_CHILD_SUBREAPER).

#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return 99;
  execv(argv[1], argv + 1);
  return 98;
}
