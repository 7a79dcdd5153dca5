// The risks that are looked for, one row each: what it is, how it is found, and what to do. Rules about single statements are in
// statements.ts, rules about widths in widths.ts.

import { group, groupMembers } from '../../linux/groups.ts';
import { multiplexed, multiplexedCalls } from '../../linux/multiplexed.ts';
import { permits } from '../../policy/action.ts';
import { defaultOf, foreignOf } from '../../policy/model.ts';
import type { Context, Finding, Found } from './context.ts';
import { deadStatements, exceptionsOfOne, pointerComparisons } from './statements.ts';
import { widthBypasses } from './widths.ts';

export interface LintRule {
  readonly id: string;
  readonly level: Finding['level'];
  /** One sentence: what the risk is. */
  readonly sentence: string;
  readonly fix: string;
  /** Only what is found for every ABI that is looked at counts. */
  readonly isEverywhere?: true;
  find(context: Context): readonly Found[];
}

/** One finding about all the calls that are meant, or none. */
function about(calls: readonly string[]): readonly Found[] {
  return calls.length === 0 ? [] : [{ calls }];
}

export const lintRules: readonly LintRule[] = [
  {
    id: 'width-bypass',
    level: 'error',
    sentence:
      'A refused argument gets through when bits are set that the kernel does not look at: the comparison is wider than the argument.',
    fix: 'compare the argument by its name, without :64, so that it is as wide as the kernel reads it',
    find: widthBypasses,
  },
  {
    id: 'foreign-abi-open',
    level: 'error',
    sentence:
      'Calls through another ABI (32-bit code, x32) are permitted, with numbers that no statement speaks of.',
    fix: 'say foreign kill, or name the ABIs that are wanted in an abi line',
    find: ({ policy }) => (permits(foreignOf(policy)) ? [{ calls: [] }] : []),
  },
  {
    id: 'tty-injection',
    level: 'error',
    sentence:
      'ioctl may push characters into the terminal (TIOCSTI, TIOCLINUX), which whoever reads it next takes for typed commands.',
    fix: 'refuse ioctl(cmd in {TIOCSTI, TIOCLINUX}), or start the program without a terminal of its caller',
    find: (context) => about(context.mayPermit('ioctl', 'cmd in {TIOCSTI, TIOCLINUX}') ? ['ioctl'] : []),
  },
  {
    id: 'io-uring-open',
    level: 'warning',
    sentence: 'io_uring opens files, makes sockets and does I/O without the calls that this policy looks at.',
    fix: 'answer errno ENOSYS to @io-uring: programs then do without',
    find: (context) => about(['io_uring_setup'].filter((call) => context.mayPermit(call))),
  },
  {
    id: 'other-processes',
    level: 'warning',
    sentence:
      'Other processes of the same user can be read, written to or steered, and so made to do what this one may not.',
    fix: 'refuse @introspection where nothing here is a debugger',
    find: (context) =>
      about([
        ...(['ptrace'] as const).filter((call) =>
          context.mayPermit(
            call,
            'request in {PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_POKETEXT, PTRACE_POKEDATA}',
          ),
        ),
        ...['process_vm_writev', 'process_vm_readv', 'pidfd_getfd'].filter((call) => context.mayPermit(call)),
      ]),
  },
  {
    id: 'user-namespaces-open',
    level: 'warning',
    sentence:
      'A new user namespace gives all capabilities inside it, and with them much more of the kernel to attack.',
    fix: 'refuse clone(clone_flags & CLONE_NEWUSER) and unshare(unshare_flags & CLONE_NEWUSER), and answer errno ENOSYS to clone3, whose flags lie in memory',
    find: (context) =>
      about([
        ...['clone', 'unshare'].filter((call) => context.mayPermit(call, `${call}_flags & CLONE_NEWUSER`)),
        ...['clone3'].filter((call) => context.mayPermit(call)),
      ]),
  },
  {
    id: 'code-and-exec',
    level: 'warning',
    sentence:
      'New code can be put into memory and run (mprotect or mmap with PROT_EXEC), and other programs be started with it.',
    fix: 'refuse mprotect(prot & PROT_EXEC) and mmap(prot & PROT_EXEC && prot & PROT_WRITE), or execve and execveat',
    find(context) {
      const code = [
        ...['mprotect', 'pkey_mprotect'].filter((call) => context.mayPermit(call, 'prot & PROT_EXEC')),
        ...['mmap', 'mmap2'].filter((call) =>
          context.mayPermit(call, 'prot & PROT_EXEC && prot & PROT_WRITE'),
        ),
      ];
      const exec = ['execve', 'execveat'].filter((call) => context.mayPermit(call));
      return code.length > 0 && exec.length > 0 ? [{ calls: [...code, ...exec] }] : [];
    },
  },
  {
    id: 'kernel-code-open',
    level: 'warning',
    sentence: 'Code can be put into the kernel itself: modules, kexec or bpf.',
    fix: 'refuse @kernel-code',
    find: (context) => about((groupMembers('@kernel-code') ?? []).filter((call) => context.mayPermit(call))),
  },
  {
    id: 'probe-error',
    level: 'warning',
    sentence:
      'C libraries try these calls first and do without them on ENOSYS; another error is taken for a real one and the program fails.',
    fix: 'say default errno ENOSYS @probe, which still lets statements permit them',
    find: (context) =>
      about(
        [...(groupMembers('@probe') ?? [])].filter((call) => {
          const answer = context.only(call);
          // ENOSYS is 38, and 89 on mips (include/uapi/asm-generic/errno.h, arch/mips/include/uapi/asm/errno.h).
          return answer?.kind === 'errno' && answer.errno !== (context.abi.table === 'mips64' ? 89 : 38);
        }),
      ),
  },
  {
    id: 'newer-sibling-open',
    level: 'warning',
    sentence: 'A refused call has a newer form that does the same and is permitted.',
    fix: 'refuse the newer forms as well, where they take their arguments in memory with errno ENOSYS',
    find: siblings,
  },
  {
    id: 'multiplexer-open',
    level: 'warning',
    sentence: 'A refused call can be made through another one, whose arguments lie in memory.',
    fix: 'refuse socketcall and ipc on this ABI with errno ENOSYS where its C library knows the calls themselves, or do not serve the ABI',
    find: multiplexers,
  },
  {
    id: 'nesting-closed',
    level: 'note',
    sentence:
      'Programs that sandbox themselves (browsers, sshd, sandbox-run) cannot: seccomp and prctl are refused.',
    fix: 'if this program does so, permit seccomp, and prctl(option in {PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP})',
    find: (context) =>
      ['seccomp', 'prctl'].every(
        (call) => context.decision(call) !== undefined && !context.mayPermit(call),
      ) && context.mayPermit('execve')
        ? [{ calls: ['seccomp', 'prctl'] }]
        : [],
  },
  {
    id: 'unknown-name',
    level: 'warning',
    sentence: 'Names that no kernel of ours has are left out, so nothing is said about what was meant.',
    fix: 'correct the name, or leave it out',
    find: ({ warnings }) =>
      warnings
        .filter((warning) => /unknown (call|name|syscall)/.test(warning))
        .map((message) => ({ calls: [], message })),
  },
  {
    id: 'dead-statement',
    level: 'warning',
    sentence:
      'This can never decide anything: stricter statements, or the same said before, always come first.',
    fix: 'leave it out, or make what stands before it narrower',
    isEverywhere: true,
    find: deadStatements,
  },
  {
    id: 'exception-for-one',
    level: 'warning',
    sentence:
      'What stands behind the first exception of a group, and is in the group already, is no exception: the statement holds for it.',
    fix: 'several exceptions stand in braces: @group except {a, b}; what the group has needs no mention',
    find: exceptionsOfOne,
  },
  {
    id: 'pointer-comparison',
    level: 'warning',
    sentence:
      'A pointer is compared with a number, which says nothing about what it points to, and differs from run to run.',
    fix: 'leave the comparison out; only == NULL and != NULL make sense',
    find: pointerComparisons,
  },
];

