// The shortest change to a policy that would permit a call: narrow (only with these argument values) and wide (the call at all,
// or its group), and the policy with the narrow changes made. What no statement permits needs one that does; what a
// statement refuses has to be taken out of it, because no other statement can outvote it.

import type { Abi } from '../linux/abi.ts';
import { groupMembers, groups } from '../linux/groups.ts';
import { syscallName } from '../linux/syscalls.ts';
import { permits } from '../policy/action.ts';
import { abiOfData, type Decision, decideData, type SeccompData } from '../policy/evaluate.ts';
import { parseStatement } from '../policy/language/parse.ts';
import { printStatement } from '../policy/language/print.ts';
import { speaksOf } from '../policy/meaning.ts';
import type { Call, Condition, Policy, Statement, Target } from '../policy/model.ts';
import { exactCondition } from './shape.ts';

export interface Change {
  /** In the policy language, or in words where something has to be taken out. */
  readonly policy: string;
  /** The same as an option of a run, where there is one. */
  readonly option?: string;
}

export interface Changes {
  readonly narrow: Change;
  readonly wide: Change;
}

const SOURCE = 'suggestion';

/** How the language names this call: a name, or `#450`. */
export function callText(abi: Abi, nr: number): string {
  return syscallName(abi, nr) ?? `#${nr - abi.numberBase}`;
}

export function changesFor(served: readonly Abi[], data: SeccompData, { by }: Decision): Changes {
  const abi = abiOfData(data);
  if (abi === undefined) {
    const none = { policy: `architecture 0x${data.arch.toString(16)} cannot be served` };
    return { narrow: none, wide: none };
  }
  if (by === 'foreign') {
    const list = [...served, abi].map((one) => one.name);
    const change = { policy: `abi ${list.join(', ')}`, option: `--abi ${list.join(',')}` };
    return { narrow: change, wide: change };
  }
  const call = callText(abi, data.nr);
  const condition = exactCondition(call, abi, data.args);
  const narrow = condition === undefined ? call : `${call}(${condition})`;
  const wide = condition === undefined ? (smallestGroup(call) ?? call) : call;
  if (typeof by === 'string') return { narrow: permit(narrow), wide: permit(wide) };
  return { narrow: takeOut(by, narrow), wide: takeOut(by, call) };
}

function permit(calls: string): Change {
  return { policy: `allow ${calls}`, option: `--allow ${/[^\w,@#]/.test(calls) ? `'${calls}'` : calls}` };
}

function takeOut(statement: Statement, call: string): Change {
  return { policy: `take ${call} out of \`${oneLine(statement)}\`${placeOf(statement)}` };
}

/** A statement on one line, cut where it is long. */
export function oneLine(statement: Statement): string {
  const { comments: _, note: __, ...bare } = statement;
  const text = printStatement(bare).trim().replaceAll(/\s+/g, ' ');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

export function placeOf({ origin }: Statement): string {
  if (origin === undefined) return '';
  const { place } = origin;
  return ` (${place === undefined ? origin.source : `${place.file}:${place.line}`})`;
}

/** The group with the fewest other calls. */
function smallestGroup(name: string): string | undefined {
  let best: string | undefined;
  let size = Number.POSITIVE_INFINITY;
  for (const group of groups().keys()) {
    const members = groupMembers(group) ?? [];
    if (members.length < size && members.includes(name)) [best, size] = [group, members.length];
  }
  return best;
}

/** More steps than one call can need: its ABI, a statement of each strictness, and an allow. */
const MOST_STEPS = 20;

/** A policy and the ABIs that a filter of it serves. */
export interface Served {
  readonly policy: Policy;
  readonly abis: readonly Abi[];
}

/** The same with this call permitted, as narrowly as can be said; or the call at all, if `wide`. */
export function sufficient(from: Served, data: SeccompData, wide = false): Served {
  let { policy, abis } = from;
  const abi = abiOfData(data);
  for (let step = 0; step < MOST_STEPS && abi !== undefined; step++) {
    const decision = decideData(policy, abis, data);
    if (permits(decision.action)) break;
    if (decision.by === 'foreign') {
      abis = [...abis, abi];
      policy = { ...policy, abis: abis.map((one) => one.name) };
    } else policy = withCall(policy, abi, data, decision, wide);
  }
  return policy === from.policy ? from : { policy, abis };
}

function withCall(policy: Policy, abi: Abi, data: SeccompData, { by }: Decision, wide: boolean): Policy {
  const name = callText(abi, data.nr);
  const condition = wide ? undefined : exactCondition(name, abi, data.args);
  if (typeof by === 'string') {
    const text = `allow ${condition === undefined ? name : `${name}(${condition})`}`;
    const [first] = parseStatement(text, SOURCE).statements;
    return { ...policy, statements: [...policy.statements, { ...first!, note: 'suggested by --explain' }] };
  }
  const target: Target =
    syscallName(abi, data.nr) === undefined
      ? { kind: 'number', number: data.nr - abi.numberBase }
      : { kind: 'name', name };
  const when =
    condition === undefined
      ? undefined
      : parseStatement(`allow ${name}(${condition})`, SOURCE).statements[0]?.calls[0]?.when;
  const statements = policy.statements.flatMap((statement) => {
    if (statement !== by) return [statement];
    const calls = statement.calls.flatMap((call) =>
      speaksOf(call, syscallName(abi, data.nr), data.nr - abi.numberBase, policy.kernel)
        ? without(call, target, when)
        : [call],
    );
    return calls.length === 0 ? [] : [{ ...statement, calls }];
  });
  return { ...policy, statements };
}

/** The call pattern without one call, or without it under a condition. */
function without(call: Call, target: Target, when: Condition | undefined): readonly Call[] {
  const rest: readonly Call[] =
    when === undefined
      ? []
      : [
          {
            target,
            when:
              call.when === undefined
                ? { kind: 'not', of: when }
                : { kind: 'and', of: [call.when, { kind: 'not', of: when }] },
          },
        ];
  if (call.target.kind !== 'group') return rest;
  return [{ ...call, except: [...(call.except ?? []), target] }, ...rest];
}
