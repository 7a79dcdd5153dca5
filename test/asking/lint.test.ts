// Each rule on a policy that has its risk and on one that just has not.

import { expect, test } from 'vitest';
import { lint, lintRules } from '../../lib/asking/lint/lint.ts';
import { sarif } from '../../lib/asking/lint/sarif.ts';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';

const read = (text: string) => parsePolicy(text, { file: 'app.policy' });
const servedBy = (text: string) => read(text).abis?.map((name) => abis[name]) ?? [abis.x86_64];
const rulesIn = (text: string, served: readonly Abi[] = servedBy(text)) =>
  lint(read(text), served).map(({ rule }) => rule);

/** By rule: with the risk, and nearly the same without it. */
const cases: Readonly<Record<string, readonly (readonly [risky: string, safe: string])[]>> = {
  'width-bypass': [
    [
      'default allow\nerrno EPERM ioctl(cmd:64 == TIOCSTI)',
      'default allow\nerrno EPERM ioctl(cmd == TIOCSTI)',
    ],
    [
      'default allow\nkill socket(family:64 in {AF_PACKET, AF_ALG})',
      'default allow\nkill socket(family:32 in {AF_PACKET, AF_ALG})',
    ],
    ['default allow\nkill kill(sig:64 == 9)', 'default allow\nkill lseek(offset:64 == 9)'],
    // Stricter than needed is no way round.
    [
      'default allow\nkill ioctl(cmd:64 == 1)',
      'default kill\nallow ioctl(cmd:64 == 1), setpriority(niceval:64 in {0xffffffffffffffec..0xffffffffffffffff})',
    ],
  ],
  'foreign-abi-open': [
    ['default kill\nforeign allow\nallow read', 'default kill\nforeign errno ENOSYS\nallow read'],
  ],
  'tty-injection': [
    ['default kill\nallow ioctl', 'default kill\nallow ioctl(!(cmd in {TIOCSTI, TIOCLINUX}))'],
    ['default kill\nallow ioctl(cmd != TIOCSTI)', 'default kill\nallow ioctl(cmd in {TCGETS, FIONREAD})'],
  ],
  'io-uring-open': [['default kill\nallow io_uring_setup', 'default allow\nerrno ENOSYS @io-uring']],
  'other-processes': [
    ['default kill\nallow ptrace', 'default kill\nallow ptrace(request == PTRACE_TRACEME)'],
    ['default kill\nallow process_vm_writev', 'default allow\nkill @introspection'],
  ],
  'user-namespaces-open': [
    ['default kill\nallow clone', 'default kill\nallow clone(!(clone_flags & CLONE_NEWUSER))'],
    [
      'default kill\nallow unshare(unshare_flags & CLONE_NEWUSER)',
      'default kill\nallow unshare(unshare_flags == CLONE_NEWNET)',
    ],
    ['default kill\nallow clone3', 'default kill\nerrno ENOSYS clone3'],
  ],
  'code-and-exec': [
    ['default kill\nallow mprotect, execve', 'default kill\nallow mprotect(!(prot & PROT_EXEC)), execve'],
    [
      'default kill\nallow mmap, execveat',
      'default kill\nallow mmap(!(prot & PROT_EXEC && prot & PROT_WRITE)), execveat',
    ],
    ['default kill\nallow mprotect, execve', 'default kill\nallow mprotect'],
  ],
  'kernel-code-open': [['default kill\nallow bpf', 'default allow\nkill @kernel-code']],
  'probe-error': [
    ['default errno EPERM\nallow read', 'default errno EPERM\ndefault errno ENOSYS @probe\nallow read'],
    ['default kill\nerrno EACCES statx', 'default kill\nallow statx(dfd == AT_FDCWD)'],
  ],
  'newer-sibling-open': [
    ['default allow\nkill open, openat', 'default allow\nkill open, openat, openat2, creat'],
    ['default allow\nkill fchmodat', 'default kill\nallow fchmodat2'],
    [
      'default allow\nkill clone(clone_flags & CLONE_NEWUSER)',
      'default allow\nkill clone(clone_flags & CLONE_NEWUSER)\nerrno ENOSYS clone3',
    ],
  ],
  'nesting-closed': [['default kill\nallow execve', 'default kill\nallow execve, seccomp, prctl']],
  'dead-statement': [
    [
      'default kill\nerrno EPERM open\nallow open',
      'default kill\nerrno EPERM open(flags & O_CREAT)\nallow open',
    ],
    [
      'default kill\nallow read(fd < 10)\nallow read(fd < 5)',
      'default kill\nallow read(fd < 10)\nallow read(fd < 15)',
    ],
    ['default allow\nkill read(fd == 1 && fd == 2)', 'default allow\nkill read(fd == 1 && count == 2)'],
    ['default kill\nallow #450\nallow #450', 'default kill\nallow #450\nallow #451'],
  ],
  'multiplexer-open': [
    [
      'abi x86_64, i386\ndefault allow\nerrno EPERM socket(family == AF_VSOCK)',
      'abi x86_64, i386\ndefault allow\nerrno EPERM socket(family == AF_VSOCK)\nerrno ENOSYS socketcall',
    ],
    [
      'abi i386\ndefault kill\nallow socket(family == AF_UNIX), connect, socketcall',
      'abi i386\ndefault kill\nallow socket(family == AF_UNIX), connect, socketcall(call == 3)',
    ],
    [
      'abi i386\ndefault allow\nkill shmat, semop',
      'abi i386\ndefault allow\nkill shmat, semop, ipc(call & 0xffff == 1 || call & 0xffff == 21)',
    ],
    // accept is there through socketcall alone.
    ['abi i386\ndefault allow\nkill accept', 'abi x86_64\ndefault allow\nkill accept'],
    [
      'abi i386\ndefault allow\nkill @network-io except socketcall',
      'abi i386\ndefault allow\nkill @network-io',
    ],
  ],
  'exception-for-one': [
    [
      'default kill\nallow @system-service except @privileged, @resources, socket',
      'default kill\nallow @system-service except {@privileged, @resources, socket}',
    ],
    [
      'default kill\nallow @file-system except open, openat',
      'default kill\nallow @file-system except open, socket',
    ],
  ],
  'pointer-comparison': [
    ['default kill\nallow write(buf:64 == 4096)', 'default kill\nallow write(buf != NULL)'],
    [
      'default kill\nallow read(!(count > 1 && arg1:64 & 7))',
      'default kill\nallow read(!(count > 1 && arg0:64 & 7))',
    ],
  ],
};

