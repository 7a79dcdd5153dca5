// The rule that tells inherited descriptors from Node's own, on tables written by hand; real ones are in
// test/kernel/descriptors.test.ts.

import { describe, expect, test } from 'vitest';
import { type Descriptor, inherited } from '../../lib/launch/descriptors.ts';

const CLOEXEC = 0o2000000;
const NONBLOCK = 0o4000;

let pipes = 0;
const one = (fd: number, target: string, flags = CLOEXEC): Descriptor => ({ fd, target, flags });
const pipe = (read: number, write: number, more = 0, name = `pipe:[${pipes++}]`): Descriptor[] => [
  one(read, name, CLOEXEC | more),
  one(write, name, CLOEXEC | more | 1),
];
const poll = (fd: number) => one(fd, 'anon_inode:[eventpoll]');
const event = (fd: number) => one(fd, 'anon_inode:[eventfd]', CLOEXEC | NONBLOCK | 2);
const standard = [0, 1, 2].map((fd) => one(fd, '/dev/pts/0', CLOEXEC));

/** What Node 20 opens, in this order, into the numbers that are free. */
function node(...taken: readonly Descriptor[]): Descriptor[] {
  const used = new Set([...standard, ...taken].map(({ fd }) => fd));
  let next = 3;
  const free = () => {
    while (used.has(next)) next++;
    return next++;
  };
  const loop = () => [poll(free()), ...pipe(free(), free(), NONBLOCK), event(free())];
  const first = [poll(free()), ...pipe(free(), free()), ...pipe(free(), free(), NONBLOCK), event(free())];
  return [...standard, ...taken, ...first, ...loop(), ...loop()].sort((a, b) => a.fd - b.fd);
}

const none = () => [];

describe('inherited descriptors', () => {
  test('none but the standard ones', () => {
    expect(inherited(node(), none)).toEqual([0, 1, 2]);
  });

  test('any kind below Node’s first', () => {
    const jobserver = pipe(3, 4);
    expect(inherited(node(...jobserver, poll(5), event(6)), none)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('without close-on-exec: certainly inherited, of any kind and anywhere', () => {
    const open = [...pipe(40, 41), poll(42), event(43)].map((each) => ({
      ...each,
      flags: each.flags & ~CLOEXEC,
    }));
    expect(inherited(node(...open), none)).toEqual([0, 1, 2, 40, 41, 42, 43]);
  });

  test('behind a gap: files, sockets, devices and single ends', () => {
    const taken = [one(5, '/tmp/lock'), one(8, 'socket:[7]'), one(11, '/dev/null'), one(13, 'pipe:[999]')];
    expect(inherited(node(...taken), none)).toEqual([0, 1, 2, 5, 8, 11, 13]);
  });

  test('behind a gap: a blocking pair, which Node has only once', () => {
    expect(inherited(node(...pipe(8, 9)), none)).toEqual([0, 1, 2, 8, 9]);
    expect(inherited(node(one(5, '/tmp/lock'), ...pipe(7, 10)), none)).toEqual([0, 1, 2, 5, 7, 10]);
  });

  test('what looks just like Node’s, but the parent has it', () => {
    const pair = pipe(4, 5, 0, 'pipe:[77]');
    const table = node(...pair, event(9), poll(12));
    // In the parent the pipe may have other numbers and be close-on-exec; the rest must have the same number, and not be.
    const parent = [...pipe(20, 21, 0, 'pipe:[77]'), { ...event(9), flags: 0 }, { ...poll(12), flags: 0 }];
    expect(inherited(table, () => parent)).toEqual([0, 1, 2, 4, 5, 9, 12]);
  });

  test('a parent that is a Node itself lends nothing: its own are close-on-exec', () => {
    expect(inherited(node(), () => node())).toEqual([0, 1, 2]);
  });

  test('the parent is not asked where everything comes out even', () => {
    const asked = () => {
      throw new Error('asked');
    };
    expect(inherited([...standard, one(3, '/tmp/file')], asked)).toEqual([0, 1, 2, 3]);
    expect(inherited(node(...pipe(3, 4), one(8, '/tmp/file')), asked)).toEqual([0, 1, 2, 3, 4, 8]);
    expect(() => inherited(node(...pipe(8, 9)), asked)).toThrow('asked');
    expect(() => inherited(node(...pipe(8, 9, NONBLOCK)), asked)).toThrow('asked');
    expect(() => inherited(node(...pipe(4, 5, NONBLOCK)), asked)).toThrow('asked');
    expect(() => inherited(node(event(8)), asked)).toThrow('asked');
    expect(() => inherited(node(poll(8)), asked)).toThrow('asked');
  });
});