/** Calls and their newer forms, oldest first. Source: the manual pages of the newer ones. */
const families: readonly (readonly string[])[] = [
  ['open', 'openat', 'openat2'],
  ['creat', 'open', 'openat', 'openat2'],
  ['clone', 'clone3'],
  ['fork', 'clone', 'clone3'],
  ['chmod', 'fchmodat', 'fchmodat2'],
  ['chown', 'lchown', 'fchownat'],
  ['unlink', 'unlinkat'],
  ['rmdir', 'unlinkat'],
  ['rename', 'renameat', 'renameat2'],
  ['link', 'linkat'],
  ['symlink', 'symlinkat'],
  ['mkdir', 'mkdirat'],
  ['mknod', 'mknodat'],
  ['access', 'faccessat', 'faccessat2'],
  ['setxattr', 'setxattrat'],
  ['removexattr', 'removexattrat'],
  ['execve', 'execveat'],
  ['mount', 'fsmount', 'move_mount', 'open_tree', 'mount_setattr'],
  ['init_module', 'finit_module'],
  ['kexec_load', 'kexec_file_load'],
  ['kill', 'tkill', 'tgkill', 'pidfd_send_signal', 'rt_sigqueueinfo'],
  ['ptrace', 'process_vm_readv', 'process_vm_writev'],
  ['settimeofday', 'clock_settime', 'clock_adjtime', 'adjtimex'],
  ['sethostname', 'setdomainname'],
  ['accept', 'accept4'],
  ['quotactl', 'quotactl_fd'],
  ['setrlimit', 'prlimit64'],
];

