// How good a program is, by counting: instructions executed per allowed call, its size, and what the kernel's bitmap answers.

import type { Program } from '../lib/bpf/instruction.ts';
import { interpretAll, isConstantAllow } from '../lib/bpf/interpret.ts';
import type { Abi } from '../lib/linux/abi.ts';
import { syscallNames, syscallNumber } from '../lib/linux/syscalls.ts';
import { type CallData, evaluate } from '../lib/policy/evaluate.ts';
import { meaningOf } from '../lib/policy/meaning.ts';
import type { Condition, Policy } from '../lib/policy/model.ts';
import { fieldOf } from '../lib/policy/operand.ts';
import { numberOf, pattern } from '../lib/policy/value.ts';

export interface Quality {
  /** Instructions in all programs. */
  readonly size: number;
  /** Mean of executed instructions over allowed calls; a call whose arguments are checked counts once, with the mean over
   * the argument values that its rules name and that are permitted. */
  readonly mean: number;
  /** The same over argument-checked calls alone; NaN if there are none. */
  readonly checkedMean: number;
  /** The most that any call executed. */
  readonly worst: number;
  /** Unconditionally allowed calls that the kernel would still run the filter for. */
  readonly notConstant: readonly string[];
}

export function measure(programs: readonly Program[], policy: Policy, abi: Abi): Quality {
  const means: number[] = [];
  const checked: number[] = [];
  const notConstant: string[] = [];
  let worst = 0;
  for (const name of syscallNames(abi)) {
    const nr = syscallNumber(abi, name)!;
    const run = (call: CallData) =>
      interpretAll(programs, { ...call, arch: abi.auditArch }, abi.bigEndian).executed;
    const samples = samplesFor(policy, abi, name);
    const allowed = samples.filter((call) => evaluate(policy, abi, call).kind === 'allow').map(run);
    worst = Math.max(worst, ...samples.map(run));
    if (allowed.length === 0) continue;
    const own = allowed.reduce((sum, one) => sum + one, 0) / allowed.length;
    means.push(own);
    if (conditionsOn(policy, abi, nr).length > 0) checked.push(own);
    else if (!programs.every((program) => isConstantAllow(program, abi.auditArch, nr)))
      notConstant.push(name);
  }
  return {
    size: programs.reduce((sum, program) => sum + program.length, 0),
    mean: average(means),
    checkedMean: average(checked),
    worst,
    notConstant,
  };
}

/** A call with each combination of the register values that the policy's conditions on it name; the others are 0. */
export function samplesFor(policy: Policy, abi: Abi, name: string): readonly CallData[] {
  const nr = syscallNumber(abi, name)!;
  return samplesOf(conditionsOn(policy, abi, nr), abi, name).map((args) => ({ nr, args }));
}

function conditionsOn(policy: Policy, abi: Abi, nr: number): readonly Condition[] {
  return meaningOf(policy, abi, nr).rules.flatMap((rule) => (rule.when === undefined ? [] : [rule.when]));
}

const zeroes = [0n, 0n, 0n, 0n, 0n, 0n];

function average(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

/** Registers with every combination of the values that the conditions name: exactly those, or the ends of a range, or what
 * a mask lets through, once each. */
function samplesOf(conditions: readonly Condition[], abi: Abi, name: string): readonly (readonly bigint[])[] {
  const values = new Map<number, Set<bigint>>();
  const add = (index: number, value: bigint) => {
    const set = values.get(index) ?? new Set<bigint>();
    set.add(value);
    values.set(index, set);
  };
  const read = (condition: Condition): void => {
    switch (condition.kind) {
      case 'and':
      case 'or':
        for (const one of condition.of) read(one);
        return;
      case 'not':
        read(condition.of);
        return;
    }
    const field = fieldOf(condition.operand, abi, name);
    const put = (value: bigint) => add(field.index, pattern(value, field) ?? 0n);
    switch (condition.kind) {
      case 'compare': {
        const value = numberOf(condition.value, abi);
        put(condition.op === '<' ? value - 1n : condition.op === '>' ? value + 1n : value);
        return;
      }
      case 'in':
        for (const range of condition.ranges) {
          put(numberOf(range.low, abi));
          put(numberOf(range.high, abi));
        }
        return;
      case 'any-bit':
        put(0n);
        put(numberOf(condition.mask, abi));
        return;
      case 'masked':
        put(numberOf(condition.value, abi));
    }
  };
  for (const condition of conditions) read(condition);
  let samples: bigint[][] = [[...zeroes]];
  for (const [index, set] of values) {
    samples = samples.flatMap((args) => [...set].map((value) => args.with(index, value)));
  }
  return samples;
}
