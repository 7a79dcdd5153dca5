// OCI: `linux.seccomp` of a container's config.json, alone or inside the whole of it.
// Source: OCI runtime-spec, config-linux.md, "Seccomp", and its JSON schema.
//
// A rule holds where all its argument tests hold. Where several rules hold, the specification does not say which counts: the
// strictest does here. `--as runc` reads what runc 1.1 makes of it with libseccomp (see runc.ts). An architecture that is
// not listed is refused; the native one is always served.

import { type AbiName, abis } from '../linux/abi.ts';
import { errnoName, errnoNumber, isErrnoName } from '../linux/errno.ts';
import { isSyscallName } from '../linux/syscalls.ts';
import { permits, sameAction } from '../policy/action.ts';
import { and, type Truth } from '../policy/algebra/truth.ts';
import type { Action, Comparison, Origin, Policy } from '../policy/model.ts';
import { StatementList, strictestFirst } from './first-match.ts';
import {
  distinct,
  type Format,
  type Loss,
  type ReadOptions,
  type ReadResult,
  type WriteOptions,
} from './format.ts';
import { objectOf, type Part, readJson, writeJson } from './json.ts';
import { archNameOf, archNames, otherArchNames } from './libseccomp.ts';
import { type Plan, planFor } from './plan.ts';
import { registerCondition } from './registers.ts';
import { differences, type RuncRule, runcRules, withRuncUnknown } from './runc.ts';

export const oci: Format = {
  name: 'oci',
  help: 'OCI seccomp JSON (linux.seccomp), alone or in a config.json',
  detect(text) {
    const value = objectOf(text);
    return value !== undefined && ('ociVersion' in value || 'defaultAction' in value);
  },
  read(text, options) {
    const root = readJson(text, options.file);
    const inner = root.field('linux').isMissing ? root : root.field('linux').field('seccomp');
    if (inner.isMissing) throw inner.error('is missing', 'this config.json sets no seccomp filter');
    return readSeccomp(inner, options);
  },
  write(policy, options) {
    const { seccomp, lost } = seccompOf(policy, options);
    return { text: writeJson(seccomp), lost };
  },
};

const tests: Readonly<Record<string, Comparison | 'masked'>> = {
  SCMP_CMP_NE: '!=',
  SCMP_CMP_LT: '<',
  SCMP_CMP_LE: '<=',
  SCMP_CMP_EQ: '==',
  SCMP_CMP_GE: '>=',
  SCMP_CMP_GT: '>',
  SCMP_CMP_MASKED_EQ: 'masked',
};

const actionNames: Readonly<Record<string, Action['kind']>> = {
  SCMP_ACT_KILL: 'kill-thread',
  SCMP_ACT_KILL_THREAD: 'kill-thread',
  SCMP_ACT_KILL_PROCESS: 'kill',
  SCMP_ACT_TRAP: 'trap',
  SCMP_ACT_ERRNO: 'errno',
  SCMP_ACT_TRACE: 'trace',
  SCMP_ACT_ALLOW: 'allow',
  SCMP_ACT_LOG: 'log',
  SCMP_ACT_NOTIFY: 'notify',
};

const flagsKnown: Readonly<Record<string, string>> = {
  SECCOMP_FILTER_FLAG_TSYNC: '',
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: '',
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: '',
  SECCOMP_FILTER_FLAG_LOG: 'SECCOMP_FILTER_FLAG_LOG is left out: use the action log for what is to be logged',
};

