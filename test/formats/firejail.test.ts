import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import { firejail } from '../../lib/formats/firejail.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'dir/app.profile', abi: abis.x86_64 };
const read = (text: string, more: Partial<ReadOptions> = {}) => firejail.read!(text, { ...options, ...more });
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const answers = (text: string, ...calls: (string | [string, ...bigint[]])[]) => {
  const { policy } = read(text);
  return calls.map((one) =>
    typeof one === 'string' ? ask(policy, nr(one)) : ask(policy, nr(one[0]), one.slice(1) as bigint[]),
  );
};
const profile = `# Firejail profile for an editor
quiet
include globals.local
noblacklist \${HOME}/.config/editor
caps.drop all
netfilter
nonewprivs
protocol unix,inet,inet6
seccomp !chroot,reboot:EACCES
memory-deny-write-execute
`;

test('the seccomp lines of a whole profile', () => {
  expect(firejail.detect!(profile, 'x')).toBe(true);
  const files = { text: () => '', list: () => [] };
  const { policy, warnings } = read(profile, { files });
  const got = ['chroot', 'mount', 'reboot', 'read'].map((name) => ask(policy, nr(name)));
  expect(got).toEqual(['allow', 'errno 1', 'errno 1', 'allow']);
  expect(ask(policy, nr('socket'), [16n])).toBe('errno 95');
  expect(ask(policy, nr('mprotect'), [0n, 0n, 4n])).toBe('errno 1');
  expect(warnings.join()).toContain('32-bit');
});

test('a list of its own, and a list of what is kept', () => {
  expect(answers('seccomp.drop ptrace,@mount:EACCES,$101', 'ptrace', 'mount', 'bpf')).toEqual([
    'errno 1',
    'errno 13',
    'allow',
  ]);
  expect(answers('seccomp.keep read,write\nseccomp-error-action kill', 'read', 'execve', 'close')).toEqual([
    'allow',
    'allow',
    'kill',
  ]);
});

test('namespaces', () => {
  expect(
    answers(
      'seccomp\nrestrict-namespaces user,net',
      ['unshare', 0x10000000n],
      ['unshare', 0x20000000n],
      'clone3',
    ),
  ).toEqual([...['errno 1', 'allow', 'errno 38']]);
});

test('what is ignored is ignored', () => {
  expect(answers('ignore seccomp\nseccomp\nprotocol unix', 'mount')).toEqual(['allow']);
});

test.each([
  'seccomp.drop nonsense',
  'seccomp.drop @nonsense',
  'seccomp.drop read:EWHAT',
  'protocol ipx',
  'seccomp-error-action stop',
  'seccomp.drop $x',
  'restrict-namespaces x',
])('%s is an error with its place', (text) => {
  try {
    read(`${text}\nseccomp`);
    expect.fail('accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).place?.line).toBe(1);
  }
});

test('a policy of ours with a mistake is no profile: that would permit all that it does not name', () => {
  for (const text of [
    'alow read,\n  seccomp\n',
    'read\nseccomp\n',
    'seccomp\nallow read\n',
    'alow seccomp\n',
  ]) {
    expect(`${text}: ${firejail.detect!(text, 'x')}`).toBe(`${text}: false`);
  }
  expect(firejail.detect!('?HAS_NET: ignore protocol\nseccomp\n', 'x')).toBe(true);
});
