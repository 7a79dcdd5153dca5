// minijail's policy files. Source: minijail0(5), syscall_filter.c (what minijail0 -S reads) and tools/parser.py (what
// compile_seccomp_policy.py reads).
//
//   read: 1                                      allow
//   socket: arg0 == AF_UNIX || arg0 == AF_INET   allow where it holds, else the default
//   {mmap, mprotect}[arch=x86_64]: {arg2 in ~PROT_EXEC, return EPERM}
//
// The two readers disagree about `expression; return E`: to minijail0 it is what happens where the expression does *not*
// hold, to the compiler what happens where it does. A file with syntax that only the compiler has is read as the compiler's.
// Comparisons are unsigned, of whole registers; `in` says that no other bits are set, `&` that any of these is.

import { dirname, isAbsolute, join } from 'node:path';
import { type Abi, type AbiName, isAbiName } from '../linux/abi.ts';
import { constantValue } from '../linux/constants.ts';
import { errnoName, errnoNumber, isErrnoName } from '../linux/errno.ts';
import { groupMembers } from '../linux/groups.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames } from '../linux/syscalls.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { and, anyOf, type Truth } from '../policy/algebra/truth.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import {
  type Action,
  type Comparison,
  defaultOf,
  type Policy,
  type Target,
  type Value,
} from '../policy/model.ts';
import type { Box } from './cubes.ts';
import { type OrderedRule, orderFree, StatementList } from './first-match.ts';
import { errorIn, type Format, type Loss, type ReadOptions, type ReadResult } from './format.ts';
import { type PlannedCall, type PlannedRule, planFor } from './plan.ts';
import { bitsCondition, registerCondition } from './registers.ts';
import { describe, integerOf, type Patterns, Scanner, type Token } from './scanner.ts';

const patterns: Patterns = [
  ['skip', /[ \t\r\n\f\v]+|\\[ \t\r]*\n|#[^\n]*/y],
  ['argument', /arg[0-9]+\b/y],
  ['number', /-?(?:0[xX][0-9a-fA-F]+|[0-9]+)\b/y],
  ['word', /[A-Za-z_][A-Za-z_0-9@-]*/y],
  ['symbol', /\|\||&&|==|!=|<=|>=|[|&<>~(){}[\]:;,=]/y],
];

export const minijail: Format = {
  name: 'minijail',
  help: 'minijail policy file, as minijail0 -S reads it',
  detect: (text) => isMinijail(text) && !isCompilers(text),
  read: (text, options) => readMinijail(text, options, false),
  write: writeForMinijail0,
};

export const minijailCompiler: Format = {
  name: 'minijail-compiler',
  help: 'minijail policy file, as its compile_seccomp_policy.py reads it',
  detect: (text) => isMinijail(text) && isCompilers(text),
  read: (text, options) => readMinijail(text, options, true),
  write: writeForCompiler,
};

/** Every line is a statement, a directive or a comment. */
function isMinijail(text: string): boolean {
  const lines = linesOf(text).map(({ start, end }) =>
    text
      .slice(start, end)
      .replace(/#[^\n]*/g, '')
      .trim(),
  );
  const real = lines.filter((line) => line !== '');
  const statement = /^(?:\{[^}]*\}|[a-z0-9_]+)(?:\s*\[[^\]]*\])?\s*:\s*(?!\/\/)\S/;
  return (
    real.length > 0 &&
    real.some((line) => statement.test(line)) &&
    real.every((line) => statement.test(line) || /^@(include|frequency|default|denylist)\b/.test(line)) &&
    !real.some((line) => /^(?:apiVersion|kind|metadata|seccomp_string|name|mode)\s*:/.test(line))
  );
}