/** A seccomp object. `select` says which of the rules count, for profiles that have conditions. */
export function readSeccomp(
  root: Part,
  options: ReadOptions,
  select: (rule: Part) => boolean = () => true,
): ReadResult {
  const warnings: string[] = [];
  const fallback = actionOf(root.field('defaultAction'), root, 'defaultErrnoRet', 'defaultErrno', options);
  const served = servedAbis(root, options, warnings);
  for (const flag of root.field('flags').list()) {
    const warning = flag.choice(flagsKnown);
    if (warning !== '') warnings.push(warning);
  }
  const unknown = new Set<string>();
  const rules = new Map<string, RuncRule[]>();
  for (const rule of root.field('syscalls').list()) {
    if (!select(rule)) continue;
    const action = actionOf(rule.field('action'), rule, 'errnoRet', 'errno', options);
    const args = rule.field('args').list();
    const read = args.map((arg) => ({
      index: Number(arg.field('index').integer(0n, 5n)),
      test: (name: string) => testOf(arg, name, options),
    }));
    const origin = originOf(rule, options.file);
    for (const name of namesOf(rule)) {
      if (!isSyscallName(name)) {
        unknown.add(name);
        continue;
      }
      const conditions = read.map(({ index, test }) => ({ index, when: test(name), on: test }));
      const list = rules.get(name) ?? [];
      rules.set(name, list);
      list.push({ action, conditions, origin });
    }
  }
  if (unknown.size > 0) warnings.push(`unknown calls are left out: ${[...unknown].join(', ')}`);
  const differing = differences(rules, fallback);
  if (options.as === 'runc') {
    const list = new StatementList();
    for (const [name, found] of runcRules(rules, fallback, served)) {
      for (const rule of strictestFirst(found)) list.add({ kind: 'name', name }, rule);
    }
    const policy: Policy = {
      default: fallback,
      foreign: { kind: 'kill-thread' },
      abis: served,
      statements: list.statements,
      defaults: [],
    };
    return { policy: withRuncUnknown(policy, [...rules.keys()], options.abi, warnings), warnings };
  }
  for (const difference of differing) warnings.push(`runc reads this otherwise (--as runc): ${difference}`);
  const list = new StatementList();
  for (const [name, found] of rules) {
    const ordered = found.map(({ action, conditions, origin }) => ({
      action,
      when: and(...conditions.map((one) => one.when)),
      origin,
    }));
    for (const rule of strictestFirst(ordered)) list.add({ kind: 'name', name }, rule);
  }
  const policy: Policy = {
    default: fallback,
    unknown: fallback,
    abis: served,
    statements: list.statements,
    defaults: [],
  };
  return { policy, warnings };
}

/** `names`, and `name` as older profiles have it. */
function namesOf(rule: Part): readonly string[] {
  const single = rule.field('name');
  const names = rule.field('names').list();
  if (!single.isMissing && single.value !== '') {
    if (names.length > 0) throw rule.error('has both name and names', 'use one of them');
    return [single.string()];
  }
  if (names.length === 0) throw rule.error('names no calls', 'give names');
  return names.map((name) => name.string());
}

function testOf(arg: Part, name: string, options: ReadOptions): Truth {
  const most = (1n << 64n) - 1n;
  const index = Number(arg.field('index').integer(0n, 5n));
  const op = arg.field('op').choice(tests);
  const value = arg.field('value').integer(0n, most);
  const second = arg.field('valueTwo');
  const exact = options.exact === true;
  if (op !== 'masked') return registerCondition(name, { index, op, value }, exact);
  const wanted = second.isMissing ? 0n : second.integer(0n, most);
  return registerCondition(name, { index, op: '==', mask: value, value: wanted }, exact);
}

/** An action with its errno: a number (errnoRet), or its name as containers-common has it (errno). */
function actionOf(
  part: Part,
  owner: Part,
  numberField: string,
  nameField: string,
  options: ReadOptions,
): Action {
  const kind = part.choice(actionNames);
  const number = owner.field(numberField);
  const name = owner.field(nameField);
  const hasName = !name.isMissing && name.value !== '';
  if (kind === 'trace')
    return number.isMissing ? { kind, data: 1 } : traceOf(Number(number.integer(0n, 0xffffn)));
  if (kind !== 'errno') {
    // containers-common leaves errnoRet beside other actions; runc refuses it where it is not 0.
    if (!number.isMissing && number.integer(0n, 0xffffffffn) !== 0n) {
      throw number.error('stands beside an action that is not SCMP_ACT_ERRNO', 'leave it out');
    }
    return { kind };
  }
  if (hasName) {
    const text = name.string();
    if (!isErrnoName(text)) throw name.error(`is ${JSON.stringify(text)}`, 'it is an errno such as EPERM');
    const same = errnoNumber(text, options.abi);
    if (!number.isMissing && Number(number.integer(0n, 4095n)) !== same) {
      throw number.error(`and ${nameField} ${text} are not the same error`, 'give one of them');
    }
    return { kind, errno: text };
  }
  if (number.isMissing) return { kind, errno: 'EPERM' };
  const value = Number(number.integer(0n, 4095n));
  return { kind, errno: errnoName(value, options.abi) ?? value };
}

