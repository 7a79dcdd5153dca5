// Policies as minijail's: the text that minijail0 reads, and the one for its compiler. See minijail.ts.

import type { Abi } from '../linux/abi.ts';
import { errnoNumber } from '../linux/errno.ts';
import { syscallNames } from '../linux/syscalls.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { type Action, defaultOf, type Policy } from '../policy/model.ts';
import type { Box } from './cubes.ts';
import type { Loss } from './format.ts';
import { type PlannedCall, type PlannedRule, planFor } from './plan.ts';

const KILL: Action = { kind: 'kill' };

interface Written {
  readonly text: string;
  readonly lost: readonly Loss[];
}

/** minijail0 knows allow, one error, and kill; a call that is not named is killed. */
export function writeForMinijail0(
  policy: Policy,
  { abis }: { readonly abis: readonly [Abi, ...Abi[]] },
): Written {
  const [native] = abis;
  const plan = planFor(policy, [native], { unknown: KILL, foreign: KILL });
  const lost: Loss[] = [...plan.lost];
  const planned = new Map(plan.calls.map((call) => [call.name, call]));
  const changed = new Map<string, string[]>();
  const answer = (action: Action, name: string): string | undefined => {
    if (action.kind === 'allow' || action.kind === 'log') {
      if (action.kind === 'log') change(changed, 'log is allow', name);
      return '1';
    }
    if (action.kind === 'kill') return undefined;
    if (action.kind === 'errno') return actionWord(action, native, lost);
    change(changed, `${actionText(action)} is kill`, name);
    return undefined;
  };
  const lines: string[] = [];
  for (const name of syscallNames(native)) {
    const call = planned.get(name);
    if (call === undefined || call.rules.length === 0) {
      const action = call?.otherwise ?? plan.default;
      // Where the default is an error, naming each call that gets it would say nothing that helps: they are killed.
      if (call === undefined && !permits(action)) continue;
      const word = answer(action, name);
      if (word !== undefined) lines.push(`${name}: ${word}`);
      continue;
    }
    const allowed = call.rules.filter((rule) => permits(rule.action)).flatMap((rule) => rule.boxes);
    const boxes = permits(call.otherwise) ? [...allowed, ...(call.rest() ?? [])] : allowed;
    const refused = [...call.rules.map((rule) => rule.action), call.otherwise].filter((one) => !permits(one));
    const word = refused[0] === undefined ? undefined : answer(refused[0], name);
    if (refused.some((one) => !sameAction(one, refused[0]!))) change(changed, 'one error only', name);
    if (boxes.length === 0) lines.push(`${name}: ${word ?? 'return EPERM'}`);
    else lines.push(`${name}: ${boxes.map(boxText).join(' || ')}${word === undefined ? '' : `; ${word}`}`);
  }
  if (defaultOf(policy).kind !== 'kill' && !permits(defaultOf(policy))) {
    change(changed, `default ${actionText(defaultOf(policy))} is kill`, 'all other calls');
  }
  for (const [what, names] of changed) lost.push({ what: `${what}: ${names.join(', ')}`, restricts: false });
  return { text: `${lines.join('\n')}\n`, lost };
}

function change(changed: Map<string, string[]>, what: string, name: string): void {
  changed.set(what, [...(changed.get(what) ?? []), name]);
}

