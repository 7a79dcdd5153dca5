/* What a filter costs in the kernel: how long installing takes, and single calls under it. Arguments: rounds, then the calls as
 * NR,ARG0,ARG1…, then `--`, then raw programs, or `-` for no filter. Every round measures each program in a child of its own, one
 * after the other, so that all of them meet the machine in the same mood. Prints for each program a line of medians in
 * nanoseconds: the installation, then each call. */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CALLS = 8, MAX_PROGRAMS = 16, MAX_ROUNDS = 1000, REPEAT = 40000 };

struct call {
	long nr, args[6];
};

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double per_call(const struct call *call)
{
	const long *a = call->args;
	for (int i = 0; i < REPEAT / 10; i++)
		syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	const double start = now();
	for (int i = 0; i < REPEAT; i++)
		syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	return (now() - start) / REPEAT;
}

/* In a child: results go to shared memory, and the filter may forbid everything else afterwards. */
static void measure(struct sock_fprog *program, const struct call *calls, int count, double *results)
{
	const pid_t child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		if (program->len > 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
				_exit(1);
			const double start = now();
			if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) != 0)
				_exit(1);
			results[0] = now() - start;
		}
		for (int i = 0; i < count; i++)
			results[i + 1] = per_call(&calls[i]);
		syscall(SYS_exit_group, 0);
	}
	int status;
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "a child that was to be measured ended with status 0x%x", (unsigned)status);
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct call calls[MAX_CALLS];
	static struct sock_fprog programs[MAX_PROGRAMS];
	static double samples[MAX_PROGRAMS][MAX_CALLS + 1][MAX_ROUNDS];
	int count = 0, loaded = 0, at = 2;
	const int rounds = argc > 1 ? atoi(argv[1]) : 0;
	if (rounds < 1 || rounds > MAX_ROUNDS)
		errx(1, "ROUNDS CALL… -- PROGRAM…");
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		if (count == MAX_CALLS)
			errx(1, "too many calls");
		char *rest = argv[at];
		struct call *call = &calls[count++];
		call->nr = strtol(strtok_r(rest, ",", &rest), NULL, 0);
		for (int i = 0; i < 6; i++) {
			const char *word = strtok_r(NULL, ",", &rest);
			call->args[i] = word == NULL ? 0 : (long)strtoull(word, NULL, 0);
		}
	}
	for (at++; at < argc; at++) {
		if (loaded == MAX_PROGRAMS)
			errx(1, "too many programs");
		struct sock_fprog *program = &programs[loaded++];
		if (strcmp(argv[at], "-") == 0)
			continue;
		const int fd = open(argv[at], O_RDONLY);
		program->filter = malloc(4096 * sizeof *program->filter);
		const ssize_t size = fd < 0 ? -1 : read(fd, program->filter, 4096 * sizeof *program->filter);
		if (size <= 0)
			err(1, "%s", argv[at]);
		program->len = (unsigned short)((size_t)size / sizeof *program->filter);
		close(fd);
	}
	/* Always the same processor. */
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	sched_setaffinity(0, sizeof set, &set);
	double *results = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		err(1, "mmap");
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < loaded; i++) {
			memset(results, 0, 4096);
			measure(&programs[i], calls, count, results);
			for (int j = 0; j <= count; j++)
				samples[i][j][round] = results[j];
		}
	for (int i = 0; i < loaded; i++) {
		for (int j = 0; j <= count; j++) {
			qsort(samples[i][j], (size_t)rounds, sizeof(double), ascending);
			printf("%.1f%c", samples[i][j][rounds / 2], j == count ? '\n' : ' ');
		}
	}
	return 0;
}