function traceOf(data: number): Action {
  return data === 0 ? { kind: 'trace' } : { kind: 'trace', data };
}

/** The native ABI and those that are listed. */
function servedAbis(root: Part, options: ReadOptions, warnings: string[]): readonly AbiName[] {
  const found: AbiName[] = [options.abi.name];
  for (const arch of root.field('architectures').list()) {
    const name = arch.string();
    const abi = Object.hasOwn(archNames, name) ? archNames[name] : undefined;
    if (abi !== undefined) found.push(abi);
    else if (name === 'SCMP_ARCH_NATIVE') continue;
    else if (otherArchNames.includes(name)) warnings.push(`${name} is left out: there is no table for it`);
    else throw arch.error(`is ${JSON.stringify(name.slice(0, 60))}`, 'it is an SCMP_ARCH_ name');
  }
  return distinct(found);
}

/** Which rule of the file it was. */
function originOf(rule: Part, file: string): Origin {
  return { source: `${file} syscalls[${rule.path.at(-1)}]` };
}

/** The seccomp object of a policy. */
export function seccompOf(
  policy: Policy,
  options: WriteOptions,
  limits: { readonly mostValue?: bigint } = {},
): {
  readonly seccomp: Readonly<Record<string, unknown>>;
  readonly plan: Plan;
  readonly lost: readonly Loss[];
} {
  const served = policy.abis === undefined ? options.abis.map((abi) => abi.name) : policy.abis;
  const abiList = distinct([options.abis[0].name, ...served]).map((name) => abis[name]);
  const [native, ...others] = abiList;
  const plan = planFor(policy, [native!, ...others], { foreign: { kind: 'kill-thread' } });
  const lost: Loss[] = [...plan.lost];
  const most = limits.mostValue ?? (1n << 64n) - 1n;
  const syscalls: unknown[] = [];
  const plain = new Map<string, { action: Action; names: string[] }>();
  for (const { name, otherwise } of plan.calls.filter((call) => call.rules.length === 0)) {
    const key = JSON.stringify(otherwise);
    const group = plain.get(key) ?? { action: otherwise, names: [] };
    plain.set(key, group);
    group.names.push(name);
  }
  for (const { action, names } of plain.values())
    syscalls.push({ names, ...actionFields(action, native!, 'action') });
  for (const call of plan.calls.filter((one) => one.rules.length > 0)) {
    const { name } = call;
    const rest = sameAction(call.otherwise, plan.default) ? [] : call.rest();
    if (rest === undefined) {
      lost.push({
        what: `${name}: its rules do not fit; it is left to the default`,
        restricts: permits(plan.default),
      });
      continue;
    }
    for (const { action, boxes } of [...call.rules, { action: call.otherwise, boxes: rest }]) {
      for (const box of boxes) {
        const args = [...box].map(([index, { mask, value }]) => ({
          index,
          value: mask,
          valueTwo: value,
          op: 'SCMP_CMP_MASKED_EQ',
        }));
        if (args.some((arg) => arg.value > most || arg.valueTwo > most)) {
          lost.push({
            what: `${name}: a value of 2^63 or more cannot be written`,
            restricts: !permits(action) && permits(plan.default),
          });
          continue;
        }
        syscalls.push({ names: [name], ...actionFields(action, native!, 'action'), args });
      }
    }
  }
  const seccomp = {
    ...actionFields(plan.default, native!, 'defaultAction'),
    architectures: abiList.map((abi) => archNameOf(abi.name)),
    syscalls,
  };
  return { seccomp, plan, lost };
}

function actionFields(
  action: Action,
  abi: (typeof abis)[AbiName],
  field: 'action' | 'defaultAction',
): Readonly<Record<string, unknown>> {
  const name = Object.entries(actionNames).find(
    ([text, kind]) => kind === action.kind && text !== 'SCMP_ACT_KILL',
  )![0];
  const numberField = field === 'action' ? 'errnoRet' : 'defaultErrnoRet';
  if (action.kind === 'errno') {
    const number = typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, abi)!;
    return { [field]: name, [numberField]: number };
  }
  if (action.kind === 'trace') return { [field]: name, [numberField]: action.data ?? 0 };
  return { [field]: name };
}
