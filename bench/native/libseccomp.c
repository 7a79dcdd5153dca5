/* A policy through libseccomp, for comparison. Lines on standard input (bench/libseccomp.ts writes them):
 *
 *   default VALUE
 *   rule VALUE NR [ARGUMENT OP VALUE [VALUE]]…      OP: eq lt le gt ge masked (mask, then value)
 *
 * VALUE is a SECCOMP_RET_ value in hex, and libseccomp's SCMP_ACT_ ones are the same. Arguments: chain or tree, how often to
 * compile, and where to write the raw program. Prints the median of the times from seccomp_init to the finished program, in
 * nanoseconds. */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct rule {
	uint32_t action;
	int nr;
	unsigned count;
	struct scmp_arg_cmp comparisons[6];
};

static struct rule rules[8192];
static unsigned count;
static uint32_t otherwise;

static enum scmp_compare op_of(const char *word)
{
	static const char *const words[] = {"eq", "lt", "le", "gt", "ge", "masked"};
	static const enum scmp_compare ops[] = {SCMP_CMP_EQ, SCMP_CMP_LT, SCMP_CMP_LE,
						SCMP_CMP_GT, SCMP_CMP_GE, SCMP_CMP_MASKED_EQ};
	for (unsigned i = 0; i < 6; i++)
		if (strcmp(word, words[i]) == 0)
			return ops[i];
	errx(1, "unknown comparison %s", word);
}

static uint64_t number(const char *word)
{
	if (word == NULL)
		errx(1, "a line ends too early");
	return strtoull(word, NULL, 0);
}

static void read_rules(void)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		char *rest = line;
		const char *word = strtok_r(rest, " \n", &rest);
		if (word == NULL)
			continue;
		if (strcmp(word, "default") == 0) {
			otherwise = (uint32_t)number(strtok_r(NULL, " \n", &rest));
			continue;
		}
		if (count == sizeof rules / sizeof *rules)
			errx(1, "too many rules");
		struct rule *rule = &rules[count++];
		rule->action = (uint32_t)number(strtok_r(NULL, " \n", &rest));
		rule->nr = (int)number(strtok_r(NULL, " \n", &rest));
		while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
			if (rule->count == 6)
				errx(1, "too many comparisons");
			struct scmp_arg_cmp *one = &rule->comparisons[rule->count++];
			one->arg = (unsigned)number(word);
			one->op = op_of(strtok_r(NULL, " \n", &rest));
			one->datum_a = number(strtok_r(NULL, " \n", &rest));
			one->datum_b = one->op == SCMP_CMP_MASKED_EQ ? number(strtok_r(NULL, " \n", &rest)) : 0;
		}
	}
	free(line);
}

static void check(int result, const char *what)
{
	if (result < 0) {
		errno = -result;
		err(1, "%s", what);
	}
}

/* Compiles once into the file; nanoseconds. */
static long compile(int optimize, int fd)
{
	struct timespec from, to;
	if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		err(1, "output");
	clock_gettime(CLOCK_MONOTONIC, &from);
	scmp_filter_ctx context = seccomp_init(otherwise);
	if (context == NULL)
		errx(1, "seccomp_init");
	check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, (uint32_t)optimize), "SCMP_FLTATR_CTL_OPTIMIZE");
	for (unsigned i = 0; i < count; i++)
		check(seccomp_rule_add_exact_array(context, rules[i].action, rules[i].nr, rules[i].count,
						   rules[i].comparisons),
		      "seccomp_rule_add_exact_array");
	check(seccomp_export_bpf(context, fd), "seccomp_export_bpf");
	clock_gettime(CLOCK_MONOTONIC, &to);
	seccomp_release(context);
	return (to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	const long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		errx(1, "chain|tree ROUNDS OUTPUT");
	const int optimize = strcmp(argv[1], "tree") == 0 ? 2 : 1;
	const unsigned rounds = (unsigned)atoi(argv[2]);
	long times[1000];
	if (rounds == 0 || rounds > 1000)
		errx(1, "1 to 1000 rounds");
	read_rules();
	/* In memory, so that no disk is measured. */
	const int fd = memfd_create("program", 0);
	if (fd < 0)
		err(1, "memfd_create");
	for (unsigned i = 0; i < rounds; i++)
		times[i] = compile(optimize, fd);
	qsort(times, rounds, sizeof *times, ascending);
	static char program[4096 * 8];
	const ssize_t size = pread(fd, program, sizeof program, 0);
	const int output = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (size <= 0 || output < 0 || write(output, program, (size_t)size) != size)
		err(1, "%s", argv[3]);
	printf("%ld\n", times[rounds / 2]);
	return 0;
}
