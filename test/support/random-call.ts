// Random calls that ask a policy where it is likely to be wrong: at its own constants and beside them, with garbage above the bits
// that count, at numbers it names and their neighbours, through every ABI that a kernel of its machine has and through others.

import { type Abi, abis, familyOf } from '../../lib/linux/abi.ts';
import { groupMembers } from '../../lib/linux/groups.ts';
import { newestNumber, syscallName, syscallNames, syscallNumber } from '../../lib/linux/syscalls.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import { meaningOf } from '../../lib/policy/meaning.ts';
import type { Call, Policy } from '../../lib/policy/model.ts';
import { numberOf } from '../../lib/policy/value.ts';
import type { Random } from './random.ts';
import { constantsOf } from './random-policy.ts';

const corners: readonly bigint[] = [
  ...[0n, 1n, 0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn],
  ...[0x100000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn, 0xffffffff00000000n],
];

/** Calls for a policy that is compiled for `served`. */
export function randomCalls(
  random: Random,
  policy: Policy,
  served: readonly Abi[],
  count: number,
): readonly SeccompData[] {
  const family = served.flatMap((abi) => familyOf(abi.name)).map((name) => abis[name]);
  const numbers = new Map(family.map((abi) => [abi, numbersOf(policy, abi)]));
  const constants = new Map<number, readonly (readonly bigint[])[]>();
  return Array.from({ length: count }, () => {
    const abi = random.chance(0.85) ? random.pick(served) : random.pick(family);
    const arch = random.chance(0.97) ? abi.auditArch : oddArch(random, abi);
    const nr = randomNumber(random, abi, numbers.get(abi)!);
    const key = nr + abi.auditArch * 2 ** 32;
    let known = constants.get(key);
    if (known === undefined) {
      known = argumentConstants(policy, abi, nr, served);
      constants.set(key, known);
    }
    return { arch, nr, args: known.map((values) => randomRegister(random, values)) };
  });
}

function oddArch(random: Random, abi: Abi): number {
  return random.pick([
    0,
    1,
    0xffffffff,
    abi.auditArch + 1,
    abi.auditArch - 1,
    random.pick(Object.values(abis)).auditArch,
    random.below(2 ** 32),
  ]);
}

/** Numbers that the policy speaks of. */
function numbersOf(policy: Policy, abi: Abi): readonly number[] {
  const found = new Set<number>();
  const add = (call: Call) => {
    for (const target of [call.target, ...(call.except ?? [])]) {
      if (target.kind === 'number') found.add(target.number + abi.numberBase);
      const names = target.kind === 'group' ? (groupMembers(target.name) ?? []) : [];
      for (const name of target.kind === 'name' ? [target.name] : names) {
        const nr = syscallNumber(abi, name);
        if (nr !== undefined) found.add(nr);
      }
    }
  };
  // Calls with conditions come up more often than the many members of a group.
  for (const { calls } of policy.statements) for (const call of calls) if (call.when !== undefined) add(call);
  const withConditions = [...found];
  for (const { calls } of [...policy.statements, ...policy.defaults]) for (const call of calls) add(call);
  return [...withConditions, ...withConditions, ...withConditions, ...found];
}

function randomNumber(random: Random, abi: Abi, named: readonly number[]): number {
  const pick = (): number => {
    if (named.length > 0 && random.chance(0.7)) return random.pick(named);
    switch (random.below(6)) {
      case 0:
        return newestNumber(abi) + random.below(4) - 1;
      case 1:
        return random.below(2 ** 32);
      case 2:
        return random.pick([0, 0xffffffff, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffe]);
      case 3:
        return 0x40000000 + random.below(600);
      case 4:
        return syscallNumber(abi, random.pick(syscallNames(abi)))!;
      default:
        return abi.numberBase + random.below(600);
    }
  };
  const nr = pick();
  return (random.chance(0.1) ? nr + random.pick([-1, 1]) : nr) >>> 0;
}

/** What the rules on this number compare each register with. */
function argumentConstants(
  policy: Policy,
  abi: Abi,
  nr: number,
  served: readonly Abi[],
): readonly (readonly bigint[])[] {
  const registers: bigint[][] = [[], [], [], [], [], []];
  if (!served.includes(abi)) return registers;
  const name = syscallName(abi, nr);
  for (const { when } of meaningOf(policy, abi, nr).rules) {
    if (when === undefined) continue;
    for (const { index, value } of constantsOf(when, abi, name, numberOf)) registers[index]!.push(value);
  }
  return registers;
}

function randomRegister(random: Random, constants: readonly bigint[]): bigint {
  const base =
    constants.length > 0 && random.chance(0.85)
      ? random.pick(constants)
      : random.chance(0.7)
        ? random.pick(corners)
        : random.bits(64);
  return BigInt.asUintN(64, changed(random, base, constants));
}

function changed(random: Random, value: bigint, constants: readonly bigint[]): bigint {
  switch (random.below(12)) {
    case 0:
      return value + 1n;
    case 1:
      return value - 1n;
    case 2:
      return value ^ (1n << 32n);
    case 3:
      return BigInt.asUintN(32, value) | (random.bits(32) << 32n);
    case 4:
      return BigInt.asUintN(16, value) | (random.bits(48) << 16n);
    case 5:
      return BigInt.asIntN(32, value);
    case 6:
      return value ^ (1n << BigInt(random.below(64)));
    case 7:
      return value | (constants.length > 0 ? random.pick(constants) : random.bits(64));
    case 8:
      return value & random.bits(64);
    default:
      return value;
  }
}
