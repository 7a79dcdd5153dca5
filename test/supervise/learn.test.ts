// Recordings become policies that permit what was seen and say no more than was seen often enough; they add up.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SandboxError } from '../../lib/errors.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNames, syscallNumber } from '../../lib/linux/syscalls.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { learnPolicy } from '../../lib/supervise/learn.ts';
import {
  newUses,
  parseRecordings,
  printRecording,
  type RecordedCall,
  type Recording,
} from '../../lib/supervise/recording.ts';
import { shapeOf } from '../../lib/supervise/shape.ts';

const abi = abis.x86_64;

const row = (
  call: string,
  args: readonly (bigint | undefined)[],
  more: Partial<RecordedCall> = {},
): RecordedCall => ({
  abi: 'x86_64',
  call,
  program: '/usr/bin/app',
  phase: 'main',
  count: 5,
  args,
  ...more,
});
const recording = (...calls: RecordedCall[]): Recording => ({
  command: ['app'],
  engine: 'trace',
  reliable: true,
  kernel: '6.1.0',
  granted: [],
  calls,
});
const learn = (...calls: RecordedCall[]) => learnPolicy([recording(...calls)], { namesOnly: false });
const says = (policy: Policy, call: string, ...args: bigint[]) =>
  evaluate(policy, abi, {
    nr: syscallNumber(abi, call)!,
    args: Array.from({ length: 6 }, (_, index) => args[index] ?? 0n),
  }).kind;

describe('arguments by their type', () => {
  test('a command is a set of values, even if it was seen once', () => {
    const { policy } = learn(row('ioctl', [undefined, 0x5401n], { count: 1 }));
    expect(says(policy, 'ioctl', 1n, 0x5401n)).toBe('allow');
    // TIOCSTI.
    expect(says(policy, 'ioctl', 1n, 0x5412n)).toBe('kill');
  });

  test('flags are the bits that were seen', () => {
    const { policy } = learn(
      row('madvise', [undefined, undefined, 4n]),
      row('openat', [undefined, undefined, 0o2000000n]),
    );
    expect(says(policy, 'openat', 0n, 0n, 0o2000000n)).toBe('allow');
    expect(says(policy, 'openat', 0n, 0n, 0n)).toBe('allow');
    // O_WRONLY, O_CREAT.
    expect(says(policy, 'openat', 0n, 0n, 1n)).toBe('kill');
    expect(says(policy, 'openat', 0n, 0n, 0o100n)).toBe('kill');
  });

  test('the type of a socket is a number among flags: two types make no third', () => {
    const { policy } = learn(row('socket', [2n, 1n, 0n]), row('socket', [2n, 2n | 0o2000000n, 0n]));
    expect(says(policy, 'socket', 2n, 1n)).toBe('allow');
    expect(says(policy, 'socket', 2n, 2n)).toBe('allow');
    // SOCK_RAW is 3, which is 1 | 2.
    expect(says(policy, 'socket', 2n, 3n)).toBe('kill');
    expect(says(policy, 'socket', 16n, 1n)).toBe('kill');
  });

  test('standard descriptors only where only those occur', () => {
    const only = learn(row('fsync', [1n]), row('fsync', [2n])).policy;
    expect([says(only, 'fsync', 1n), says(only, 'fsync', 3n)]).toEqual(['allow', 'kill']);
    const others = learn(row('fsync', [1n]), row('fsync', [3n])).policy;
    expect(says(others, 'fsync', 77n)).toBe('allow');
  });

  test('memory: whether any was executable, and writable at once', () => {
    const never = learn(row('mprotect', [undefined, undefined, 3n], { count: 1 })).policy;
    expect([1n, 4n, 6n].map((prot) => says(never, 'mprotect', 0n, 0n, prot))).toEqual([
      'allow',
      'kill',
      'kill',
    ]);
    const some = learn(row('mprotect', [undefined, undefined, 5n])).policy;
    expect([1n, 5n, 6n].map((prot) => says(some, 'mprotect', 0n, 0n, prot))).toEqual([
      'allow',
      'allow',
      'kill',
    ]);
    const both = learn(row('mprotect', [undefined, undefined, 7n])).policy;
    expect(says(both, 'mprotect', 0n, 0n, 6n)).toBe('allow');
  });

  test('what was seen too seldom stays open, and it is said', () => {
    const { policy, text, doubts } = learn(row('openat', [undefined, undefined, 0n], { count: 2 }));
    expect(says(policy, 'openat', 0n, 0n, 1n)).toBe('allow');
    expect(text).toMatch(/allow openat .*seldom/);
    expect(doubts.join()).toContain('openat');
  });

  test('plain names', () => {
    const { policy } = learnPolicy([recording(row('ioctl', [undefined, 0x5401n]))], { namesOnly: true });
    expect(says(policy, 'ioctl', 1n, 0x5412n)).toBe('allow');
  });
});

