// Named groups of calls: systemd's sets, and our own. A group is a set of names over all ABIs; groups may contain groups.
// test/linux/groups.test.ts checks that every member is a call that some ABI has.

import { systemdGroups } from './data/systemd-groups.ts';

/** Our own groups, each with its reason. */
const ownGroups = `\
# Calls that a C library tries first and does without on ENOSYS, but not on EPERM
@probe: clone3 close_range epoll_pwait2 faccessat2 fchmodat2 futex_waitv io_uring_setup
  landlock_create_ruleset map_shadow_stack mseal openat2 pidfd_open rseq
  set_mempolicy_home_node statx
# Putting code into the kernel: modules, kexec, bpf
@kernel-code: bpf create_module delete_module finit_module init_module kexec_file_load kexec_load
# Looking into other processes, or being steered by them
@introspection: kcmp perf_event_open pidfd_getfd process_vm_readv process_vm_writev ptrace
# io_uring does I/O, opens files and makes sockets without the calls that a filter looks at
@io-uring: io_uring_enter io_uring_register io_uring_setup
# Becoming another program
@exec: execve execveat
`;

/** Names in systemd's sets that no architecture of ours has as a call: they are left out. llseek and
 * fstatat are other architectures' names of _llseek and newfstatat, newfstat is the kernel's inner name of fstat. */
const notCalls = new Set(['fstatat', 'llseek', 'newfstat']);

export interface Group {
  /** With its @. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** Call names and names of other groups, as written. */
  readonly members: readonly string[];
}

let table: ReadonlyMap<string, Group> | undefined;
const expanded = new Map<string, readonly string[]>();

/** The group of this name (with its @), or undefined. */
export function group(name: string): Group | undefined {
  return groups().get(name);
}

export function groups(): ReadonlyMap<string, Group> {
  table ??= new Map([...read(systemdGroups), ...read(ownGroups)].map((one) => [one.name, one]));
  return table;
}

/** All call names of a group, groups in it expanded, each once; undefined for an unknown group. */
export function groupMembers(name: string): readonly string[] | undefined {
  const known = expanded.get(name);
  if (known !== undefined) return known;
  const found = group(name);
  if (found === undefined) return undefined;
  const members = new Set<string>();
  for (const member of found.members) {
    if (notCalls.has(member)) continue;
    for (const call of member.startsWith('@') ? (groupMembers(member) ?? []) : [member]) members.add(call);
  }
  const result = [...members];
  expanded.set(name, result);
  return result;
}

function* read(text: string): Generator<Group> {
  let help = '';
  let name = '';
  let members: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith(' ')) {
      members.push(...line.trim().split(' '));
      continue;
    }
    if (name !== '') yield { name, help, members };
    name = '';
    if (line.startsWith('#')) help = line.slice(2);
    else if (line !== '') {
      const colon = line.indexOf(':');
      name = line.slice(0, colon);
      members = line
        .slice(colon + 1)
        .trim()
        .split(' ');
    }
  }
}
