// Docker's profiles: files/docker.json has the shape and the calls of moby's default one (September 2025), written anew.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { docker } from '../../lib/formats/docker.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { loadPolicy } from '../../lib/policy/language/load.ts';
import { ask, expectSame } from './meaning.ts';

const text = readFileSync(join(import.meta.dirname, 'files', 'docker.json'), 'utf8');
const options: ReadOptions = { file: 'docker.json', abi: abis.x86_64, kernel: '6.1' };
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const read = (more: Partial<ReadOptions> = {}) => docker.read!(text, { ...options, ...more }).policy;

test('a profile is told from a plain OCI object', () => {
  expect(docker.detect!(text, 'x')).toBe(true);
  expect(docker.detect!('{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}', 'x')).toBe(false);
  expect(docker.detect!('allow read', 'x')).toBe(false);
});

test('capabilities decide which rules count', () => {
  const plain = read();
  expect(ask(plain, nr('mount'))).toBe('errno 1');
  expect(ask(plain, nr('chroot'))).toBe('allow');
  expect(ask(plain, nr('clone3'))).toBe('errno 38');
  expect(ask(plain, nr('clone'), [0x10000000n])).toBe('errno 1');
  expect(ask(plain, nr('clone'), [0x3d0f00n])).toBe('allow');
  const admin = read({ capabilities: ['CAP_SYS_ADMIN'] });
  expect(ask(admin, nr('mount'))).toBe('allow');
  expect(ask(admin, nr('chroot'))).toBe('errno 1');
  expect(ask(admin, nr('clone3'))).toBe('allow');
  expect(ask(admin, nr('clone'), [0x10000000n])).toBe('allow');
});

test('the kernel and the architecture decide, too', () => {
  expect(ask(read(), nr('ptrace'))).toBe('allow');
  expect(ask(read({ kernel: '4.7.1' }), nr('ptrace'))).toBe('errno 1');
  expect(ask(read(), nr('arch_prctl'))).toBe('allow');
  const arm = read({ abi: abis.aarch64 });
  expect(arm.abis).toEqual(['aarch64', 'arm']);
  expect(read().abis).toEqual(['x86_64', 'i386', 'x32']);
});

test('a comparison means the argument, not the register', () => {
  const garbage = 0xdeadbeef00000028n;
  expect(ask(read(), nr('socket'), [garbage])).toBe('errno 1');
  expect(ask(read({ exact: true }), nr('socket'), [garbage])).toBe('allow');
});

test('written and read again it means the same', () => {
  const policy = read();
  const { text: written, lost } = docker.write!(policy, { name: 'x', abis: [abis.x86_64] });
  expect(lost).toEqual([]);
  expect(docker.detect!(String(written), 'x')).toBe(true);
  expectSame(policy, docker.read!(String(written), options).policy, { served: ['x86_64', 'i386', 'x32'] });
});

test('it permits what our own version of the profile permits', () => {
  const own = loadPolicy(join(import.meta.dirname, '..', '..', 'bench', 'policies', 'b-docker.policy'));
  for (const name of [
    'read',
    'openat',
    'io_uring_setup',
    'mount',
    'keyctl',
    'bpf',
    'clone3',
    'execve',
    'mseal',
  ]) {
    expect(`${name} ${ask(read(), nr(name))}`).toBe(`${name} ${ask(own, nr(name))}`);
  }
});

test('the whole profile is read and written within 100 ms once warm', () => {
  const once = () => docker.write!(read(), { name: 'x', abis: [abis.x86_64] });
  for (let round = 0; round < 3; round++) once();
  const start = process.cpuUsage();
  once();
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(100);
});

test.each([
  ['{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [', 'not JSON'],
  ['{"defaultAction": "SCMP_ACT_NONE", "archMap": []}', 'SCMP_ACT_NONE'],
  ['{"archMap": [], "syscalls": []}', 'defaultAction is missing'],
  [
    '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"name":"write","action":"SCMP_ACT_ALLOW"}]}',
    'both name and names',
  ],
  [
    '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"new"}}]}',
    'not a kernel version',
  ],
  ['{"defaultAction":"SCMP_ACT_ALLOW","defaultErrno":"EPERM","syscalls":[{}]}', 'action is missing'],
])('a bad profile is one clear error: %s', (bad, message) => {
  expect(() => docker.read!(bad, options)).toThrow(message);
});
