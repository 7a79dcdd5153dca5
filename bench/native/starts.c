/* How long starting a program takes, from fork to its end. Arguments: rounds, then commands, each behind a `--`; a first word
 * `<FILE` opens the file as descriptor 10 of that command; what it prints is thrown away. Every round runs each command once, in
 * turn, so that ratios within a round are of one moment. Prints a line for each round: nanoseconds of each command. The first
 * two rounds are not counted. */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 32, UNCOUNTED = 2 };

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double start(char **words)
{
	static int nowhere = -1;
	if (nowhere < 0 && (nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0)
		err(1, "/dev/null");
	const double from = now();
	const pid_t child = vfork();
	if (child < 0)
		err(1, "vfork");
	if (child == 0) {
		if (dup2(nowhere, 1) < 0)
			_exit(120);
		if (words[0][0] == '<') {
			const int fd = open(words[0] + 1, O_RDONLY);
			if (fd < 0 || dup2(fd, 10) < 0)
				_exit(120);
			close(fd);
			words++;
		}
		execvp(words[0], words);
		_exit(120);
	}
	int status;
	if (waitpid(child, &status, 0) != child || status != 0)
		errx(1, "%s ended with status 0x%x", words[0], (unsigned)status);
	return now() - from;
}

int main(int argc, char **argv)
{
	char **commands[MAX_COMMANDS];
	int count = 0;
	const int rounds = argc > 1 ? atoi(argv[1]) : 0;
	/* A command's own `--` is written `---`. */
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			if (count == MAX_COMMANDS)
				errx(1, "too many commands");
			argv[i] = NULL;
			commands[count++] = argv + i + 1;
		} else if (strcmp(argv[i], "---") == 0)
			argv[i] = "--";
	}
	if (rounds < 1 || count == 0)
		errx(1, "ROUNDS -- COMMAND… [-- COMMAND…]…");
	for (int round = -UNCOUNTED; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			const double taken = start(commands[i]);
			if (round >= 0)
				printf("%.0f%c", taken, i == count - 1 ? '\n' : ' ');
		}
	return 0;
}
