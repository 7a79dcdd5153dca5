// A policy as rules of libseccomp, and its compiler behind native/libseccomp.c. Only what the bench's policies use: conditions become
// alternatives of comparisons joined by "and", one call of seccomp_rule_add each. libseccomp compares all 64 bits of a
// register, whatever the kernel's type is; for the calls that are measured that is the same.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, type Program } from '../lib/bpf/instruction.ts';
import type { Abi } from '../lib/linux/abi.ts';
import { syscallNames, syscallNumber } from '../lib/linux/syscalls.ts';
import { returnValue } from '../lib/policy/action.ts';
import { meaningOf } from '../lib/policy/meaning.ts';
import { type Condition, defaultOf, type Policy } from '../lib/policy/model.ts';
import { fieldOf } from '../lib/policy/operand.ts';
import { numberOf } from '../lib/policy/value.ts';
import { buildHelper, type Places, runHelper } from './section.ts';

export type Shape = 'chain' | 'tree';

export interface Compiled {
  readonly program: Program;
  /** Of the raw program. */
  readonly file: string;
  /** Median, in nanoseconds. */
  readonly time: number;
}

/** `chain` is libseccomp's usual form, `tree` the one of SCMP_FLTATR_CTL_OPTIMIZE 2. */
export function compileWithLibseccomp(
  places: Places,
  policy: Policy,
  abi: Abi,
  shape: Shape,
  name: string,
  rounds = 31,
): Compiled {
  const helper = buildHelper(places, 'libseccomp', '-lseccomp');
  const file = join(places.scratch, `${name}.${shape}.bpf`);
  const time = runHelper(helper, [shape, String(rounds), file], rulesFor(policy, abi));
  return { program: decode(readFileSync(file)), file, time: Number(time) };
}

/** The lines that native/libseccomp.c reads. */
export function rulesFor(policy: Policy, abi: Abi): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  const otherwise = returnValue(defaultOf(policy), abi);
  const lines = [`default ${hex(otherwise)}`];
  for (const name of syscallNames(abi)) {
    const nr = syscallNumber(abi, name)!;
    const meaning = meaningOf(policy, abi, nr);
    // libseccomp takes no rule that says what the default says.
    for (const rule of meaning.rules) {
      const value = returnValue(rule.action, abi);
      if (value === otherwise) continue;
      const alternatives = rule.when === undefined ? [''] : alternativesOf(rule.when, abi, name);
      for (const words of alternatives) lines.push(`rule ${hex(value)} ${nr}${words}`);
    }
    const fallback = returnValue(meaning.otherwise, abi);
    if (meaning.rules.length === 0 && fallback !== otherwise) lines.push(`rule ${hex(fallback)} ${nr}`);
  }
  return `${lines.join('\n')}\n`;
}

const comparisons: Readonly<Record<string, string>> = {
  '==': 'eq',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

/** Disjunctive normal form, each part as the words of its comparisons. */
function alternativesOf(condition: Condition, abi: Abi, name: string): readonly string[] {
  switch (condition.kind) {
    case 'or':
      return condition.of.flatMap((one) => alternativesOf(one, abi, name));
    case 'and':
      return condition.of
        .map((one) => alternativesOf(one, abi, name))
        .reduce((before, next) => before.flatMap((words) => next.map((more) => words + more)), ['']);
    case 'compare': {
      const op = comparisons[condition.op];
      if (op === undefined) break;
      return [` ${fieldOf(condition.operand, abi, name).index} ${op} ${numberOf(condition.value, abi)}`];
    }
    case 'in': {
      const { index } = fieldOf(condition.operand, abi, name);
      return condition.ranges.map(({ low, high }) => {
        const [from, to] = [numberOf(low, abi), numberOf(high, abi)];
        return from === to ? ` ${index} eq ${from}` : ` ${index} ge ${from} ${index} le ${to}`;
      });
    }
    case 'masked': {
      if (condition.op !== '==') break;
      const { index } = fieldOf(condition.operand, abi, name);
      return [` ${index} masked ${numberOf(condition.mask, abi)} ${numberOf(condition.value, abi)}`];
    }
  }
  throw new Error(`${name}: this condition is not one that libseccomp has (${condition.kind})`);
}
