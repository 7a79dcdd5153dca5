// The algebra of policies against the meaning of policies: what an operation promises is asked call by call.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { actionText, permits, stricter } from '../../lib/policy/action.ts';
import { intersect } from '../../lib/policy/algebra/intersect.ts';
import { merge } from '../../lib/policy/algebra/merge.ts';
import { permissive } from '../../lib/policy/algebra/permissive.ts';
import { subtract } from '../../lib/policy/algebra/subtract.ts';
import { type CallData, evaluate } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { foreignOf, type Policy } from '../../lib/policy/model.ts';
import { callData, policies, someAbis } from './arbitraries.ts';

const shape = { numbers: false, decorated: false };
const withNumbers = { numbers: true, decorated: false };
const parse = (text: string): Policy => parsePolicy(text, { file: 'test' });
const answer = (policy: Policy, abi: Abi, call: CallData) => actionText(evaluate(policy, abi, call));

/** Two policies, an ABI, and calls through it. */
function situations(which: typeof shape) {
  return fc
    .constantFrom(...someAbis)
    .chain((abi) =>
      fc.tuple(
        fc.constant(abi),
        policies(which),
        policies(which),
        fc.array(callData(abi), { minLength: 12, maxLength: 12 }),
      ),
    );
}

describe('intersect', () => {
  const holdsFor = (a: Policy, b: Policy, both: Policy, abi: Abi, calls: readonly CallData[]) => {
    for (const call of calls) {
      const expected = actionText(stricter(evaluate(a, abi, call), evaluate(b, abi, call)));
      expect(answer(both, abi, call), `${abi.name} ${call.nr} ${call.args}`).toBe(expected);
    }
  };

  test('gives the stricter answer to every call, on whatever ABI', () => {
    fc.assert(
      fc.property(situations(shape), ([abi, a, b, calls]) => holdsFor(a, b, intersect(a, b), abi, calls)),
      { numRuns: 500 },
    );
  });

  test('gives the stricter answer to calls by number on one ABI', () => {
    fc.assert(
      fc.property(situations(withNumbers), ([abi, a, b, calls]) =>
        holdsFor(a, b, intersect(a, b, { abis: [abi.name] }), abi, calls),
      ),
      { numRuns: 500 },
    );
  });

  test('can be written down and read again', () => {
    fc.assert(
      fc.property(situations(shape), ([abi, a, b, calls]) =>
        holdsFor(a, b, parse(printPolicy(intersect(a, b))), abi, calls),
      ),
      { numRuns: 200 },
    );
  });

  test('answers foreign calls with the stricter of both', () => {
    const both = intersect(parse('foreign errno EPERM'), parse('foreign allow'));
    expect(actionText(foreignOf(both))).toBe('errno EPERM');
  });

  test('serves the ABIs that both serve, where the others are killed', () => {
    const wide = parse('abi x86_64, i386\nallow read');
    expect(intersect(wide, parse('abi x86_64\nallow read')).abis).toEqual(['x86_64']);
    expect(() => intersect(wide, parse('abi x86_64\nforeign allow'))).toThrow('serve different ABIs');
    expect(() => intersect(wide, parse('abi aarch64'))).toThrow('no ABI in common');
  });

  test('reads well', () => {
    const both = intersect(
      parse('default kill\nallow read, write, ioctl(cmd in {1, 2})'),
      parse('default errno EPERM\nallow read, ioctl, openat\nerrno ENOSYS clone3'),
    );
    expect(printPolicy(both)).toBe(`default kill

allow read
allow ioctl(cmd in {1, 2})

errno EPERM write
`);
  });

  test('is no slower for many statements on one call', () => {
    const line = (value: number) => `allow ioctl(cmd == ${value} || arg2 == ${value} && fd == 1)\n`;
    const many = parse(Array.from({ length: 20_000 }, (_, index) => line(index)).join(''));
    const start = process.cpuUsage();
    expect(intersect(many, many).statements).toHaveLength(1);
    expect(subtract(many, many).statements).toHaveLength(0);
    const used = process.cpuUsage(start);
    expect(used.user + used.system).toBeLessThan(4_000_000);
    const alternating = parse(
      Array.from({ length: 2000 }, (_, index) => `errno ${index} ioctl(cmd == ${index})\n`).join(''),
    );
    const alsoLoose = parse(`default kill\n${Array.from({ length: 2000 }, (_, i) => line(i)).join('')}`);
    expect(() => intersect(alternating, alsoLoose)).toThrow('too many rules');
  });

  test('refuses a number that is several calls, and says what to do', () => {
    const numbered = parse('allow #16');
    expect(() => intersect(numbered, parse('allow read'))).toThrow('#16 is not the same call');
    expect(intersect(numbered, parse('allow ioctl'), { abis: ['x86_64'] }).statements).toMatchObject([
      { action: { kind: 'allow' }, calls: [{ target: { kind: 'name', name: 'ioctl' } }] },
    ]);
  });
});

