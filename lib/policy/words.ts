// A policy in words, for reviewers who have never seen the language: what is permitted, what is not, and what then happens.

import type { Abi } from '../linux/abi.ts';
import { parametersOf } from '../linux/arguments.ts';
import { nameConstant, nameFlags } from '../linux/constants.ts';
import { syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { actionText, rank } from './action.ts';
import { printValue } from './language/print.ts';
import { meaningOf } from './meaning.ts';
import {
  type Action,
  type Condition,
  defaultOf,
  foreignOf,
  type Policy,
  unknownOf,
  type Value,
} from './model.ts';

/** One heading of the explanation with the calls below it. */
export interface Section {
  readonly action: Action;
  /** `Permitted:`, `Refused with EPERM: …` */
  readonly heading: string;
  /** Calls that get this answer whatever their arguments are. */
  readonly always: readonly string[];
  /** Calls that get it under a condition, in words. */
  readonly sometimes: readonly { readonly call: string; readonly when: string }[];
}

export interface Explanation {
  readonly abi: string;
  readonly sections: readonly Section[];
  /** Sentences about all other calls. */
  readonly rest: readonly string[];
}

/** What the policy says on one ABI, call by call. Calls that get the default answer are not listed. */
export function explainPolicy(policy: Policy, abi: Abi): Explanation {
  const sections = new Map<
    string,
    { action: Action; always: string[]; sometimes: { call: string; when: string }[] }
  >();
  const sectionOf = (action: Action) => {
    const key = actionText(action);
    let section = sections.get(key);
    if (section === undefined) {
      section = { action, always: [], sometimes: [] };
      sections.set(key, section);
    }
    return section;
  };
  for (const call of [...syscallNames(abi)].sort()) {
    const meaning = meaningOf(policy, abi, syscallNumber(abi, call)!);
    let isSettled = false;
    for (const rule of meaning.rules) {
      if (rule.when === undefined) {
        sectionOf(rule.action).always.push(call);
        isSettled = true;
        break;
      }
      sectionOf(rule.action).sometimes.push({ call, when: conditionInWords(rule.when, namer(abi, call)) });
    }
    if (!isSettled && meaning.reason !== 'default') sectionOf(meaning.otherwise).always.push(call);
  }
  return {
    abi: abi.name,
    sections: [...sections.values()]
      .sort((a, b) => rank(b.action) - rank(a.action))
      .map((section) => ({ ...section, heading: headings(section.action) })),
    rest: [
      `Any other call: ${consequence(defaultOf(policy))}.`,
      `A call that Linux adds later than ${policy.kernel === undefined ? 'this list of calls' : `version ${policy.kernel}`}: ${consequence(unknownOf(policy))}.`,
      `A call made as another kind of program (for example 32-bit code): ${consequence(foreignOf(policy))}.`,
    ],
  };
}

function headings(action: Action): string {
  return action.kind === 'allow'
    ? 'Permitted'
    : `${consequence(action)[0]!.toUpperCase()}${consequence(action).slice(1)}`;
}

/** What happens to a call that gets this answer. */
export function consequence(action: Action): string {
  switch (action.kind) {
    case 'kill':
      return 'the process is killed (SIGSYS)';
    case 'kill-thread':
      return 'the calling thread is killed (SIGSYS)';
    case 'trap':
      return 'the call does not happen, and the program gets the signal SIGSYS';
    case 'errno':
      return action.errno === 0
        ? 'the call does not happen, and the program is told that it succeeded'
        : `the call does not happen, and fails with ${action.errno}`;
    case 'notify':
      return 'a supervisor is asked; without one the call fails with ENOSYS';
    case 'trace':
      return 'a tracer is asked; without one the call fails with ENOSYS';
    case 'log':
      return 'permitted, and written to the kernel log';
    case 'allow':
      return 'permitted';
  }
}

/** A value in words; `argument` tells which family of constants a bare number may belong to. */
type Namer = (value: Value, argument: string) => string;

/** Numbers that stand for a constant of the argument's family are followed by its name: policies that were made by
 * tools hold numbers. */
function namer(abi: Abi, call: string): Namer {
  const parameters = parametersOf(call, abi) ?? [];
  return (value, argument) => {
    const written = printValue(value);
    if (value.kind !== 'number') return written;
    const family = parameters.find((parameter) => parameter.names.includes(argument))?.constants;
    // What an option means depends on its level, so its number alone has no name.
    if (family === undefined || family.family === 'socket-options') return written;
    const named =
      family.kind === 'enum'
        ? nameConstant(family.family, value.number, abi)
        : nameFlags(family.family, value.number, abi);
    return named === undefined || /^(0x|\d)/.test(named) ? written : `${named} (${written})`;
  };
}

/** A condition as a clause: `cmd is TCGETS or TIOCGWINSZ`. */
export function conditionInWords(condition: Condition, named: Namer = printValue): string {
  const nested = (one: Condition): string => {
    const words = conditionInWords(one, named);
    return one.kind === 'and' || one.kind === 'or' ? `(${words})` : words;
  };
  switch (condition.kind) {
    case 'and':
      return condition.of.map(nested).join(' and ');
    case 'or':
      return condition.of.map(nested).join(', or ');
    case 'not':
      return `not (${conditionInWords(condition.of, named)})`;
  }
  const { argument, bits } = condition.operand;
  const who = bits === undefined ? argument : `the low ${bits} bits of ${argument}`;
  const value = (one: Value) => named(one, argument);
  switch (condition.kind) {
    case 'compare':
      return `${who} ${relations[condition.op]} ${value(condition.value)}`;
    case 'in': {
      const values = condition.ranges.map(({ low, high }) =>
        sameValue(low, high) ? value(low) : `${value(low)} to ${value(high)}`,
      );
      return `${who} is ${values.length < 3 ? values.join(' or ') : `one of ${values.join(', ')}`}`;
    }
    case 'any-bit':
      return `${who} has any bit of ${value(condition.mask)}`;
    case 'masked':
      return isZero(condition.value)
        ? `${who} has ${condition.op === '==' ? 'no' : 'any'} bit of ${value(condition.mask)}`
        : `${who} & ${value(condition.mask)} ${relations[condition.op]} ${value(condition.value)}`;
  }
}

const relations = {
  '==': 'is',
  '!=': 'is not',
  '<': 'is below',
  '<=': 'is at most',
  '>': 'is above',
  '>=': 'is at least',
} as const;

function sameValue(a: Value, b: Value): boolean {
  return a === b || printValue(a) === printValue(b);
}

function isZero(value: Value): boolean {
  return value.kind === 'number' && value.number === 0n;
}