function isCompilers(text: string): boolean {
  const bare = text.replace(/#[^\n]*/g, '');
  return /[{[]|@default\b|@frequency\b|@denylist\b|:\s*(?:kill|trap|trace|log|user-notify|allow)\b/.test(
    bare,
  );
}

interface Line {
  readonly start: number;
  readonly end: number;
}

/** Lines, each with those that a backslash joins to it. */
function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('\n', start);
    while (end >= 0 && /\\[ \t\r]*$/.test(text.slice(Math.max(start, end - 8), end)))
      end = text.indexOf('\n', end + 1);
    if (end < 0) end = text.length;
    lines.push({ start, end });
    start = end + 1;
  }
  return lines;
}

interface Reading {
  readonly options: ReadOptions;
  readonly isCompiler: boolean;
  readonly rules: Map<string, { readonly target: Target; readonly list: OrderedRule[] }>;
  readonly warnings: string[];
  readonly chain: readonly string[];
  readonly head: { default?: Action; isDenylist: boolean };
}

const KILL: Action = { kind: 'kill' };
const MAX_INCLUDES = 10;

function readMinijail(text: string, options: ReadOptions, isCompiler: boolean): ReadResult {
  const reading: Reading = {
    options,
    isCompiler,
    rules: new Map(),
    warnings: [],
    chain: [options.file],
    head: { isDenylist: false },
  };
  readFile(text, reading);
  const fallback: Action = reading.head.default ?? (reading.head.isDenylist ? { kind: 'allow' } : KILL);
  const list = new StatementList();
  for (const { target, list: rules } of reading.rules.values()) {
    for (const rule of orderFree(rules)) list.add(target, rule);
  }
  const policy: Policy = {
    default: fallback,
    unknown: fallback,
    abis: [options.abi.name],
    statements: list.statements,
    defaults: [],
  };
  return { policy, warnings: reading.warnings };
}

function readFile(text: string, reading: Reading): void {
  const source: Source = { name: reading.chain.at(-1)!, text };
  for (const { start, end } of linesOf(text)) {
    const directive = /^[ \t]*@(\w+)[ \t]*([^\n#]*)/.exec(text.slice(start, end));
    if (directive !== null) {
      readDirective(source, start, directive[1]!, directive[2]!.trim(), reading);
      continue;
    }
    const scanner = new Scanner(source, patterns, start, end);
    if (scanner.peek().kind !== 'end') readStatement(scanner, reading);
  }
}

function readDirective(source: Source, start: number, name: string, rest: string, reading: Reading): void {
  switch (name) {
    case 'include': {
      const path = isAbsolute(rest) ? rest : join(dirname(source.name), rest);
      if (!/^\.?\.?\//.test(rest) && !/^[\w.-]+/.test(rest))
        throw errorIn(source, start, 'expected a path after @include');
      if (reading.chain.includes(path)) throw errorIn(source, start, 'files include each other in a circle');
      if (reading.chain.length >= MAX_INCLUDES)
        throw errorIn(source, start, `includes are nested deeper than ${MAX_INCLUDES} files`);
      const { files } = reading.options;
      if (files === undefined) throw errorIn(source, start, '@include works only in files');
      readFile(files.text(path), { ...reading, chain: [...reading.chain, path] });
      return;
    }
    case 'frequency':
      // How often calls are made: it orders the compiler's tree and means nothing.
      return;
    case 'denylist':
      reading.head.isDenylist = true;
      return;
    case 'default': {
      const scanner = new Scanner(
        { ...source },
        patterns,
        source.text.indexOf(rest, start),
        source.text.indexOf(rest, start) + rest.length,
      );
      const action = readAction(scanner, reading);
      if (permits(action))
        throw errorIn(
          source,
          start,
          'the default must refuse',
          'use @denylist for a list of what is refused',
        );
      reading.head.default = action;
      return;
    }
    default:
      throw errorIn(
        source,
        start,
        `@${name.slice(0, 40)} is no directive`,
        'there are @include, @frequency, @default and @denylist',
      );
  }
}

function readStatement(scanner: Scanner, reading: Reading): void {
  const targets: Target[] = [];
  const first = scanner.peek();
  if (scanner.take('{')) {
    do targets.push(...readCall(scanner, reading));
    while (scanner.take(','));
    scanner.expect('}');
    targets.splice(0, targets.length, ...readGuard(scanner, reading, targets));
  } else targets.push(...readCall(scanner, reading));
  scanner.expect(':');
  const place = placeAt(scanner.source, first.start);
  const from = scanner.peek();
  // The line is read once for each call, since arguments have the widths of the call.
  const filters = (name: string | undefined): readonly OrderedRule[] => {
    const again = new Scanner(scanner.source, patterns, from.start, scanner.limit);
    const read = readFilters(again, reading, name);
    const rest = again.next();
    if (rest.kind !== 'end') throw again.error(rest, `expected the end of the line, found ${describe(rest)}`);
    return read.map((rule) => ({ ...rule, origin: { source: scanner.source.name, place } }));
  };
  if (targets.length === 0) filters(undefined);
  for (const target of targets) {
    const name = target.kind === 'name' ? target.name : undefined;
    const key = name ?? `#${(target as { number: number }).number}`;
    const entry = reading.rules.get(key) ?? { target, list: [] };
    reading.rules.set(key, entry);
    entry.list.push(...filters(name));
  }
}

/** A call, or the members of a group; none where the line is for another architecture. */
function readCall(scanner: Scanner, reading: Reading): readonly Target[] {
  const token = scanner.next();
  let targets: readonly Target[];
  if (token.kind === 'number' && integerOf(token.text) !== undefined) {
    targets = [{ kind: 'number', number: Number(integerOf(token.text)) & 0x3fffffff }];
  } else if (token.kind !== 'word') {
    throw scanner.error(token, `expected a call, found ${describe(token)}`);
  } else if (token.text.includes('@')) {
    const [group, origin] = token.text.split('@');
    const members = origin === 'systemd' ? groupMembers(`@${group}`) : undefined;
    if (members === undefined) throw scanner.error(token, `there is no group ${describe(token)}`);
    targets = members.map((name) => ({ kind: 'name', name }));
  } else if (isSyscallName(token.text)) {
    targets = [{ kind: 'name', name: token.text }];
  } else {
    throw scanner.error(
      token,
      `no system call is called ${describe(token)}`,
      didYouMean(nearest(token.text.slice(0, 64), syscallNames())),
    );
  }
  return readGuard(scanner, reading, targets);
}

const archNames: Readonly<Record<string, AbiName>> = { x86: 'i386', arm64: 'aarch64', ppc64: 'ppc64le' };

/** `[arch=x86_64,arm64]` */
function readGuard(scanner: Scanner, reading: Reading, targets: readonly Target[]): readonly Target[] {
  if (!scanner.take('[')) return targets;
  let isMeant = true;
  do {
    const key = scanner.expectKind('word', 'arch');
    scanner.expect('=');
    const names: string[] = [];
    do names.push(scanner.expectKind('word', 'a value').text);
    while (scanner.take(','));
    if (key.text !== 'arch')
      throw scanner.error(key, `${describe(key)} is not known here`, 'a line can have [arch=…]');
    isMeant = names.some(
      (name) => (archNames[name] ?? (isAbiName(name) ? name : undefined)) === reading.options.abi.name,
    );
  } while (scanner.take(';'));
  scanner.expect(']');
  return isMeant ? targets : [];
}

function readFilters(scanner: Scanner, reading: Reading, name: string | undefined): readonly OrderedRule[] {
  const rules: OrderedRule[] = [];
  const isList = scanner.take('{');
  do {
    if (scanner.peek().kind !== 'argument') {
      rules.push({ action: readAction(scanner, reading), when: true });
      continue;
    }
    const when = readExpression(scanner, reading, name);
    const allow: Action = { kind: 'allow' };
    if (!scanner.take(';')) rules.push({ action: allow, when });
    else if (reading.isCompiler || reading.head.isDenylist)
      rules.push({ action: readAction(scanner, reading), when });
    else rules.push({ action: allow, when }, { action: readAction(scanner, reading), when: true });
  } while (isList && scanner.take(','));
  if (isList) scanner.expect('}');
  // What matches nothing gets the default, before a later line of the same call is asked by the compiler alone.
  return rules;
}

const actions: Readonly<Record<string, Action>> = {
  allow: { kind: 'allow' },
  '1': { kind: 'allow' },
  kill: KILL,
  'kill-process': KILL,
  'kill-thread': { kind: 'kill-thread' },
  trap: { kind: 'trap' },
  trace: { kind: 'trace' },
  log: { kind: 'log' },
  'user-notify': { kind: 'notify' },
};

function readAction(scanner: Scanner, reading: Reading): Action {
  const token = scanner.next();
  if (Object.hasOwn(actions, token.text)) return actions[token.text]!;
  if (token.text !== 'return') {
    throw scanner.error(
      token,
      `expected an action, found ${describe(token)}`,
      'such as 1, allow, kill, trap, log or return EPERM',
    );
  }
  const value = scanner.next();
  if (isErrnoName(value.text)) return { kind: 'errno', errno: value.text };
  const number = integerOf(value.text);
  if (value.kind !== 'number' || number === undefined || number < 0n || number > 4095n) {
    throw scanner.error(value, `${describe(value)} is no error`, 'return is followed by an errno, 0 … 4095');
  }
  return { kind: 'errno', errno: errnoName(Number(number), reading.options.abi) ?? Number(number) };
}

function readExpression(scanner: Scanner, reading: Reading, name: string | undefined): Truth {
  const any: Truth[] = [];
  do {
    const all: Atom[] = [];
    do all.push(readAtom(scanner, reading, name));
    while (scanner.take('&&'));
    any.push(joined(all, name, reading.options.exact === true));
  } while (scanner.take('||'));
  return anyOf(any);
}

/** A comparison, or bits that are all set or all clear. */
type Atom = Truth | { readonly index: number; readonly set: bigint; readonly clear: bigint };

/** All of them. Bits of one register come together as one masked comparison, which is what they were before somebody had
 * to write them one by one. */
function joined(atoms: readonly Atom[], name: string | undefined, exact: boolean): Truth {
  const parts: Truth[] = [];
  const bits = new Map<number, { set: bigint; clear: bigint }>();
  for (const atom of atoms) {
    if (typeof atom === 'boolean' || 'kind' in atom) {
      parts.push(atom);
      continue;
    }
    const own = bits.get(atom.index) ?? { set: 0n, clear: 0n };
    bits.set(atom.index, { set: own.set | atom.set, clear: own.clear | atom.clear });
  }
  for (const [index, { set, clear }] of bits) {
    if ((set & clear) !== 0n) return false;
    parts.push(registerCondition(name, { index, op: '==', mask: set | clear, value: set }, exact));
  }
  return and(...parts);
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

function readAtom(scanner: Scanner, reading: Reading, name: string | undefined): Atom {
  const argument = scanner.expectKind('argument', 'an argument such as arg0');
  const index = Number(argument.text.slice(3));
  if (!(index <= 5))
    throw scanner.error(argument, `there is no ${describe(argument)}`, 'arguments are arg0 … arg5');
  const op = scanner.next();
  const { number, written } = readValue(scanner, reading.options.abi, 0);
  const exact = reading.options.exact === true;
  const value = BigInt.asUintN(64, number);
  if (op.text === '&') {
    const isOneBit = value !== 0n && (value & (value - 1n)) === 0n;
    return isOneBit ? { index, set: value, clear: 0n } : bitsCondition(name, index, value, true, exact);
  }
  if (op.text === 'in') return { index, set: 0n, clear: BigInt.asUintN(64, ~value) };
  if (!comparisons.includes(op.text))
    throw scanner.error(op, `expected ==, !=, <, <=, >, >=, & or in, found ${describe(op)}`);
  return registerCondition(name, { index, op: op.text as Comparison, value, ...written }, exact);
}

interface ReadValue {
  readonly number: bigint;
  readonly written: { readonly written?: Value };
}

/** Constants joined with `|`, inverted with `~`, in brackets. */
function readValue(scanner: Scanner, abi: Abi, depth: number): ReadValue {
  let number = 0n;
  const names: Value[] = [];
  let isPlain = true;
  do {
    const token = scanner.next();
    if (depth > 100) throw scanner.error(token, 'the constant is nested too deeply');
    if (token.text === '~' || token.text === '(') {
      isPlain = false;
      if (token.text === '(') {
        number |= readValue(scanner, abi, depth + 1).number;
        scanner.expect(')');
      } else number |= ~readInverted(scanner, abi, depth + 1);
    } else if (token.kind === 'word') {
      number |= constantOf(scanner, token, abi);
      names.push({ kind: 'name', name: token.text });
    } else {
      const own = token.kind === 'number' ? integerOf(token.text) : undefined;
      if (own === undefined) throw scanner.error(token, `expected a constant, found ${describe(token)}`);
      number |= own;
      isPlain = false;
    }
  } while (scanner.take('|'));
  if (!isPlain) return { number, written: {} };
  return { number, written: { written: names.length === 1 ? names[0]! : { kind: 'or', of: names } } };
}

function readInverted(scanner: Scanner, abi: Abi, depth: number): bigint {
  const token = scanner.next();
  if (depth > 100) throw scanner.error(token, 'the constant is nested too deeply');
  if (token.text === '(') {
    const { number } = readValue(scanner, abi, depth);
    scanner.expect(')');
    return number;
  }
  const own = token.kind === 'word' ? constantOf(scanner, token, abi) : integerOf(token.text);
  if (own === undefined) throw scanner.error(token, `expected a constant, found ${describe(token)}`);
  return own;
}

function constantOf(scanner: Scanner, token: Token, abi: Abi): bigint {
  const value = constantValue(token.text, abi);
  if (value !== undefined) return value;
  throw scanner.error(token, `no constant is called ${describe(token)}`, 'write its number');
}

interface Written {
  readonly text: string;
  readonly lost: readonly Loss[];
}

/** minijail0 knows allow, one error, and kill; a call that is not named is killed. */
function writeForMinijail0(policy: Policy, { abis }: { readonly abis: readonly [Abi, ...Abi[]] }): Written {
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

function writeForCompiler(
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
