// The first kernel with a call, for calls newer than 2.6: `version: names`. An architecture may have followed later.
// Source: syscalls(2) of man-pages 6.03; for what is newer, the kernel's history of the system call tables. Two corrections: membarrier
// came with 4.3 (membarrier(2)), and every *_time64 call with 5.1.

export const syscallVersions: string = `\
3.0: sendmmsg setns
3.2: process_vm_readv process_vm_writev
3.5: kcmp
3.7: s390_runtime_instr
3.8: finit_module
3.14: sched_getattr sched_setattr
3.15: renameat2
3.17: getrandom kexec_file_load memfd_create seccomp
3.18: bpf
3.19: execveat s390_pci_mmio_read s390_pci_mmio_write
4.1: switch_endian
4.3: membarrier userfaultfd
4.4: mlock2
4.5: copy_file_range
4.6: preadv2 pwritev2
4.8: pkey_alloc pkey_free pkey_mprotect
4.11: statx
4.12: s390_guarded_storage
4.15: get_tls riscv_flush_icache s390_sthyi
4.18: io_pgetevents rseq
5.1: clock_adjtime64 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 clock_settime64 futex_time64
  io_pgetevents_time64 io_uring_enter io_uring_register io_uring_setup mq_timedreceive_time64
  mq_timedsend_time64 pidfd_send_signal ppoll_time64 pselect6_time64 recvmmsg_time64 rt_sigtimedwait_time64
  sched_rr_get_interval_time64 semtimedop_time64 timer_gettime64 timer_settime64 timerfd_gettime64
  timerfd_settime64 utimensat_time64
5.2: fsconfig fsmount fsopen fspick move_mount open_tree
5.3: clone3 pidfd_open
5.6: openat2 pidfd_getfd
5.8: faccessat2
5.9: close_range
5.10: process_madvise
5.11: epoll_pwait2
5.12: mount_setattr
5.13: landlock_add_rule landlock_create_ruleset landlock_restrict_self
5.14: memfd_secret quotactl_fd
5.15: process_mrelease
5.16: futex_waitv
5.17: set_mempolicy_home_node
6.4: riscv_hwprobe
6.5: cachestat
6.6: fchmodat2 map_shadow_stack
6.7: futex_requeue futex_wait futex_wake
6.8: listmount lsm_get_self_attr lsm_list_modules lsm_set_self_attr statmount
6.10: mseal
6.11: uretprobe
6.13: getxattrat listxattrat removexattrat setxattrat
6.15: open_tree_attr
6.17: file_getattr file_setattr
6.18: uprobe
6.19: listns
7.0: rseq_slice_yield
`;
