// Conditions as a Boolean algebra: `true` and `false` beside the conditions of the model, and the few simplifications that
// keep what the algebra of policies writes readable. Each is exact: none depends on an ABI or on an argument's type.

import { printCondition } from '../language/print.ts';
import type { Comparison, Condition } from '../model.ts';

/** A condition, or what holds always or never. */
export type Truth = boolean | Condition;

const keys = new WeakMap<Condition, string>();

/** Equal for conditions that are written the same. */
export function keyOf(truth: Truth): string {
  if (typeof truth === 'boolean') return String(truth);
  let key = keys.get(truth);
  if (key === undefined) {
    key = printCondition(truth);
    keys.set(truth, key);
  }
  return key;
}

export function and(...parts: readonly Truth[]): Truth {
  return join('and', parts);
}

export function or(...parts: readonly Truth[]): Truth {
  return join('or', parts);
}

/** `or` of however many. */
export function anyOf(parts: readonly Truth[]): Truth {
  return join('or', parts);
}

/** `and` ends with false and ignores true; `or` the other way round. `a && (a || b)` is a, and so is `a || (a && b)`. */
function join(kind: 'and' | 'or', parts: readonly Truth[]): Truth {
  const end = kind === 'or';
  const found = new Map<string, Condition>();
  for (const part of parts) {
    if (part === end) return end;
    if (typeof part === 'boolean') continue;
    for (const one of part.kind === kind ? part.of : [part]) found.set(keyOf(one), one);
  }
  const other = kind === 'and' ? 'or' : 'and';
  const implied = (one: Condition) =>
    (one.kind === kind ? one.of : [one]).every((part) => found.has(keyOf(part)));
  const needed = [...found.values()].filter((one) => one.kind !== other || !one.of.some(implied));
  for (const one of needed) {
    const opposite = not(one);
    if (typeof opposite !== 'boolean' && implied(opposite)) return end;
  }
  if (needed.length === 0) return !end;
  return needed.length === 1 ? needed[0]! : { kind, of: needed };
}

const opposites: Readonly<Record<Comparison, Comparison>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};

export function not(truth: Truth): Truth {
  if (typeof truth === 'boolean') return !truth;
  switch (truth.kind) {
    case 'compare':
      return { ...truth, op: opposites[truth.op] };
    case 'masked':
      return { ...truth, op: truth.op === '==' ? '!=' : '==' };
    case 'any-bit': {
      const { operand, mask } = truth;
      return { kind: 'masked', operand, mask, op: '==', value: { kind: 'number', number: 0n } };
    }
    case 'not':
      return truth.of;
    case 'and':
      return { kind: 'or', of: truth.of.map((one) => not(one) as Condition) };
    case 'or':
      return { kind: 'and', of: truth.of.map((one) => not(one) as Condition) };
    case 'in':
      return { kind: 'not', of: truth };
  }
}
