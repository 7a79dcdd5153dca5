// What a policy permits and recorded runs never did: calls that were never made, and of calls that were made the arguments that
// never occurred. Beside an analysis this is what the runs did not exercise; beside a policy written by hand, what may be
// too wide. Exact, as every difference here: nothing is sampled.

import type { Abi } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import { syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { permits } from '../policy/action.ts';
import { decideData } from '../policy/evaluate.ts';
import { printCondition } from '../policy/language/print.ts';
import { type Condition, emptyPolicy, type Policy, type Statement } from '../policy/model.ts';
import type { RecordedCall, Recording } from '../supervise/recording.ts';
import { type ArgumentShape, shapeOf, valueText } from '../supervise/shape.ts';
import type { Subject } from './decisions.ts';
import { type Change, lostFrom } from './difference.ts';

export interface Unseen {
  /** How many calls the policy permits, with any arguments. */
  readonly permitted: number;
  /** Permitted, and never made. */
  readonly never: readonly string[];
  /** Made, but not with all that is permitted: `when` is what never occurred, `seen` what did. */
  readonly partly: readonly {
    readonly call: string;
    readonly when: string;
    readonly seen: readonly string[];
  }[];
  /** Made, and permitted with any arguments, though its arguments tell uses apart. */
  readonly free: readonly { readonly call: string; readonly seen: readonly string[] }[];
  /** Made, and not permitted. */
  readonly beyond: readonly { readonly call: string; readonly seen: readonly string[] }[];
  /** Permitted, and left out by the recorder, because every policy permits them. */
  readonly notRecorded: readonly string[];
}

/** What `policy` permits through one ABI and the recordings lack. */
export function unseen(policy: Policy, recordings: readonly Recording[], abi: Abi): Unseen {
  const permitted = permittedCalls(policy, abi);
  const rows = new Map<string, RecordedCall[]>();
  for (const row of recordings.flatMap((one) => one.calls)) {
    if (row.abi !== abi.name) continue;
    const list = rows.get(row.call);
    if (list === undefined) rows.set(row.call, [row]);
    else list.push(row);
  }
  const [first, ...others] = recordings.map((one) => new Set(one.granted));
  const skipped = [...(first ?? [])].filter((name) => others.every((one) => one.has(name)));
  const isKnown = (name: string) => rows.has(name) || skipped.includes(name);
  const made = [...permitted].filter(([name]) => rows.has(name));
  return {
    permitted: permitted.size,
    never: [...permitted.keys()].filter((name) => !isKnown(name)).sort(),
    partly: partlySeen(policy, made, rows, abi),
    free: made
      .filter(([, conditions]) => conditions.length === 0)
      .map(([call]) => ({ call, seen: usesOf(rows.get(call)!, abi) }))
      .filter(({ seen }) => seen.length > 0)
      .sort(byCall),
    beyond: [...rows]
      .flatMap(([call, list]) => beyondOf(policy, call, list, permitted.get(call), abi))
      .sort(byCall),
    notRecorded: skipped.filter((name) => permitted.has(name) && !rows.has(name)).sort(),
  };
}

const byCall = (a: { call: string }, b: { call: string }) => (a.call < b.call ? -1 : 1);
const subject = (policy: Policy): Subject => ({ kind: 'policy', name: '', policy });

/** Each permitted call with the conditions under which it is; none: whatever its arguments are. */
function permittedCalls(policy: Policy, abi: Abi): ReadonlyMap<string, readonly Condition[]> {
  const nothing: Policy = { ...emptyPolicy, default: { kind: 'kill' }, unknown: { kind: 'kill' } };
  const found = new Map<string, Condition[]>();
  for (const { calls, when } of lost(policy, nothing, abi)) {
    const names = calls.isWhole === true ? syscallNames(abi) : calls.name === undefined ? [] : [calls.name];
    for (const name of names) {
      const list = found.get(name) ?? [];
      if (when !== undefined) list.push(when);
      found.set(name, list);
    }
  }
  return found;
}

function lost(from: Policy, to: Policy, abi: Abi): readonly Change[] {
  const { changes } = lostFrom(subject(from), subject(to), { native: abi.name, abis: [abi.name] });
  return changes.filter((one) => one.calls.abi === abi.name);
}

/** Against a policy of just what was seen, as far as the conditions of the first one look. */
function partlySeen(
  policy: Policy,
  made: readonly (readonly [string, readonly Condition[]])[],
  rows: ReadonlyMap<string, readonly RecordedCall[]>,
  abi: Abi,
): Unseen['partly'] {
  const conditioned = made.filter(([, conditions]) => conditions.length > 0);
  const statements = conditioned.map(([name, conditions]): Statement => {
    const parts = rows.get(name)!.map((row) => exactly(row, positionsIn(name, conditions, abi), abi));
    const all = parts.filter((one) => one !== undefined);
    const when: Condition | undefined = all.length < parts.length ? undefined : { kind: 'or', of: all };
    return {
      action: { kind: 'allow' },
      calls: [{ target: { kind: 'name', name }, ...(when === undefined ? {} : { when }) }],
    };
  });
  const seen: Policy = { ...emptyPolicy, default: { kind: 'kill' }, statements };
  const names = new Set(conditioned.map(([name]) => name));
  return lost(policy, seen, abi)
    .filter(({ calls, when }) => calls.name !== undefined && names.has(calls.name) && when !== undefined)
    .map(({ calls, when }) => ({
      call: calls.name!,
      when: printCondition(when!),
      seen: usesOf(rows.get(calls.name!)!, abi),
    }))
    .sort(byCall);
}

/** The argument registers that conditions look at. */
function positionsIn(name: string, conditions: readonly Condition[], abi: Abi): readonly number[] {
  const parameters = parametersOf(name, abi) ?? [];
  const found = new Set<number>();
  const look = (condition: Condition): void => {
    if (condition.kind === 'not') look(condition.of);
    else if (condition.kind === 'and' || condition.kind === 'or') condition.of.forEach(look);
    else {
      const { argument } = condition.operand;
      const named = parameters.findIndex((one) => one.names.includes(argument));
      found.add(named >= 0 ? named : Number(/^arg([0-5])$/.exec(argument)?.[1] ?? 6));
    }
  };
  conditions.forEach(look);
  return [...found];
}

/** That the arguments at these positions were just so; undefined: the recording does not tell of any of them. */
function exactly(row: RecordedCall, positions: readonly number[], abi: Abi): Condition | undefined {
  const parameters = parametersOf(row.call, abi) ?? [];
  const shapes = shapeOf(row.call, abi);
  const of = positions.flatMap((at): Condition[] => {
    const value = row.args[at];
    const parameter = parameters[at];
    if (value === undefined || parameter === undefined) return [];
    // Of descriptors 3 stands for any above 2.
    const op = shapes[at] === 'descriptor' && value === 3n ? '>=' : '==';
    return [
      {
        kind: 'compare',
        operand: { argument: `arg${at}` },
        op,
        value: { kind: 'number', number: plain(parameter, value) },
      },
    ];
  });
  return of.length === 0 ? undefined : { kind: 'and', of };
}

function plain({ bits, signed }: Parameter, value: bigint): bigint {
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

/** The rows of a call that the policy refuses, where the recording tells enough to know. */
function beyondOf(
  policy: Policy,
  call: string,
  rows: readonly RecordedCall[],
  conditions: readonly Condition[] | undefined,
  abi: Abi,
): Unseen['beyond'] {
  const nr = call.startsWith('#') ? Number(call.slice(1)) + abi.numberBase : syscallNumber(abi, call);
  if (nr === undefined) return [];
  const positions = positionsIn(call, conditions ?? [], abi);
  const refused = rows.filter((row) => {
    if (positions.some((at) => row.args[at] === undefined)) return false;
    const args = Array.from({ length: 6 }, (_, index) => row.args[index] ?? 0n);
    return !permits(decideData(policy, [abi], { arch: abi.auditArch, nr, args }).action);
  });
  return refused.length === 0 ? [] : [{ call, seen: usesOf(refused, abi) }];
}

/** How often each use of a call occurred, most often first; none where its arguments tell nothing. */
function usesOf(rows: readonly RecordedCall[], abi: Abi): readonly string[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const text = useText(row, shapeOf(row.call, abi), abi);
    if (text !== '') counts.set(text, (counts.get(text) ?? 0) + row.count);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([text, count]) => `${text} (${count})`);
}

function useText(row: RecordedCall, shapes: readonly ArgumentShape[], abi: Abi): string {
  const parts = (parametersOf(row.call, abi) ?? []).flatMap((parameter, index) => {
    const value = row.args[index];
    if (value === undefined || shapes[index] === 'nothing' || shapes[index] === 'descriptor') return [];
    return [`${parameter.names[0]} == ${valueText(parameter, value, abi)}`];
  });
  return parts.join(' && ');
}
