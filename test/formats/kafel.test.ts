// The examples are the documented ones of kafel's README and samples, rewritten.

import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { kafel } from '../../lib/formats/kafel.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'x.policy', abi: abis.x86_64 };
const read = (text: string, more: Partial<ReadOptions> = {}) =>
  kafel.read!(text, { ...options, ...more }).policy;
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;

test('the policy that the README gives for a shell', () => {
  const policy = read(
    'POLICY a { ALLOW { write, execve, brk, newfstat, read, newstat, newuname, exit_group } } USE a DEFAULT KILL',
  );
  expect(['write', 'fstat', 'stat', 'uname', 'ptrace'].map((name) => ask(policy, nr(name)))).toEqual([
    ...['allow', 'allow', 'allow', 'allow', 'kill-thread'],
  ]);
});

test('the first rule that matches decides, whatever is stricter', () => {
  const policy = read(`
    // A looser rule before a stricter one, and an errno before another.
    ALLOW { write { fd == 1 } },
    KILL_PROCESS { write { fd == 1 || fd == 2 } }
    ERRNO(5) { close { fd < 3 } }
    ERRNO(7) { close }
    DEFAULT ALLOW`);
  expect([1n, 2n, 3n].map((fd) => ask(policy, nr('write'), [fd]))).toEqual(['allow', 'kill', 'allow']);
  expect([2n, 3n].map((fd) => ask(policy, nr('close'), [fd]))).toEqual(['errno 5', 'errno 7']);
});

test('arguments have the names that the rule declares, or the kernel has', () => {
  const policy = read(`#define MINE 42
    POLICY p { ALLOW { write(a, b, size) { a == MINE && size != 7 }, mmap { (prot & PROT_EXEC) == 0 },
      open { flags == O_RDONLY|O_CLOEXEC }, SYSCALL[350] } }
    USE p`);
  expect(ask(policy, nr('write'), [42n, 0n, 8n])).toBe('allow');
  expect(ask(policy, nr('write'), [42n, 0n, 7n])).toBe('kill-thread');
  expect(ask(policy, nr('mmap'), [0n, 0n, 3n])).toBe('allow');
  expect(ask(policy, nr('mmap'), [0n, 0n, 4n])).toBe('kill-thread');
  expect(ask(policy, nr('open'), [0n, 0x80000n])).toBe('allow');
  expect(ask(policy, 350)).toBe('allow');
});

test('a guard names architectures', () => {
  const text = 'ALLOW { read ON x86_64, write ON { arm, x86 } } DEFAULT KILL';
  expect([0, 1].map((one) => ask(read(text), one))).toEqual(['allow', 'kill-thread']);
});

test('nsjail configurations hold it in strings', () => {
  const text =
    'name: "jail"\nseccomp_string: "ERRNO(1) { ptrace }"\nseccomp_string: "DEFAULT ALLOW"\ntime_limit: 9\n';
  expect(kafel.detect!(text, 'x')).toBe(true);
  expect([nr('ptrace'), 0].map((one) => ask(read(text), one))).toEqual(['errno 1', 'allow']);
});

test('a policy is pasted where it is used; files are included', () => {
  const files = { text: () => 'POLICY base { ALLOW { read } }', list: () => [] };
  const policy = read(
    '#include "base.policy"\nPOLICY p { USE base, ALLOW { write } }\nUSE p DEFAULT ERRNO(1)',
    { files },
  );
  expect([0, 1, 2].map((one) => ask(policy, one))).toEqual(['allow', 'allow', 'errno 1']);
});

test('a 32-bit argument is compared as one', () => {
  const text = 'KILL { ioctl { cmd == 0x5412 } } DEFAULT ALLOW';
  expect(ask(read(text), nr('ioctl'), [0n, 0x100005412n])).toBe('kill-thread');
  expect(ask(read(text, { exact: true }), nr('ioctl'), [0n, 0x100005412n])).toBe('kill-thread');
});

test.each([
  'POLICY a { ALLOW { frobnicate } }',
  'POLICY a { ALLOW { read ',
  'USE nothing DEFAULT KILL',
  'ALLOW { write { nonsense == 1 } }',
  'ALLOW { write { fd == count } }',
  'ERRNO(70000) { read }',
  'ALLOW { read } DEFAULT ALLOW DEFAULT KILL',
  'ALLOW { write { fd == 18446744073709551616 } }',
  `ALLOW { write { ${'('.repeat(10_000)} } }`,
  '/* not closed ALLOW { read }',
  '#define A',
])('%s is an error with its place', (text) => {
  try {
    read(text);
    expect.fail('accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).place?.line).toBe(1);
  }
});
