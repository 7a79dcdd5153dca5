import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { minijail, minijailCompiler } from '../../lib/formats/minijail.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'x.policy', abi: abis.x86_64 };
const read = (text: string, more: Partial<ReadOptions> = {}) =>
  minijail.read!(text, { ...options, ...more }).policy;
const compile = (text: string, more: Partial<ReadOptions> = {}) =>
  minijailCompiler.read!(text, { ...options, ...more }).policy;
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;

test('the manual page’s examples', () => {
  const text = `# mode 1
read: 1
write: 1

exit: 1
open: arg1 == 32768 || arg1 == 0 || arg1 == O_NONBLOCK
mmap: arg2 in ~PROT_EXEC || arg2 in ~PROT_WRITE
socket: arg0 == AF_INET && arg1 == SOCK_STREAM; return EACCES
ptrace: return 1
`;
  expect(minijail.detect!(text, 'x')).toBe(true);
  const policy = read(text);
  expect([ask(policy, 0), ask(policy, 3)]).toEqual(['allow', 'kill']);
  expect([0n, 1n, 2048n].map((one) => ask(policy, nr('open'), [0n, one]))).toEqual([
    'allow',
    'kill',
    'allow',
  ]);
  expect([5n, 3n, 7n].map((one) => ask(policy, nr('mmap'), [0n, 0n, one]))).toEqual([
    'allow',
    'allow',
    'kill',
  ]);
  expect(ask(policy, nr('socket'), [2n, 1n])).toBe('allow');
  expect(ask(policy, nr('socket'), [2n, 2n])).toBe('errno 13');
  expect(ask(policy, nr('ptrace'))).toBe('errno 1');
});

test('the two readers disagree about an action behind an expression', () => {
  const text = 'close: arg0 == 1; return EPERM\n';
  expect([1n, 2n].map((fd) => ask(read(text), nr('close'), [fd]))).toEqual(['allow', 'errno 1']);
  expect([1n, 2n].map((fd) => ask(compile(text), nr('close'), [fd]))).toEqual(['errno 1', 'kill']);
});

test('the compiler’s own syntax', () => {
  const text = `@default trap
@frequency ./frequency
{read, write}: allow
kill: {arg1 == SIGTERM; allow, arg1 & ~0xff; return EINVAL, log}
fork[arch=arm]: allow
mmap[arch=x86_64,arm64]: \\
  {arg2 in ~PROT_EXEC; allow, kill-process}
`;
  expect(minijailCompiler.detect!(text, 'x')).toBe(true);
  expect(minijail.detect!(text, 'x')).toBe(false);
  const policy = compile(text);
  expect([0, 1, nr('fork')].map((one) => ask(policy, one))).toEqual(['allow', 'allow', 'trap']);
  expect([15n, 256n, 9n].map((one) => ask(policy, nr('kill'), [0n, one]))).toEqual([
    'allow',
    'errno 22',
    'log',
  ]);
  expect([3n, 4n].map((one) => ask(policy, nr('mmap'), [0n, 0n, one]))).toEqual(['allow', 'kill']);
});

test('a denylist permits what it does not name', () => {
  const policy = compile('@denylist\nptrace: return EPERM\nclone: arg0 & CLONE_NEWUSER; return EPERM\n');
  expect(ask(policy, 0)).toBe('allow');
  expect(ask(policy, nr('ptrace'))).toBe('errno 1');
  expect([0x10000000n, 0x11n].map((one) => ask(policy, nr('clone'), [one]))).toEqual(['errno 1', 'allow']);
});

test('files are included', () => {
  const files = {
    text: (path: string) => (path === 'dir/base.policy' ? 'read: 1\n' : 'write: 1\n'),
    list: () => [],
  };
  const policy = read('@include ./base.policy\nclose: 1\n', { file: 'dir/x.policy', files });
  expect([0, 1, 3].map((one) => ask(policy, one))).toEqual(['allow', 'kill', 'allow']);
  expect(() => read('@include ./x.policy\n', { file: 'x.policy', files })).toThrow('circle');
});

test('a negative constant means the argument', () => {
  const policy = read('openat: arg0 == AT_FDCWD\n');
  expect(ask(policy, nr('openat'), [-100n])).toBe('allow');
  expect(ask(policy, nr('openat'), [0xffffff9cn])).toBe('allow');
  expect(ask(read('openat: arg0 == AT_FDCWD\n', { exact: true }), nr('openat'), [0xffffff9cn])).toBe('kill');
});

test.each([
  'read 1',
  'frobnicate: 1',
  'read: 2',
  'read: arg6 == 1',
  'read: arg0 = 1',
  'read: arg0 == NO_SUCH',
  'read: arg0 == 1; return 5000',
  'read: {arg0 == 1',
  `read: arg0 == ${'('.repeat(5000)}`,
  '@nothing',
  'read: 1 1',
  'read: arg0 == 99999999999999999999999',
])('%s is an error with its place', (text) => {
  try {
    compile(`${text}\n`);
    expect.fail('accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).place?.line).toBe(1);
  }
});
