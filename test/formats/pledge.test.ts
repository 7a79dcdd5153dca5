import { expect, test } from 'vitest';
import { pledge } from '../../lib/formats/pledge.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from './meaning.ts';

const read = (text: string) => pledge.read!(text, { file: 'x', abi: abis.x86_64 }).policy;
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const every =
  'stdio rpath wpath cpath dpath tmppath fattr chown flock inet unix dns mcast recvfd sendfd tty proc exec prot_exec id getpw ps vminfo settime unveil error';

test('every promise is read', () => {
  for (const word of every.split(' ')) expect(() => read(word)).not.toThrow();
  expect(pledge.detect!(every, 'x')).toBe(true);
  expect(pledge.detect!('allow read', 'x')).toBe(false);
});

test('a promise permits what it is about, and no more', () => {
  const stdio = read('stdio');
  expect(['read', 'openat', 'execve', 'ptrace'].map((name) => ask(stdio, nr(name)))).toEqual([
    'allow',
    'kill',
    'kill',
    'kill',
  ]);
  expect(ask(stdio, nr('mmap'), [0n, 4096n, 3n])).toBe('allow');
  expect(ask(stdio, nr('mmap'), [0n, 4096n, 7n])).toBe('kill');
  expect(ask(stdio, nr('socket'), [2n])).toBe('kill');
  const rpath = read('stdio rpath');
  expect(ask(rpath, nr('openat'), [-100n, 1n, 0n])).toBe('allow');
  expect(ask(rpath, nr('openat'), [-100n, 1n, 1n])).toBe('kill');
  expect(ask(rpath, nr('openat'), [-100n, 1n, 0x40n])).toBe('kill');
  expect(ask(read('stdio inet'), nr('socket'), [2n])).toBe('allow');
  expect(ask(read('stdio inet'), nr('socket'), [16n])).toBe('kill');
  expect(ask(read('stdio tty'), nr('ioctl'), [0n, 0x5412n])).toBe('kill');
  expect(ask(read('stdio proc'), nr('clone'), [0x10000011n])).toBe('kill');
});

test('as C has it, with comments, and with error instead of death', () => {
  expect(ask(read('pledge("stdio exec", NULL);'), nr('execve'))).toBe('allow');
  expect(ask(read('# what it needs\nstdio\nerror'), nr('execve'))).toBe('errno 38');
});

test('an unknown promise is an error with the nearest one', () => {
  expect(() => read('stdio rpaht')).toThrow('rpaht');
  expect(() => read('# nothing')).toThrow('no promise');
});