/** A deny list that refuses the older form and lets a newer one through whatever its arguments are. An allow list that leaves
 * old forms out is no mistake. */
function siblings(context: Context): readonly Found[] {
  if (!permits(defaultOf(context.policy))) return [];
  const found = new Map<string, string[]>();
  for (const family of families) {
    family.forEach((older, at) => {
      if (!context.mayRefuse(older) || !isNamed(context, older)) return;
      const open = family
        .slice(at + 1)
        .filter((newer) => context.decision(newer) !== undefined && !context.mayRefuse(newer));
      if (open.length > 0) found.set(older, [...new Set([...(found.get(older) ?? []), ...open])]);
    });
  }
  return [...found].map(([older, open]) => ({
    calls: [older, ...open],
    message: `${older} is refused, but ${open.join(', ')} ${open.length === 1 ? 'does' : 'do'} the same and ${open.length === 1 ? 'is' : 'are'} permitted.`,
  }));
}

/** What is said of socket and the like, where the ABI has socketcall or ipc and they let the same call through. */
function multiplexers(context: Context): readonly Found[] {
  const through = new Map<string, string[]>();
  for (const name of multiplexedCalls) {
    const { call, number } = multiplexed(name)!;
    if (context.decision(call) === undefined || !isNamed(context, name)) continue;
    // A call that the ABI has only there, and that is spoken of, is not permitted by that.
    const isRefused =
      context.decision(name) === undefined ? permits(defaultOf(context.policy)) : context.mayRefuse(name);
    // The high half of ipc's number is a version.
    if (!isRefused || !context.mayPermit(call, `call & 0xffff == ${number}`)) continue;
    through.set(call, [...(through.get(call) ?? []), name]);
  }
  return [...through].map(([call, names]) => ({
    calls: [...names, call],
    message: `On ${context.abi.name} ${call} does what is refused of ${names.join(', ')}; no filter can see its arguments.`,
  }));
}

/** Whether a statement speaks of the call, so that it is not refused for another reason. */
function isNamed({ policy }: Context, call: string): boolean {
  return policy.statements.some((statement) =>
    statement.calls.some(
      ({ target }) =>
        (target.kind === 'name' && target.name === call) ||
        (target.kind === 'group' &&
          group(target.name) !== undefined &&
          (groupMembers(target.name) ?? []).includes(call)),
    ),
  );
}