describe('subtract', () => {
  const holdsFor = (a: Policy, b: Policy, rest: Policy, abi: Abi, calls: readonly CallData[]) => {
    for (const call of calls) {
      const [inA, inB] = [evaluate(a, abi, call), evaluate(b, abi, call)];
      const got = evaluate(rest, abi, call);
      if (permits(inA) && !permits(inB)) expect(actionText(got)).toBe(actionText(inA));
      else expect(permits(got), `${abi.name} ${call.nr} ${call.args}`).toBe(false);
    }
  };

  test('permits what the first permits and the second does not', () => {
    fc.assert(
      fc.property(situations(shape), ([abi, a, b, calls]) => holdsFor(a, b, subtract(a, b), abi, calls)),
      { numRuns: 500 },
    );
  });

  test('also for calls by number on one ABI', () => {
    fc.assert(
      fc.property(situations(withNumbers), ([abi, a, b, calls]) =>
        holdsFor(a, b, subtract(a, b, { abis: [abi.name] }), abi, calls),
      ),
      { numRuns: 500 },
    );
  });

  test('leaves nothing of a policy taken from itself', () => {
    const policy = parse('allow read, ioctl(cmd == 1), @mount\nkill openat(flags & 1)');
    expect(subtract(policy, policy).statements).toEqual([]);
  });

  test('refuses policies for different ABIs', () => {
    expect(() => subtract(parse('abi x86_64, i386'), parse('abi x86_64'))).toThrow('serve different ABIs');
  });
});

describe('permissive', () => {
  test('logs every refusal and leaves the rest', () => {
    fc.assert(
      fc.property(situations(withNumbers), ([abi, a, , calls]) => {
        const soft = permissive(a);
        for (const call of calls) {
          const before = evaluate(a, abi, call);
          expect(answer(soft, abi, call)).toBe(permits(before) ? actionText(before) : 'log');
        }
        expect(actionText(foreignOf(soft))).toBe(permits(foreignOf(a)) ? actionText(foreignOf(a)) : 'log');
      }),
      { numRuns: 500 },
    );
  });
});

describe('merge', () => {
  test('adds statements up, and takes the stricter of what both say otherwise', () => {
    const sum = merge([
      parse('default errno EPERM\nforeign log\nallow read'),
      parse('default kill\nunknown trap\nabi i386\nallow write\ndefault log brk'),
      parse('foreign allow\nabi x86_64\nkill read'),
    ]);
    expect(printPolicy(sum)).toBe(`default kill
unknown trap
foreign log
abi i386, x86_64

default log brk

allow read
allow write

kill read
`);
  });

  test('says nothing that nobody says', () => {
    expect(merge([])).toEqual({ statements: [], defaults: [] });
    expect(Object.keys(merge([parse('allow read'), parse('allow write')]))).toEqual([
      'statements',
      'defaults',
    ]);
  });

  test('gives twice the same as once', () => {
    fc.assert(
      fc.property(situations(withNumbers), ([abi, a, , calls]) => {
        const twice = merge([a, a]);
        for (const call of calls) expect(answer(twice, abi, call)).toBe(answer(a, abi, call));
      }),
      { numRuns: 300 },
    );
  });

  test('is at least as strict as each where both have a default and only refuse', () => {
    const ban = parse('default allow\nkill ptrace');
    const sum = merge([parse('default errno EPERM\nallow ptrace, read'), ban]);
    const ask = (nr: number) => answer(sum, abis.x86_64, { nr, args: [0n, 0n, 0n, 0n, 0n, 0n] });
    expect([ask(101), ask(0), ask(1)]).toEqual(['kill', 'allow', 'errno EPERM']);
  });

  test('keeps the members of groups when it takes the older kernel', () => {
    const args = [0n, 0n, 0n, 0n, 0n, 0n];
    const newer = parse('kernel 6.10\ndefault kill\nallow @probe except rseq');
    const sum = merge([parse('kernel 6.1\ndefault kill\nallow read'), newer]);
    expect(sum.kernel).toBe('6.1');
    // mseal (6.10) was a member for its author; rseq was excepted; file_getattr (6.17) nobody knew.
    expect(answer(sum, abis.x86_64, { nr: 462, args })).toBe('allow');
    expect(answer(sum, abis.x86_64, { nr: 334, args })).toBe('kill');
    expect(answer(sum, abis.x86_64, { nr: 468, args })).toBe('errno ENOSYS');
  });
});
