// Policies that several tests share.

/** What the probe needs to start, write and end, with glibc, linked in any way, and nothing more (Debian 12 and 13). */
export const minimal = `
default kill
allow  read, write, exit_group, brk, mmap, munmap, mprotect, arch_prctl, set_tid_address, set_robust_list, rseq
allow  prlimit64, getrandom, openat, close, fstat, newfstatat, pread64, access, readlink, readlinkat, uname, futex
`;

/** Everything but those. */
export const allBut = (...statements: string[]): string => ['default allow', ...statements, ''].join('\n');
