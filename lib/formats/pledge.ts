// Promises in the sense of OpenBSD's pledge(2), carried over to Linux: what a program that has made them may still ask for. A
// file is the list of promises, on one line or several, with `#` comments; `pledge("stdio rpath", NULL)` as C has it is understood.
// Source: pledge(2) of OpenBSD 7.5 for what each promise means. Which calls of Linux that is, and with which arguments, is
// our own reading, one row a promise.
//
// The promises that pledge checks on paths (rpath, unix and so on) permit the calls here: a filter sees no paths.

import { PolicyError } from '../errors.ts';
import { nearest } from '../linux/nearest.ts';
import { merge } from '../policy/algebra/merge.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import type { Policy } from '../policy/model.ts';
import type { Format, ReadOptions, ReadResult } from './format.ts';

/** Statements of our language, by promise. */
const promises: Readonly<Record<string, string>> = {
  stdio: `
allow exit, exit_group, brk, munmap, mremap, madvise, msync, mlock, munlock, membarrier, rseq, restart_syscall
allow mmap(prot & PROT_EXEC == 0), mmap2(prot & PROT_EXEC == 0), mprotect(prot & PROT_EXEC == 0)
allow read, readv, pread64, preadv, preadv2, write, writev, pwrite64, pwritev, pwritev2, lseek, _llseek
allow close, close_range, dup, dup2, dup3, pipe, pipe2, fstat, fstat64, fsync, fdatasync, ftruncate, ftruncate64
allow newfstatat(dfd >= 0), fstatat64(dfd >= 0), statx(dfd >= 0)
allow fcntl(cmd in {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}), fcntl64(cmd in {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL})
allow ioctl(cmd in {FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS})
allow recvfrom, recv, recvmsg, recvmmsg, send, sendmsg, sendmmsg, shutdown, getsockopt(level == SOL_SOCKET && optname in {SO_ERROR, SO_TYPE})
allow sendto, socketpair
allow poll, ppoll, ppoll_time64, select, _newselect, pselect6, pselect6_time64, epoll_create, epoll_create1, epoll_ctl, epoll_wait, epoll_pwait, epoll_pwait2
allow eventfd, eventfd2, timerfd_create, timerfd_settime, timerfd_settime64, timerfd_gettime, timerfd_gettime64, signalfd, signalfd4
allow futex, futex_time64, futex_waitv, set_robust_list, get_robust_list, set_tid_address, sched_yield, sched_getaffinity
allow clone(clone_flags & CLONE_THREAD), nanosleep, clock_nanosleep, clock_nanosleep_time64, pause, alarm, setitimer, getitimer
allow clock_gettime, clock_gettime64, clock_getres, clock_getres_time64, gettimeofday, time, times
allow rt_sigaction, rt_sigprocmask, rt_sigreturn, rt_sigpending, rt_sigsuspend, rt_sigtimedwait, sigaltstack, sigreturn, tgkill
allow getpid, getppid, gettid, getpgid, getpgrp, getsid, getuid, geteuid, getgid, getegid, getresuid, getresgid, getgroups
allow getuid32, geteuid32, getgid32, getegid32, getresuid32, getresgid32, getgroups32
allow getrandom, getrusage, uname, umask, wait4, waitid, waitpid, prlimit64(new_rlim == NULL), getrlimit, ugetrlimit, getcwd, fchdir
allow prctl(option in {PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_VMA}), seccomp, arch_prctl
default errno ENOSYS clone3, statx, openat2, faccessat2`,
  rpath: `
allow open(flags & O_ACCMODE == O_RDONLY && flags & O_CREAT|O_TRUNC == 0), openat(flags & O_ACCMODE == O_RDONLY && flags & O_CREAT|O_TRUNC == 0)
allow stat, lstat, stat64, lstat64, newfstatat, fstatat64, statx, readlink, readlinkat, access, faccessat, faccessat2
allow chdir, getdents, getdents64, statfs, statfs64, fstatfs, fstatfs64, getxattr, lgetxattr, fgetxattr, listxattr, llistxattr, flistxattr
allow inotify_init, inotify_init1, inotify_add_watch, inotify_rm_watch`,
  wpath: `
allow open(flags & O_CREAT == 0), openat(flags & O_CREAT == 0), truncate, truncate64, fallocate
allow stat, lstat, stat64, lstat64, newfstatat, fstatat64, access, faccessat, faccessat2, readlink, readlinkat`,
  cpath: `
allow open(flags & O_CREAT), openat(flags & O_CREAT), creat, mkdir, mkdirat, rmdir, unlink, unlinkat, rename, renameat, renameat2
allow link, linkat, symlink, symlinkat`,
  dpath: `
allow mknod(mode & S_IFMT == S_IFIFO), mknodat(mode & S_IFMT == S_IFIFO)`,
  tmppath: `
allow open, openat, unlink, unlinkat, lstat, lstat64, newfstatat, fstatat64, chmod, fchmod, fchmodat, chown, fchown, fchownat`,
  fattr: `
allow chmod, fchmod, fchmodat, fchmodat2, utime, utimes, utimensat, utimensat_time64, futimesat`,
  chown: `
allow chown, fchown, lchown, fchownat, chown32, fchown32, lchown32`,
  flock: `
allow flock, fcntl(cmd in {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW}), fcntl64(cmd in {F_GETLK, F_SETLK, F_SETLKW})`,
  inet: `
allow socket(family in {AF_INET, AF_INET6}), bind, connect, listen, accept, accept4, getsockname, getpeername, getsockopt
allow setsockopt(level in {SOL_SOCKET, SOL_IP, SOL_TCP, SOL_IPV6, SOL_UDP})`,
  unix: `
allow socket(family == AF_UNIX), bind, connect, listen, accept, accept4, getsockname, getpeername, getsockopt, setsockopt(level == SOL_SOCKET)`,
  dns: `
allow socket(family in {AF_INET, AF_INET6} && type & SOCK_TYPE_MASK == SOCK_DGRAM), connect, bind, getsockname, getpeername`,
  mcast: 'allow setsockopt(level in {SOL_IP, SOL_IPV6})',
  recvfd: 'allow recvmsg, recvmmsg',
  sendfd: 'allow sendmsg, sendmmsg',
  tty: `
allow ioctl(cmd in {TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, TIOCSPGRP, TIOCGSID, TCFLSH, TCXONC, TCSBRK, TIOCOUTQ})`,
  proc: `
allow fork, vfork, clone(clone_flags & CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWCGROUP == 0)
allow kill, tkill, setpgid, setsid, setpriority, getpriority, setrlimit, prlimit64, sched_setparam, sched_setscheduler, sched_setaffinity, pidfd_open, pidfd_send_signal`,
  exec: 'allow execve, execveat',
  prot_exec: 'allow mmap, mmap2, mprotect, pkey_mprotect',
  id: `
allow setuid, setreuid, setresuid, setgid, setregid, setresgid, setgroups, setfsuid, setfsgid, setrlimit, prlimit64, getpriority, setpriority
allow setuid32, setreuid32, setresuid32, setgid32, setregid32, setresgid32, setgroups32, setfsuid32, setfsgid32`,
  getpw:
    'allow socket(family == AF_UNIX), connect, open(flags & O_ACCMODE == O_RDONLY), openat(flags & O_ACCMODE == O_RDONLY)',
  ps: 'allow open(flags & O_ACCMODE == O_RDONLY), openat(flags & O_ACCMODE == O_RDONLY), getdents, getdents64, sched_getscheduler, sched_getparam',
  vminfo: 'allow sysinfo, mincore',
  settime: 'allow settimeofday, clock_settime, clock_settime64, adjtimex, clock_adjtime',
  unveil: 'allow landlock_create_ruleset, landlock_add_rule, landlock_restrict_self',
  // What is refused then fails instead of killing.
  error: '',
};