const list = Object.entries(cases).flatMap(([rule, pairs]) => pairs.map((pair) => [rule, ...pair] as const));

test.each(list)('%s: found in %j', (rule, risky) => {
  expect(rulesIn(risky)).toContain(rule);
});

test.each(list)('%s: not found in the safe form of %j', (rule, _, safe) => {
  expect(rulesIn(safe)).not.toContain(rule);
});

test('every rule has cases, an own id, a sentence and a fix', () => {
  const untested = lintRules.map(({ id }) => id).filter((id) => cases[id] === undefined);
  // Our own language has no unknown names; see below.
  expect(untested).toEqual(['unknown-name']);
  expect(new Set(lintRules.map(({ id }) => id)).size).toBe(lintRules.length);
  for (const { sentence, fix } of lintRules) {
    expect(sentence).toMatch(/^[A-Za-z].*\.$/);
    expect(fix).toMatch(/^[a-z].*[^.]$/);
  }
});

test('what a reader of another format said of names', () => {
  const found = lint(
    read('default kill\nallow read'),
    [abis.x86_64],
    ['unknown calls are left out: raed', 'something else'],
  );
  expect(found.filter(({ rule }) => rule === 'unknown-name')).toMatchObject([
    { message: 'unknown calls are left out: raed' },
  ]);
});

test('a good policy has no findings, on any machine', () => {
  const policy =
    'default kill\ndefault errno ENOSYS @probe\nallow read, write, exit_group, mprotect(!(prot & PROT_EXEC))';
  expect(rulesIn(policy)).toEqual([]);
  expect(rulesIn(policy, [abis.aarch64, abis.arm])).toEqual([]);
  expect(rulesIn(policy, [abis.s390x])).toEqual([]);
});

test('a call that only one ABI has keeps its statement alive', () => {
  expect(
    rulesIn('default kill\nabi x86_64, i386\nallow mmap2\nallow mmap', [abis.x86_64, abis.i386]),
  ).not.toContain('dead-statement');
});

test('a finding has the place of its statement', () => {
  const [found] = lint(read('default kill\n\nkill open\nallow open'), [abis.x86_64]);
  expect(found).toMatchObject({
    rule: 'dead-statement',
    calls: ['open'],
    origin: { place: { file: 'app.policy', line: 4 } },
  });
});

test('SARIF: version, rules, results with places', () => {
  const findings = lint(read('default kill\nkill open\nallow open, ioctl'), [abis.x86_64]);
  expect(sarif(findings, 'app.policy', '1.2.3')).toMatchObject({
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'sandbox-run', version: '1.2.3', rules: lintRules.map(({ id }) => ({ id })) },
        },
        results: findings.map(({ rule, level }) => ({
          ruleId: rule,
          ruleIndex: lintRules.findIndex(({ id }) => id === rule),
          level,
          locations: [{ physicalLocation: { artifactLocation: { uri: 'app.policy' } } }],
        })),
      },
    ],
  });
});
