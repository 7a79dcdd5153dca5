// The kinds of namespaces as service and profile files name them, with the flag of clone, unshare and setns for each.
// Source: systemd.exec(5), RestrictNamespaces=; firejail-profile(5), restrict-namespaces; namespaces(7).

export const namespaceFlags: Readonly<Record<string, string>> = {
  cgroup: 'CLONE_NEWCGROUP',
  ipc: 'CLONE_NEWIPC',
  net: 'CLONE_NEWNET',
  mnt: 'CLONE_NEWNS',
  pid: 'CLONE_NEWPID',
  user: 'CLONE_NEWUSER',
  uts: 'CLONE_NEWUTS',
  time: 'CLONE_NEWTIME',
};