export const pledge: Format = {
  name: 'pledge',
  help: "promises of OpenBSD's pledge(2): stdio rpath inet …",
  detect(text) {
    const words = promisesOf(text);
    return (
      words.length > 0 && words.includes('stdio') && words.every((word) => Object.hasOwn(promises, word))
    );
  },
  read,
};

function promisesOf(text: string): readonly string[] {
  const call = /^[ \t]*pledge[ \t]*\(\s*"([^"]*)"/m.exec(text);
  return (call === null ? text.replace(/#[^\n]*/g, '') : call[1]!).split(/\s+/).filter((word) => word !== '');
}

function read(text: string, options: ReadOptions): ReadResult {
  const words = promisesOf(text);
  const warnings: string[] = [];
  if (words.length === 0)
    throw new PolicyError(`${options.file} makes no promise`, { advice: 'write at least stdio' });
  const parts = [...new Set(words)].map((word): Policy => {
    if (!Object.hasOwn(promises, word)) {
      const [close] = nearest(word.slice(0, 40), Object.keys(promises), 1);
      throw new PolicyError(`${options.file}: no promise is called ${word.slice(0, 40)}`, {
        advice:
          close === undefined ? `there are ${Object.keys(promises).join(', ')}` : `did you mean ${close}?`,
      });
    }
    return parsePolicy(promises[word]!, { file: `pledge ${word}` });
  });
  if (words.some((word) => ['rpath', 'wpath', 'cpath', 'unix', 'tmppath'].includes(word))) {
    warnings.push('pledge checks some paths; a filter sees none, so all are permitted');
  }
  const head: Policy = { default: { kind: 'kill' }, statements: [], defaults: [] };
  return {
    policy: {
      ...merge([head, ...parts]),
      ...(words.includes('error') ? { default: { kind: 'errno', errno: 'ENOSYS' } } : {}),
    },
    warnings,
  };
}