test('siblings come along, with the same condition where they have the same arguments', () => {
  const { policy } = learn(row('openat', [undefined, undefined, 0n]));
  expect(says(policy, 'open', 0n, 0n)).toBe('allow');
  expect(says(policy, 'open', 0n, 1n)).toBe('kill');
  expect(says(learn(row('vfork', [])).policy, 'clone', 17n)).toBe('allow');
  // CLONE_NEWUSER.
  expect(says(learn(row('vfork', [])).policy, 'clone', 0x10000000n)).toBe('kill');
});

test('it can end, and abort', () => {
  const { policy } = learn(row('getcwd', []));
  for (const call of ['exit_group', 'exit', 'rt_sigreturn', 'restart_syscall', 'rt_sigprocmask', 'gettid'])
    expect(says(policy, call)).toBe('allow');
  expect(says(policy, 'tgkill', 1n, 1n, 6n)).toBe('allow');
  expect(says(policy, 'tgkill', 1n, 1n, 9n)).toBe('kill');
  // Its library falls back where a new call is missing.
  expect(
    evaluate(policy, abi, { nr: syscallNumber(abi, 'clone3')!, args: [0n, 0n, 0n, 0n, 0n, 0n] }),
  ).toEqual({ kind: 'errno', errno: 'ENOSYS' });
});

test('names of programs are comments and nothing else', () => {
  const { text } = learn(row('getcwd', [], { program: '/x\nallow ptrace' }));
  expect(
    parsePolicy(text, { file: 'x' }).statements.some((one) => JSON.stringify(one.calls).includes('ptrace')),
  ).toBe(false);
});

describe('adding to a policy', () => {
  const first = learn(row('getcwd', []));

  test('keeps its text, and adds what it lacks', () => {
    const base = `# by hand\n${first.text}`;
    const onto = { policy: parsePolicy(base, { file: 'x' }), text: base };
    const more = learnPolicy([recording(row('getcwd', []), row('sync', []))], { namesOnly: false, onto });
    expect(more.text.startsWith(base.trimEnd())).toBe(true);
    expect(more.text.match(/allow getcwd/g)).toHaveLength(1);
    expect(says(more.policy, 'sync')).toBe('allow');
  });

  test('changes nothing where it suffices', () => {
    const onto = { policy: first.policy, text: first.text };
    expect(learnPolicy([recording(row('getcwd', []))], { namesOnly: false, onto }).text).toBe(first.text);
  });
});

// Any rows that a recorder could write.
const anyRow = fc
  .tuple(
    fc.constantFrom(...syscallNames(abi)),
    fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 6, maxLength: 6 }),
    fc.nat(9),
    fc.constantFrom('start', 'main', 'entry', 'unknown'),
  )
  .map(([call, values, count, phase]) =>
    row(
      call,
      shapeOf(call, abi).map((shape, index) =>
        shape === 'nothing'
          ? undefined
          : shape === 'descriptor'
            ? values[index]! % 4n
            : values[index]! % (index % 2 === 0 ? 16n : 1n << 32n),
      ),
      { count: count + 1, phase: phase as RecordedCall['phase'] },
    ),
  );
