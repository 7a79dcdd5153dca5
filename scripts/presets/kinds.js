// Which calls a preset may have: by kind, where scripts/presets.js chooses. Groups are the package's own.

import { groupMembers } from '../../dist/lib/index.js';

/** Names, and groups by their members. */
function calls(text) {
  return text
    .trim()
    .split(/\s+/)
    .flatMap((name) => (name.startsWith('@') ? groupMembers(name) : [name]));
}

/** What the analysis may add: files, memory, time, signals. */
export const harmless = calls(`
  @default @basic-io @file-system @chown @io-event @signal @timer @sync @memlock
  madvise mremap msync mincore fadvise64 readahead splice tee sendfile copy_file_range
  pipe pipe2 memfd_create eventfd eventfd2 uname sysinfo getrusage times umask getcpu
  getpriority sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min
  flock fcntl alarm pause rt_sigsuspend capget waitid wait4
`);

/** Of these, what is no business of a program that reads and writes files; what C libraries do without (@probe); and what is newer
 * than the kernel that the presets are written for. */
export const exceptions = calls(`
  @probe @mount execve mknod mknodat statmount listmount file_setattr file_getattr uretprobe seccomp
  landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_list_modules lsm_get_self_attr
  open_by_handle_at name_to_handle_at set_thread_area get_thread_area remap_file_pages userfaultfd
  getxattrat setxattrat listxattrat removexattrat epoll_ctl_old epoll_wait_old
`);

/** No preset permits these, whatever was seen. clone3 has its flags in memory, where no filter looks; C libraries do without it. */
export const never = calls(`
  @mount @kernel-code @reboot @swap @clock @raw-io @introspection @keyring @io-uring
  clone3 bpf perf_event_open userfaultfd fanotify_init quotactl acct syslog vhangup open_by_handle_at
`);

/** Who makes sockets, or starts programs, gets what is done with them. */
export const following = {
  socket: calls(`
    sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg shutdown connect bind
    getsockname getpeername getsockopt setsockopt
  `),
  execve: calls('wait4 waitid kill tgkill setpgid getpgid setsid getsid dup dup2 dup3 pipe pipe2'),
};

/** What a program is killed for. The rest that is refused gets EPERM. */
export const deadly = 'ptrace process_vm_readv process_vm_writev bpf @mount @kernel-code @reboot @swap'.split(
  ' ',
);

/** Calls whose arguments matter as much as their name: as learnt, and with what every program may ask for. */
export const shaped = calls('mknod mknodat ioctl prctl clone socket socketpair unshare personality setns');

export const always = [
  'allow clone(flags & CLONE_THREAD && !(flags & CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET))',
  'allow ioctl(cmd in {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGPGRP})',
  'allow prctl(option in {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE, PR_CAPBSET_READ})',
];
