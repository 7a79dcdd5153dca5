// seccompiler's JSON, as Firecracker has it. Source: rust-vmm seccompiler, docs/json_format.md and src/frontend/json.rs.
//
// One filter for each kind of thread, with two actions: where a rule matches, and where none does. The one format that says
// how wide a comparison is: a dword of a 64-bit argument stays one.

import { PolicyError } from '../errors.ts';
import { errnoName, errnoNumber } from '../linux/errno.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames } from '../linux/syscalls.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { and } from '../policy/algebra/truth.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Comparison, Policy } from '../policy/model.ts';
import type { Box } from './cubes.ts';
import { StatementList, strictestFirst } from './first-match.ts';
import type { Format, Loss, ReadOptions, ReadResult, WriteOptions, WriteResult } from './format.ts';
import { objectOf, type Part, readJson, writeJson } from './json.ts';
import { type PlannedRule, planFor } from './plan.ts';
import { registerCondition } from './registers.ts';

export const seccompiler: Format = {
  name: 'seccompiler',
  help: 'seccompiler JSON (Firecracker, rust-vmm)',
  detect(text) {
    const value = objectOf(text);
    if (value === undefined) return false;
    const [first] = Object.values(value);
    return (
      typeof first === 'object' &&
      first !== null &&
      'filter' in first &&
      ('mismatch_action' in first || 'default_action' in first)
    );
  },
  read,
  write,
};

const comparisons: Readonly<Record<string, Comparison>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

const plainActions: Readonly<Record<string, Action>> = {
  allow: { kind: 'allow' },
  kill_process: { kind: 'kill' },
  kill_thread: { kind: 'kill-thread' },
  log: { kind: 'log' },
  trap: { kind: 'trap' },
};

function read(text: string, options: ReadOptions): ReadResult {
  const root = readJson(text, options.file);
  const threads = root.keys();
  const [thread, second] = options.part === undefined ? threads : [options.part];
  if (thread === undefined) throw root.error('has no filter');
  if (second !== undefined) {
    throw new PolicyError(`${options.file} has filters for ${threads.join(', ')}`, {
      advice: `say which with --part, for example --part ${thread}`,
    });
  }
  const filter = root.field(thread);
  if (filter.isMissing) throw root.error(`has no filter for ${thread}`, `it has ${threads.join(', ')}`);
  const either = (name: string, old: string) =>
    actionOf(filter.field(name).isMissing ? filter.field(old) : filter.field(name), options);
  const fallback = either('mismatch_action', 'default_action');
  const action = either('match_action', 'filter_action');
  if (sameAction(fallback, action)) throw filter.error('has the same action for a match and for none');
  const rules = new Map<string, Part[]>();
  for (const rule of filter.field('filter').list()) {
    const name = rule.field('syscall').string();
    if (!isSyscallName(name)) {
      throw rule
        .field('syscall')
        .error('is no system call', didYouMean(nearest(name.slice(0, 64), syscallNames())));
    }
    const own = rules.get(name);
    if (own === undefined) rules.set(name, [rule]);
    else own.push(rule);
  }
  const list = new StatementList();
  const warnings: string[] = [];
  for (const [name, found] of rules) {
    const conditional = found.filter((rule) => !rule.field('args').isMissing);
    if (conditional.length > 0 && conditional.length < found.length) {
      warnings.push(`${name}: beside rules with args the one without counts for nothing, as in seccompiler`);
    }
    const ordered = (conditional.length > 0 ? conditional : found.slice(0, 1)).map((rule) => {
      const args = rule.field('args');
      if (!args.isMissing && args.list().length === 0) throw args.error('is empty', 'leave it out');
      const origin = { source: `${options.file} ${thread}.filter[${rule.path.at(-1)}]` };
      return { action, when: and(...args.list().map((arg) => testOf(arg, name, options))), origin };
    });
    for (const rule of strictestFirst(ordered)) list.add({ kind: 'name', name }, rule);
  }
  return { policy: list.policy(fallback, options.abi.name), warnings };
}

