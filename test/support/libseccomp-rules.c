/* Rules from standard input, handed to libseccomp one by one as runc would; the filter that it makes goes to the file that is
 * named. Lines, all numbers in hexadecimal:
 *   default ACTION
 *   rule ACTION NUMBER [INDEX OP VALUE SECOND] ...      OP: 1 NE 2 LT 3 LE 4 EQ 5 GE 6 GT 7 MASKED_EQ */
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  static char line[65536];
  scmp_filter_ctx filter = NULL;
  if (argc != 2) return 2;
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *word = strtok(line, " \n");
    if (word == NULL) continue;
    if (strcmp(word, "default") == 0) {
      filter = seccomp_init((uint32_t)strtoul(strtok(NULL, " \n"), NULL, 16));
      continue;
    }
    struct scmp_arg_cmp tests[6];
    unsigned count = 0;
    uint32_t action = (uint32_t)strtoul(strtok(NULL, " \n"), NULL, 16);
    int number = (int)strtol(strtok(NULL, " \n"), NULL, 16);
    for (char *index; count < 6 && (index = strtok(NULL, " \n")) != NULL; count++) {
      tests[count].arg = (unsigned)strtoul(index, NULL, 16);
      tests[count].op = (enum scmp_compare)strtoul(strtok(NULL, " \n"), NULL, 16);
      tests[count].datum_a = strtoull(strtok(NULL, " \n"), NULL, 16);
      tests[count].datum_b = strtoull(strtok(NULL, " \n"), NULL, 16);
    }
    if (filter == NULL) return 2;
    int result = seccomp_rule_add_array(filter, action, number, count, tests);
    if (result != 0) {
      fprintf(stderr, "seccomp_rule_add_array: %s\n", strerror(-result));
      return 1;
    }
  }
  int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  return filter != NULL && file >= 0 && seccomp_export_bpf(filter, file) == 0 ? 0 : 1;
}
