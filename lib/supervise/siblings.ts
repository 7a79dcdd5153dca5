// Calls that belong together: what a run did with one of them, another C library, or the same one a version later, does
// with another. And the calls that a program needs to end as it should. Source: the manual pages, where a call is said to be
// another's newer form; glibc's and musl's wrappers.
//
// Newer forms that C libraries try first (@probe) are no siblings: they are answered with ENOSYS, and the library falls back.

/** One row: any of them may come in the place of any other. */
export const siblings: readonly (readonly string[])[] = `
open openat
stat stat64 newfstatat fstatat64
lstat lstat64 newfstatat fstatat64
fstat fstat64
access faccessat
readlink readlinkat
unlink unlinkat
rmdir unlinkat
mkdir mkdirat
mknod mknodat
link linkat
symlink symlinkat
rename renameat renameat2
chmod fchmodat
chown lchown fchownat
utimes utimensat utimensat_time64
poll ppoll ppoll_time64
select pselect6 pselect6_time64
epoll_wait epoll_pwait
epoll_create epoll_create1
eventfd eventfd2
signalfd signalfd4
inotify_init inotify_init1
pipe pipe2
dup2 dup3
accept accept4
fork vfork clone
getdents getdents64
gettimeofday clock_gettime clock_gettime64
time clock_gettime clock_gettime64
nanosleep clock_nanosleep clock_nanosleep_time64
futex futex_time64
getrlimit ugetrlimit prlimit64
setrlimit prlimit64
wait4 waitpid
send sendto
recv recvfrom
alarm setitimer
clock_getres clock_getres_time64
timer_settime timer_settime64
timerfd_settime timerfd_settime64
semtimedop semtimedop_time64
sendfile sendfile64
fcntl fcntl64
truncate truncate64
ftruncate ftruncate64
statfs statfs64
fstatfs fstatfs64
sigaltstack
getuid getuid32
geteuid geteuid32
getgid getgid32
getegid getegid32
mmap mmap2
lseek _llseek
ugetrlimit getrlimit prlimit64
sched_rr_get_interval sched_rr_get_interval_time64
mq_timedsend mq_timedsend_time64
mq_timedreceive mq_timedreceive_time64
recvmmsg recvmmsg_time64
rt_sigtimedwait rt_sigtimedwait_time64
`
  .trim()
  .split('\n')
  .map((row) => row.split(' '));

/** What clone must not do where only fork, vfork or clone3 was seen: make namespaces. */
export const PLAIN_CLONE =
  '!(clone_flags & CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWCGROUP)';

/** To end: normally, out of a signal's handler, and by abort (glibc: block signals, ask who one is, send SIGABRT). */
export const toEnd: readonly string[] = [
  'exit',
  'exit_group',
  'rt_sigreturn',
  'restart_syscall',
  'rt_sigprocmask',
  'rt_sigaction',
  'getpid',
  'gettid',
  'tgkill(sig == SIGABRT)',
];

/** Calls on what a program has already, or about itself alone. They are permitted by what is learnt in any case, and therefore
 * need not stop a program that is recorded. */
export const granted: readonly string[] = [
  ...'read write readv writev pread64 pwrite64 close lseek fstat'.split(' '),
  ...'munmap brk futex sched_yield'.split(' '),
  ...'exit exit_group rt_sigreturn restart_syscall rt_sigprocmask getpid gettid'.split(' '),
  ...'clock_gettime gettimeofday time'.split(' '),
];
