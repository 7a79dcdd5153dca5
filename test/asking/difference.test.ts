// The exact difference against the reference: of two random policies, every call that gets two answers is in just one reported
// region with just these answers, and no other call is in any.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Change, difference, lostFrom } from '../../lib/asking/difference.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { type Abi, abis, X32_BIT } from '../../lib/linux/abi.ts';
import { actionText } from '../../lib/policy/action.ts';
import { abiOfData, decideData, holds, type SeccompData } from '../../lib/policy/evaluate.ts';
import { loadPolicy } from '../../lib/policy/language/load.ts';
import { parsePolicy, parseStatement } from '../../lib/policy/language/parse.ts';
import { printCall, printCondition } from '../../lib/policy/language/print.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { expectedValue, textOf } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const policySubject = (policy: Policy, name = 'policy') => ({ kind: 'policy', name, policy }) as const;
const of = (text: string) => policySubject(parsePolicy(text, { file: 'test' }));
const native = { native: 'x86_64' } as const;

/** The changes that speak of a call. */
function found(changes: readonly Change[], call: SeccompData): readonly Change[] {
  const abi = abiOfData(call);
  return changes.filter(({ calls, when }) => {
    const nr = call.nr - (abi?.numberBase ?? 0);
    if (calls.abi !== abi?.name || nr < calls.low || nr > calls.high) return false;
    return when === undefined || holds(when, abi, calls.name, call.args);
  });
}

const sets: readonly (readonly Abi[])[] = [
  [abis.x86_64],
  [abis.x86_64, abis.i386],
  [abis.x86_64, abis.i386, abis.x32],
  [abis.aarch64, abis.arm],
  [abis.mips64],
];

test.each(
  sets.map((served) => [served.map((abi) => abi.name).join(' '), served] as const),
)('of random policies, for %s', (_, served) => {
  const random = randomFrom(seed);
  let different = 0;
  for (let round = 0; round < 8; round++) {
    const anyPolicy = () => ({ ...randomPolicy(random, served), abis: served.map((abi) => abi.name) });
    const [a, b] = [anyPolicy(), anyPolicy()] as const;
    const { changes } = difference(policySubject(a), policySubject(b), { native: served[0]!.name });
    const calls = [...randomCalls(random, a, served, 60), ...randomCalls(random, b, served, 60)];
    for (const call of calls) {
      if (abiOfData(call) === undefined) continue;
      const [from, to] = [expectedValue(a, served, call), expectedValue(b, served, call)];
      const said = found(changes, call);
      const told = () =>
        `${seed} ${textOf(call)}\n${textOf(a)}\n===\n${textOf(b)}\n${said.map((one) => one.when && printCondition(one.when)).join('\n')}`;
      if (served.some((abi) => abi.auditArch === call.arch)) {
        expect(said.length, told()).toBe(from === to ? 0 : 1);
        if (from !== to) different++;
      }
      if (said.length === 1) {
        // An errno by its name is that of the call's own ABI.
        const actions = [decideData(a, served, call).action, decideData(b, served, call).action];
        expect([said[0]!.from.kind, said[0]!.to.kind], told()).toEqual(actions.map((one) => one.kind));
      }
    }
  }
  expect(different).toBeGreaterThan(100);
});

test('what is reported can be written in the language', () => {
  const random = randomFrom(seed);
  for (let round = 0; round < 20; round++) {
    const served = [abis.x86_64];
    const [a, b] = [randomPolicy(random, served), randomPolicy(random, served)];
    for (const { calls, when, to } of difference(policySubject(a), policySubject(b), native).changes) {
      if (when === undefined || calls.low !== calls.high) continue;
      const target = calls.name === undefined ? `#${calls.low}` : calls.name;
      const text = `${actionText(to)} ${target}(${printCondition(when)})`;
      const [statement] = parseStatement(text, 'test').statements;
      expect(printCall(statement!.calls[0]!), `${seed} ${text}`).toBe(`${target}(${printCondition(when)})`);
    }
  }
});

test('a policy and its own program do not differ', () => {
  const random = randomFrom(seed);
  for (let round = 0; round < 15; round++) {
    const served = round % 2 === 0 ? [abis.x86_64, abis.i386] : [abis.x86_64];
    const policy = { ...randomPolicy(random, served), abis: served.map((abi) => abi.name) };
    const programs = compile(policy, { abis: served });
    const result = difference(policySubject(policy), { kind: 'programs', name: 'program', programs }, native);
    expect(
      result.changes.map(({ calls, when }) => [calls, when]),
      `${seed}\n${textOf(policy)}`,
    ).toEqual([]);
    expect(result.elsewhere).toBeUndefined();
  }
});

