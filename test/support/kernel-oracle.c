/* The kernel as an oracle: installs filters in a child process, makes raw calls under them and reports what each returned.
 *
 * The filters answer every call with an errno, so that nothing is ever done; the child can therefore neither write nor exit. It
 * leaves its results in shared memory and spins until the parent ends it.
 *
 * Standard input, in the machine's byte order, any number of times: u32 filters, each u32 length and length × 8 bytes; u32
 * calls, each u32 way (0: syscall, 1: int 0x80), u32 nr, u64 args[6]. All but the last filter must let seccomp through.
 * Standard output for each: i32 errno of the installation, i32 signal that ended the child before it was ready (0: none), then
 * i64 per call, 0 where it was not made. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	uint32_t way, nr;
	uint64_t args[6];
};

struct shared {
	volatile int32_t ready, error;
	volatile int64_t results[];
};

long by_syscall(uint32_t nr, const uint64_t args[6]);
long by_int80(uint32_t nr, const uint64_t args[6]);

__asm__(".text\n"
	"by_syscall:\n"
	"	mov %edi, %eax\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rdi\n"
	"	mov 8(%r11), %rsi\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %r10\n"
	"	mov 32(%r11), %r8\n"
	"	mov 40(%r11), %r9\n"
	"	syscall\n"
	"	ret\n"
	"by_int80:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	mov %edi, %eax\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rbx\n"
	"	mov 8(%r11), %rcx\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %rsi\n"
	"	mov 32(%r11), %rdi\n"
	"	mov 40(%r11), %rbp\n"
	"	int $0x80\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n");

static void read_all(void *to, size_t size)
{
	if (size > 0 && fread(to, size, 1, stdin) != 1)
		exit(2);
}

static uint32_t read_word(void)
{
	uint32_t word;
	read_all(&word, sizeof word);
	return word;
}

static void child(struct shared *shared, const struct sock_fprog *filters, uint32_t count, const struct call *calls,
		  uint32_t call_count)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (uint32_t i = 0; i < count; i++) {
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[i]) != 0) {
			shared->error = errno;
			shared->ready = 1;
			for (;;)
				;
		}
	}
	for (uint32_t i = 0; i < call_count; i++)
		shared->results[i] = calls[i].way ? (int32_t)by_int80(calls[i].nr, calls[i].args)
						  : by_syscall(calls[i].nr, calls[i].args);
	shared->ready = 1;
	for (;;)
		__asm__ volatile("pause");
}

int main(void)
{
	for (;;) {
		uint32_t count;
		if (fread(&count, sizeof count, 1, stdin) != 1)
			return 0;
		struct sock_fprog filters[16];
		if (count > 16)
			return 2;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t length = read_word();
			filters[i].len = (unsigned short)length;
			filters[i].filter = malloc(8 * length + 8);
			read_all(filters[i].filter, 8 * (size_t)length);
		}
		uint32_t call_count = read_word();
		struct call *calls = malloc(sizeof *calls * call_count + 8);
		read_all(calls, sizeof *calls * (size_t)call_count);
		size_t size = sizeof(struct shared) + 8 * (size_t)call_count;
		struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared == MAP_FAILED)
			return 2;
		pid_t pid = fork();
		if (pid < 0)
			return 2;
		if (pid == 0)
			child(shared, filters, count, calls, call_count);
		int status = 0;
		int32_t died = 0;
		for (int waited = 0; !shared->ready && waited < 500000; waited++) {
			if (waitpid(pid, &status, WNOHANG) == pid) {
				died = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
				break;
			}
			usleep(20);
		}
		if (died == 0) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			if (!shared->ready)
				died = -2;
		}
		int32_t head[2] = {shared->error, died};
		fwrite(head, sizeof head, 1, stdout);
		fwrite((void *)shared->results, 8, call_count, stdout);
		fflush(stdout);
		munmap(shared, size);
		for (uint32_t i = 0; i < count; i++)
			free(filters[i].filter);
		free(calls);
	}
}