/** The compiler knows lists of conditions with an action each, and every default that refuses but an error. */
export function writeForCompiler(
  policy: Policy,
  { abis }: { readonly abis: readonly [Abi, ...Abi[]] },
): { readonly text: string; readonly lost: readonly Loss[] } {
  const [native] = abis;
  const fallback = defaultOf(policy);
  const isDenylist = permits(fallback);
  const canDefault = ['kill', 'kill-thread', 'trap', 'notify'].includes(fallback.kind);
  const own: Action = isDenylist ? { kind: 'allow' } : canDefault ? fallback : KILL;
  const plan = planFor(policy, [native], { unknown: own, foreign: KILL });
  const lost: Loss[] = [...plan.lost];
  if (!sameAction(own, fallback)) {
    lost.push({
      what: `default ${actionText(fallback)}: minijail's default can only be kill, trap or notify; it is ${actionText(own)}`,
      restricts: permits(own) && !permits(fallback),
    });
  }
  const lines: string[] = [];
  if (isDenylist) lines.push('@denylist');
  else if (fallback.kind !== 'kill' && canDefault)
    lines.push(`@default ${actionWord(fallback, native, lost)}`);
  for (const call of plan.calls) {
    const all = isDenylist ? refusals(call) : call.rules;
    if (all === undefined) {
      lost.push({ what: `${call.name}: its rules do not fit, and are left out`, restricts: true });
      continue;
    }
    const parts = all.map(({ action, boxes }) => ({ action, text: boxes.map(boxText).join(' || ') }));
    const isElse = !sameAction(call.otherwise, plan.default) && (!isDenylist || all.length === 0);
    const rest = isElse ? call.otherwise : undefined;
    const deny = (action: Action): Action =>
      isDenylist && action.kind !== 'errno' && !permits(action) ? { kind: 'errno', errno: 'EPERM' } : action;
    const word = (action: Action) => actionWord(deny(action), native, lost);
    if (parts.length === 0) {
      if (rest !== undefined) lines.push(`${call.name}: ${word(rest)}`);
    } else if (parts.length === 1 && rest === undefined && parts[0]!.action.kind === 'allow') {
      lines.push(`${call.name}: ${parts[0]!.text}`);
    } else {
      const list = parts.map(({ action, text }) => `${text}; ${word(action)}`);
      lines.push(`${call.name}: {${[...list, ...(rest === undefined ? [] : [word(rest)])].join(', ')}}`);
    }
  }
  if (
    isDenylist &&
    plan.calls.some((call) =>
      [call.otherwise, ...call.rules.map((rule) => rule.action)].some(
        (a) => !permits(a) && a.kind !== 'errno',
      ),
    )
  ) {
    lost.push({
      what: 'a denylist can only return errors: what was to be killed gets EPERM',
      restricts: false,
    });
  }
  return { text: `${lines.join('\n')}\n`, lost };
}

/** What a denylist can say of a call: when it is refused. None where it always is. */
function refusals(call: PlannedCall): readonly PlannedRule[] | undefined {
  const rules = call.rules.filter((rule) => !permits(rule.action));
  if (permits(call.otherwise) || call.rules.length === 0) return rules;
  const boxes = call.rest();
  return boxes === undefined ? undefined : [...rules, { action: call.otherwise, boxes }];
}

/** Bits that are set one by one, those that are clear together: minijail has no masked comparison. */
function boxText(box: Box): string {
  const atoms = [...box].flatMap(([index, { mask, value }]) => {
    const set = bitsIn(value).map((bit) => `arg${index} & 0x${bit.toString(16)}`);
    const clear = mask & ~value;
    return clear === 0n ? set : [...set, `arg${index} in 0x${BigInt.asUintN(64, ~clear).toString(16)}`];
  });
  return atoms.join(' && ');
}

function bitsIn(value: bigint): readonly bigint[] {
  const bits: bigint[] = [];
  for (let rest = value; rest !== 0n; rest &= rest - 1n) bits.push(rest & -rest);
  return bits;
}

function actionWord(action: Action, abi: Abi, lost: Loss[]): string {
  switch (action.kind) {
    case 'allow':
      return '1';
    case 'kill':
      return 'kill-process';
    case 'notify':
      return 'user-notify';
    case 'errno':
      return `return ${typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, abi)}`;
    case 'trace':
      if ((action.data ?? 0) !== 0)
        lost.push({ what: `trace ${action.data}: the number is lost`, restricts: false });
      return 'trace';
    default:
      return action.kind;
  }
}