function testOf(arg: Part, name: string, options: ReadOptions) {
  const index = Number(arg.field('index').integer(0n, 5n));
  const bits = arg.field('type').choice({ dword: 32, qword: 64 } as const);
  const value = arg.field('val').integer(0n, (1n << 64n) - 1n);
  const op = arg.field('op');
  const exact = options.exact === true;
  if (typeof op.value === 'string') {
    return registerCondition(
      name,
      { index, op: op.choice(comparisons), value: cut(value, bits), bits },
      exact,
    );
  }
  const mask = op.field('masked_eq').integer(0n, (1n << 64n) - 1n);
  const masked = cut(value & mask, bits);
  return registerCondition(name, { index, op: '==', mask: cut(mask, bits), value: masked, bits }, exact);
}

/** seccompiler compares the low half of the value as well where it compares that of the register. */
function cut(value: bigint, bits: 32 | 64): bigint {
  return BigInt.asUintN(bits, value);
}

function actionOf(part: Part, options: ReadOptions): Action {
  if (typeof part.value === 'string') {
    const text = part.value.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
    if (Object.hasOwn(plainActions, text)) return plainActions[text]!;
    throw part.error(
      `is ${JSON.stringify(part.value.slice(0, 40))}`,
      `it is one of ${Object.keys(plainActions).join(', ')}, {"errno": N}, {"trace": N}`,
    );
  }
  const errno = part.field('errno');
  if (!errno.isMissing) {
    const number = Number(errno.integer(0n, 4095n));
    return { kind: 'errno', errno: errnoName(number, options.abi) ?? number };
  }
  const data = Number(part.field('trace').integer(0n, 0xffffn));
  return data === 0 ? { kind: 'trace' } : { kind: 'trace', data };
}

function write(policy: Policy, { abis, name }: WriteOptions): WriteResult {
  const [native] = abis;
  const plan = planFor(policy, [native], { foreign: { kind: 'kill' } });
  const lost: Loss[] = [...plan.lost];
  const isDenylist = permits(plan.default);
  const match: Action = isDenylist
    ? refusalOf(plan.calls.flatMap((call) => [...call.rules.map((rule) => rule.action), call.otherwise]))
    : { kind: 'allow' };
  const filter: unknown[] = [];
  const say = (call: string, action: Action, boxes: readonly Box[] | undefined) => {
    if (sameAction(action, plan.default)) return;
    if (permits(action) === isDenylist) {
      lost.push({
        what: `${actionText(action)} ${call}: there are two actions only; it gets ${actionText(plan.default)}`,
        restricts: false,
      });
      return;
    }
    if (!sameAction(action, match)) {
      lost.push({ what: `${actionText(action)} ${call}: it gets ${actionText(match)}`, restricts: false });
    }
    if (boxes === undefined) filter.push({ syscall: call });
    else for (const box of boxes) filter.push({ syscall: call, args: argsOf(box) });
  };
  for (const call of plan.calls) {
    const rest = sameAction(call.otherwise, plan.default) ? [] : call.rest();
    const all: PlannedRule[] = [...call.rules, { action: call.otherwise, boxes: rest ?? [] }];
    if (call.rules.length === 0) say(call.name, call.otherwise, undefined);
    else if (rest === undefined) {
      lost.push({ what: `${call.name}: its rules do not fit, and are left out`, restricts: isDenylist });
    } else for (const { action, boxes } of all) say(call.name, action, boxes);
  }
  const number = (action: Action): unknown =>
    action.kind === 'errno'
      ? { errno: typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, native) }
      : action.kind === 'trace'
        ? { trace: action.data ?? 0 }
        : Object.entries(plainActions).find(([, one]) => one.kind === action.kind)?.[0];
  let fallback = plan.default;
  if (fallback.kind === 'notify') {
    lost.push({ what: 'default notify: seccompiler has no such action; it is trap', restricts: false });
    fallback = { kind: 'trap' };
  }
  const thread = { mismatch_action: number(fallback), match_action: number(match), filter };
  return { text: writeJson({ [name]: thread }), lost };
}

/** The one action for what a deny list refuses: the first that it has. */
function refusalOf(actions: readonly Action[]): Action {
  const found = actions.find((action) => !permits(action) && action.kind !== 'notify');
  return found ?? { kind: 'errno', errno: 'EPERM' };
}

function argsOf(box: Box): readonly unknown[] {
  return [...box].map(([index, { mask, value }]) => {
    const isDword = mask <= 0xffffffffn;
    const type = isDword ? 'dword' : 'qword';
    const isWhole = mask === (isDword ? 0xffffffffn : (1n << 64n) - 1n);
    return { index, type, op: isWhole ? 'eq' : { masked_eq: mask }, val: value };
  });
}