test('the same said differently is no difference', () => {
  const a = of(
    'default kill\nallow socket(family in {AF_UNIX, AF_INET}), open(flags & 3 == 3), read(count < 10)',
  );
  const b = of(
    'default kill\nallow socket(family == 2 || family == 1), open(flags & 1 && flags & 2), read(!(count >= 10))',
  );
  expect(difference(a, b, native)).toEqual({ changes: [] });
});

test('regions are said with names and the kernel’s widths', () => {
  const a = of(
    'default kill\nallow socket(family in {AF_UNIX, AF_INET}), ioctl(cmd != TIOCSTI), clone(!(flags & CLONE_NEWUSER))',
  );
  const b = of('default kill\nallow socket(family == AF_UNIX), ioctl, clone');
  const said = difference(a, b, native).changes.map(({ calls, when, from, to }) => [
    calls.name,
    actionText(from),
    actionText(to),
    when && printCondition(when),
  ]);
  expect(said).toEqual([
    ['ioctl', 'kill', 'allow', 'cmd == TIOCSTI'],
    ['socket', 'allow', 'kill', 'family == AF_INET'],
    ['clone', 'kill', 'allow', 'clone_flags & CLONE_NEWUSER'],
  ]);
});

test('what no call reaches is not reported', () => {
  const a = of('default kill\nallow open(flags & 4 && flags & 12 == 8)');
  const b = of('default kill');
  expect(difference(a, b, native)).toEqual({ changes: [] });
});

test('numbers without a name, unknown calls, other ABIs, other machines', () => {
  const a = of('default kill\nunknown kill');
  const b = of('default kill\nunknown errno ENOSYS\nforeign allow\nallow #350');
  const { changes, elsewhere } = difference(a, b, native);
  expect(changes.map(({ calls, to }) => [calls.abi, calls.name, calls.isBeyond, actionText(to)])).toEqual(
    expect.arrayContaining([
      ['x86_64', undefined, false, 'allow'],
      ['x86_64', undefined, true, 'errno ENOSYS'],
    ]),
  );
  expect(changes.filter(({ calls }) => calls.isWhole).map(({ calls, to }) => [calls.abi, to.kind])).toEqual([
    ['i386', 'allow'],
    ['x32', 'allow'],
  ]);
  expect(changes.find(({ calls }) => calls.low === 350)).toMatchObject({ calls: { high: 350 } });
  expect(
    changes.some(({ calls }) => calls.abi === 'x86_64' && calls.low >= X32_BIT && calls.high < 0xffffffff),
  ).toBe(false);
  expect(elsewhere).toEqual({ from: { kind: 'kill' }, to: { kind: 'allow' } });
});

test('what is lost from one to the other', () => {
  const small = of('default kill\nallow read, socket(family == AF_UNIX)');
  const large = of('default errno EPERM\nunknown errno EPERM\nallow read, write, socket\nlog getpid');
  expect(lostFrom(small, large, native)).toEqual({ changes: [] });
  expect(lostFrom(large, small, native).changes.map(({ calls }) => calls.name)).toEqual([
    'write',
    'getpid',
    'socket',
  ]);
});

test('what a policy narrows from main on', () => {
  const plain = of('default kill\nallow read, write, open');
  const narrowed = of(
    'default kill\nallow read, write, open\nphase main {\n  default kill\n  allow read, write(fd == 1)\n}',
  );
  const said = difference(plain, narrowed, native).changes.map(({ calls, to, when, phase }) => [
    ...[calls.name, actionText(to), when && printCondition(when), phase],
  ]);
  expect(said).toEqual([
    ['write', 'kill', 'fd != 1', 'main'],
    ['open', 'kill', undefined, 'main'],
  ]);
  expect(lostFrom(narrowed, plain, native)).toEqual({ changes: [] });
  expect(difference(narrowed, narrowed, native)).toEqual({ changes: [] });
});

test('two profiles of the size of Docker’s are compared in well under the promised 200 ms', () => {
  const [a, b] = ['b-docker', 'c-system-service'].map((name) =>
    policySubject(loadPolicy(join(import.meta.dirname, '..', '..', 'bench', 'policies', `${name}.policy`))),
  );
  const times = Array.from({ length: 5 }, () => {
    const before = performance.now();
    expect(difference(a!, b!, native).changes.length).toBeGreaterThan(20);
    return performance.now() - before;
  });
  // The first ones are cold, and the machine may be busy.
  expect(Math.min(...times)).toBeLessThan(200);
});