const anyRecording = fc.array(anyRow, { maxLength: 30 }).map((rows) => recording(...rows));

test('whatever is seen is permitted', () => {
  fc.assert(
    fc.property(anyRecording, fc.boolean(), (one, namesOnly) => {
      // It throws by itself if a seen call is not permitted; this asks again, without its help.
      const { policy } = learnPolicy([one], { namesOnly });
      for (const seen of one.calls)
        expect(says(policy, seen.call, ...seen.args.map((value) => value ?? 0n))).toBe('allow');
    }),
    { numRuns: 150 },
  );
});

describe('files', () => {
  test('printing and reading are inverse', () => {
    fc.assert(
      fc.property(anyRecording, (one) => {
        expect(parseRecordings(printRecording(one), 'x')).toEqual([one]);
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    '',
    'x',
    '{}',
    '{"recording":2}',
    '{"abi":"x86_64","call":"read","count":1,"args":[]}',
    '{"recording":1}\n{"abi":"x86_64","call":"read\\nallow ptrace","count":1,"args":[]}',
    '{"recording":1}\n{"abi":"z80","call":"read","count":1,"args":[]}',
    '{"recording":1}\n{"abi":"x86_64","call":"read","count":1,"args":["0xfffffffffffffffff"]}',
    '{"recording":1}\nnull',
  ])('%s is refused with its line', (text) => {
    expect(() => parseRecordings(text, 'file')).toThrow(SandboxError);
  });

  test('a thousand recordings of 200 calls merge in two seconds', () => {
    const names = syscallNames(abi).slice(0, 200);
    const texts = Array.from({ length: 1000 }, (_, run) =>
      printRecording(
        recording(
          ...names.map((name) =>
            row(
              name,
              shapeOf(name, abi).map((shape) => (shape === 'nothing' ? undefined : BigInt(run % 3))),
            ),
          ),
        ),
      ),
    );
    const start = process.cpuUsage();
    const { policy } = learnPolicy(
      texts.flatMap((text) => parseRecordings(text, 'x')),
      { namesOnly: false },
    );
    const { user, system } = process.cpuUsage(start);
    expect(policy.statements.length).toBeGreaterThan(190);
    expect((user + system) / 1e6).toBeLessThan(2);
  });
});

test('stability: what each run added', () => {
  const runs = [
    recording(row('getcwd', [])),
    recording(row('getcwd', []), row('sync', [])),
    recording(row('sync', [])),
  ];
  expect(newUses(runs).map((news) => news.map((one) => one.call))).toEqual([['getcwd'], ['sync'], []]);
});

test('a program of two ABIs: conditions that both can say', () => {
  const both = learn(
    row('mmap', [undefined, undefined, 5n, 2n, undefined, undefined]),
    row('mkdir', [], { abi: 'i386' }),
    row('openat', [undefined, undefined, 0n]),
  );
  expect(both.policy.abis).toEqual(['x86_64', 'i386']);
  // i386's mmap has a pointer for its only argument, and a policy that spoke of `prot` could not be compiled for it.
  for (const one of [abis.x86_64, abis.i386])
    for (const call of ['mmap', 'openat', 'mkdir'])
      expect(
        evaluate(both.policy, one, { nr: syscallNumber(one, call)!, args: [0n, 0n, 0n, 0n, 0n, 0n] }).kind,
      ).toBe('allow');
  expect(says(both.policy, 'openat', 0n, 0n, 1n)).toBe('kill');
});

test('siblings without the argument come without the condition', () => {
  const { text } = learn(row('newfstatat', [undefined, undefined, undefined, 0x1000n]));
  expect(text).toMatch(/\bstat64\b(?!\()/);
  expect(text).toContain('fstatat64(flag');
});
