// Kafel's policies, alone or as nsjail's seccomp_string lines. Source: the kafel README, src/parser.y, src/codegen.c.
//
//   #define STDOUT 1
//   POLICY io { ALLOW { write { fd == STDOUT }, read }, ERRNO(13) { open { flags & O_WRONLY } } }
//   USE io DEFAULT KILL
//
// The first rule that matches decides. KILL is the thread's. Arguments have the kernel's names and, to 4 or 8 bytes, its
// widths; comparisons are unsigned. Calls have the kernel's inner names (newstat for stat).

import { dirname, isAbsolute, join } from 'node:path';
import { PolicyError } from '../errors.ts';
import { type Abi, type AbiName, isAbiName } from '../linux/abi.ts';
import { parametersOf } from '../linux/arguments.ts';
import { constantValue } from '../linux/constants.ts';
import { errnoName, errnoNumber } from '../linux/errno.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { actionText, sameAction } from '../policy/action.ts';
import { and, anyOf, not, type Truth } from '../policy/algebra/truth.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Comparison, Origin, Policy, Target } from '../policy/model.ts';
import type { Box } from './cubes.ts';
import { type OrderedRule, orderFree, StatementList } from './first-match.ts';
import type { Format, Loss, ReadOptions, ReadResult, WriteOptions, WriteResult } from './format.ts';
import { planFor } from './plan.ts';
import { registerCondition } from './registers.ts';
import { describe, integerOf, type Patterns, Scanner, type Token } from './scanner.ts';

const patterns: Patterns = [
  ['skip', /[ \t\r\n;]+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ['number', /-?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)\b/y],
  ['string', /"[^"\n]*"/y],
  ['word', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['symbol', /\|\||&&|==|!=|<=|>=|[|&<>~(){}[\],!#]/y],
];

export const kafel: Format = {
  name: 'kafel',
  help: "Kafel policy, alone or in an nsjail configuration's seccomp_string",
  detect(text) {
    if (/^[ \t]*seccomp_string[ \t]*:/m.test(text)) return true;
    const bare = text.replace(/\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, '');
    return (
      /\bPOLICY\s+\w+\s*\{|^[ \t]*(?:ALLOW|LOG|KILL\w*|DENY|ERRNO\s*\(|TRAP\s*\(|TRACE\s*\(|USER_NOTIF)[^\n]*\{/m.test(
        bare,
      ) && !/^[ \t]*seccomp/m.test(bare)
    );
  },
  read,
  write,
};

interface Rule {
  readonly target: Target;
  readonly rule: OrderedRule;
}

interface Reading {
  readonly options: ReadOptions;
  readonly constants: Map<string, bigint>;
  readonly policies: Map<string, readonly Rule[]>;
  readonly top: Rule[];
  readonly head: { default?: Action };
  readonly chain: readonly string[];
}

const KILL: Action = { kind: 'kill-thread' };

function read(text: string, options: ReadOptions): ReadResult {
  const reading: Reading = {
    options,
    constants: new Map(),
    policies: new Map(),
    top: [],
    head: {},
    chain: [options.file],
  };
  readProgram(fromNsjail(text), reading);
  const fallback = reading.head.default ?? KILL;
  const rules = new Map<string, { target: Target; list: OrderedRule[] }>();
  for (const { target, rule } of reading.top) {
    const key = JSON.stringify(target);
    const entry = rules.get(key) ?? { target, list: [] };
    rules.set(key, entry);
    entry.list.push(rule);
  }
  const list = new StatementList();
  for (const { target, list: ordered } of rules.values()) {
    for (const rule of orderFree(ordered)) list.add(target, rule);
  }
  const policy: Policy = {
    default: fallback,
    unknown: fallback,
    abis: [options.abi.name],
    statements: list.statements,
    defaults: [],
  };
  return { policy, warnings: [] };
}

/** The strings of an nsjail configuration, each on the lines where it stood, so that places stay right. */
function fromNsjail(text: string): string {
  if (!/^[ \t]*seccomp_string[ \t]*:/m.test(text)) return text;
  let result = '';
  let position = 0;
  const blank = (part: string) => part.replace(/[^\n]/g, ' ');
  const pattern = /seccomp_string\s*:\s*((?:"(?:[^"\\\n]|\\.)*"\s*|'(?:[^'\\\n]|\\.)*'\s*)+)/g;
  for (const match of text.matchAll(pattern)) {
    const start = match.index + match[0].length - match[1]!.length;
    result += blank(text.slice(position, start));
    // Quotes become blanks, and escapes what they stand for, as wide as they were.
    result += match[1]!
      .replace(/(?<!\\)["']/g, ' ')
      .replace(/\\n/g, ' \n')
      .replace(/\\t/g, '  ')
      .replace(/\\(["'\\])/g, ' $1');
    position = match.index + match[0].length;
  }
  return result + blank(text.slice(position));
}

function readProgram(text: string, reading: Reading): void {
  const source: Source = { name: reading.chain.at(-1)!, text };
  const scanner = new Scanner(source, patterns);
  for (;;) {
    const token = scanner.peek();
    if (token.kind === 'end') return;
    if (scanner.take('#')) readDirective(scanner, reading);
    else if (scanner.take('POLICY')) {
      const name = scanner.expectKind('word', "a policy's name");
      if (reading.policies.has(name.text)) throw scanner.error(name, `policy ${name.text} is defined twice`);
      scanner.expect('{');
      reading.policies.set(name.text, readBody(scanner, reading));
    } else if (scanner.take('DEFAULT')) {
      const action = readAction(scanner, reading);
      if (reading.head.default !== undefined) throw scanner.error(token, 'the default is given twice');
      reading.head.default = action;
    } else if (!scanner.take(',')) readStatement(scanner, reading, reading.top);
  }
}

function readDirective(scanner: Scanner, reading: Reading): void {
  const word = scanner.next();
  if (word.text === 'define') {
    const name = scanner.expectKind('word', "a constant's name");
    const value = scanner.next();
    const number = integerOf(value.text);
    if (value.kind !== 'number' || number === undefined)
      throw scanner.error(value, `expected a number, found ${describe(value)}`);
    if (reading.constants.has(name.text)) throw scanner.error(name, `${name.text} is defined twice`);
    reading.constants.set(name.text, number);
    return;
  }
  if (word.text !== 'include')
    throw scanner.error(word, `#${word.text.slice(0, 40)} is no directive`, 'there are #define and #include');
  do {
    const file = scanner.expectKind('string', 'a file name in quotes');
    const wanted = file.text.slice(1, -1);
    const path = isAbsolute(wanted) ? wanted : join(dirname(scanner.source.name), wanted);
    if (reading.chain.includes(path) || reading.chain.length > 32)
      throw scanner.error(file, 'files include each other in a circle');
    if (reading.options.files === undefined) throw scanner.error(file, '#include works only in files');
    readProgram(reading.options.files.text(path), { ...reading, chain: [...reading.chain, path] });
  } while (scanner.peek().kind === 'string');
}

/** Statements up to the closing brace. */
function readBody(scanner: Scanner, reading: Reading): readonly Rule[] {
  const rules: Rule[] = [];
  while (!scanner.take('}')) {
    if (!scanner.take(',')) readStatement(scanner, reading, rules);
  }
  return rules;
}

/** More rules than any policy has; policies that use policies could make more of a short text. */
const MAX_RULES = 200_000;

function readStatement(scanner: Scanner, reading: Reading, rules: Rule[]): void {
  if (scanner.take('USE')) {
    const name = scanner.expectKind('word', "a policy's name");
    const used = reading.policies.get(name.text);
    if (used === undefined)
      throw scanner.error(name, `there is no policy ${name.text.slice(0, 60)} above this`);
    if (rules.length + used.length > MAX_RULES) throw scanner.error(name, 'the policy has too many rules');
    for (const rule of used) rules.push(rule);
    return;
  }
  const action = readAction(scanner, reading);
  scanner.expect('{');
  while (!scanner.take('}')) {
    if (!scanner.take(',')) readRule(scanner, reading, action, rules);
  }
}

const plainActions: Readonly<Record<string, Action>> = {
  ALLOW: { kind: 'allow' },
  LOG: { kind: 'log' },
  KILL,
  DENY: KILL,
  KILL_THREAD: KILL,
  KILL_PROCESS: { kind: 'kill' },
  USER_NOTIF: { kind: 'notify' },
};

function readAction(scanner: Scanner, reading: Reading): Action {
  const token = scanner.next();
  if (Object.hasOwn(plainActions, token.text)) return plainActions[token.text]!;
  if (!['ERRNO', 'TRAP', 'TRACE'].includes(token.text)) {
    throw scanner.error(
      token,
      `expected an action, found ${describe(token)}`,
      'such as ALLOW, KILL or ERRNO(1)',
    );
  }
  scanner.expect('(');
  const value = scanner.next();
  const number = value.kind === 'word' ? numberOf(value, reading) : integerOf(value.text);
  const most = token.text === 'ERRNO' ? 4095n : 0xffffn;
  if (number === undefined || number < 0n || number > most) {
    throw scanner.error(value, `${describe(value)} is no number for ${token.text}`, `it is 0 … ${most}`);
  }
  scanner.expect(')');
  if (token.text === 'ERRNO') {
    return { kind: 'errno', errno: errnoName(Number(number), reading.options.abi) ?? Number(number) };
  }
  if (token.text === 'TRACE')
    return number === 0n ? { kind: 'trace' } : { kind: 'trace', data: Number(number) };
  return number === 0n ? { kind: 'trap' } : { kind: 'trap', data: Number(number) };
}

/** The kernel's inner names of calls, where they are not the ones that the tables of numbers have. */
const innerNames: Readonly<Record<string, string>> = {
  newstat: 'stat',
  newfstat: 'fstat',
  newlstat: 'lstat',
  newuname: 'uname',
  sendfile64: 'sendfile',
  umount: 'umount2',
};

function readRule(scanner: Scanner, reading: Reading, action: Action, rules: Rule[]): void {
  const token = scanner.next();
  const origin: Origin = { source: scanner.source.name, place: placeAt(scanner.source, token.start) };
  const target = targetOf(scanner, token, reading);
  const name = target.kind === 'name' ? target.name : undefined;
  const names = scanner.take('(') ? readNames(scanner) : undefined;
  let isHere = true;
  if (scanner.take('ON')) isHere = readArchitectures(scanner, reading);
  let when: Truth = true;
  if (scanner.take('{') && !scanner.take('}')) {
    when = readAlternatives(scanner, { reading, call: name, names }, 0);
    scanner.expect('}');
  }
  if (scanner.take('ON')) isHere = readArchitectures(scanner, reading);
  if (isHere) rules.push({ target, rule: { action, when, origin } });
}

function targetOf(scanner: Scanner, token: Token, reading: Reading): Target {
  const { abi } = reading.options;
  if (token.text === 'SYSCALL') {
    scanner.expect('[');
    const value = scanner.next();
    const number = value.kind === 'word' ? numberOf(value, reading) : integerOf(value.text);
    scanner.expect(']');
    if (number === undefined || number < 0n || number > 0x3fffffffn)
      throw scanner.error(value, `${describe(value)} is no call number`);
    return { kind: 'number', number: Number(number) - abi.numberBase };
  }
  const defined = reading.constants.get(token.text);
  if (defined !== undefined && defined >= 0n && defined <= 0x3fffffffn) {
    return { kind: 'number', number: Number(defined) - abi.numberBase };
  }
  const inner = Object.hasOwn(innerNames, token.text) ? innerNames[token.text] : undefined;
  const name = inner !== undefined && syscallNumber(abi, token.text) === undefined ? inner : token.text;
  if (token.kind === 'word' && isSyscallName(name)) return { kind: 'name', name };
  throw scanner.error(
    token,
    `no system call is called ${describe(token)}`,
    didYouMean(nearest(token.text.slice(0, 64), syscallNames())),
  );
}

function readNames(scanner: Scanner): readonly string[] {
  const names: string[] = [];
  while (!scanner.take(')')) {
    const name = scanner.expectKind('word', "an argument's name");
    if (names.includes(name.text)) throw scanner.error(name, `${name.text} stands here twice`);
    names.push(name.text);
    if (names.length > 6) throw scanner.error(name, 'a call has at most six arguments');
    scanner.take(',');
  }
  return names;
}

const archNames: Readonly<Record<string, AbiName>> = { x86: 'i386', amd64: 'x86_64', arm64: 'aarch64' };

function readArchitectures(scanner: Scanner, reading: Reading): boolean {
  const names: string[] = [];
  if (scanner.take('{')) {
    while (!scanner.take('}'))
      if (!scanner.take(',')) names.push(scanner.expectKind('word', 'an architecture').text);
  } else names.push(scanner.expectKind('word', 'an architecture').text);
  return names.some(
    (name) => (archNames[name] ?? (isAbiName(name) ? name : undefined)) === reading.options.abi.name,
  );
}

interface Context {
  readonly reading: Reading;
  readonly call: string | undefined;
  /** Declared names of the arguments; without them the kernel's. */
  readonly names: readonly string[] | undefined;
}

const MAX_DEPTH = 100;

function readAlternatives(scanner: Scanner, context: Context, depth: number): Truth {
  if (depth > MAX_DEPTH) throw scanner.error(scanner.peek(), 'the expression is nested too deeply');
  const any: Truth[] = [];
  do {
    const all: Truth[] = [];
    do all.push(readPrimary(scanner, context, depth));
    while (scanner.take('&&'));
    any.push(and(...all));
  } while (scanner.take('||') || scanner.take(','));
  return anyOf(any);
}

function readPrimary(scanner: Scanner, context: Context, depth: number): Truth {
  if (depth > MAX_DEPTH) throw scanner.error(scanner.peek(), 'the expression is nested too deeply');
  if (scanner.take('!')) return not(readPrimary(scanner, context, depth + 1));
  const start = scanner.peek();
  if (scanner.take('(')) {
    const inner = readAlternativesOrOperand(scanner, context, depth + 1);
    scanner.expect(')');
    if (typeof inner === 'boolean' || 'kind' in inner) return inner;
    return compare(scanner, start, inner, context);
  }
  return compare(scanner, start, readOperand(scanner, context), context);
}

/** A register under a mask, or a constant. */
type Operand = { readonly index: number; readonly mask?: bigint } | { readonly constant: bigint };

/** What stands in brackets is an expression, or one side of a comparison. */
function readAlternativesOrOperand(scanner: Scanner, context: Context, depth: number): Truth | Operand {
  const next = scanner.peek();
  if (next.text === '(' || next.text === '!') return readAlternatives(scanner, context, depth);
  const operand = readOperand(scanner, context);
  if (scanner.peek().text === ')') return operand;
  const first = compare(scanner, next, operand, context);
  const all = [first];
  while (scanner.take('&&')) all.push(readPrimary(scanner, context, depth));
  const any = [and(...all)];
  while (scanner.take('||') || scanner.take(',')) any.push(readAlternatives(scanner, context, depth));
  return anyOf(any);
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
const swapped: Readonly<Record<string, Comparison>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function compare(scanner: Scanner, start: Token, left: Operand, context: Context): Truth {
  const token = scanner.peek();
  if (!comparisons.includes(token.text)) {
    // Older policies test flags without a comparison.
    if ('index' in left && left.mask !== undefined) return test(context, left, '!=', 0n);
    throw scanner.error(token, `expected ==, !=, <, <=, > or >=, found ${describe(token)}`);
  }
  scanner.next();
  const right = scanner.take('(')
    ? closed(scanner, readOperand(scanner, context))
    : readOperand(scanner, context);
  const op = token.text as Comparison;
  if ('index' in left && 'constant' in right) return test(context, left, op, right.constant);
  if ('constant' in left && 'index' in right) return test(context, right, swapped[op] ?? op, left.constant);
  throw scanner.error(start, 'a comparison needs an argument on one side and a constant on the other');
}

function closed(scanner: Scanner, operand: Operand): Operand {
  scanner.expect(')');
  return operand;
}

function test(
  { reading, call }: Context,
  operand: { readonly index: number; readonly mask?: bigint },
  op: Comparison,
  constant: bigint,
): Truth {
  const { index, mask } = operand;
  const { abi, exact } = reading.options;
  const parameter = call === undefined ? undefined : parametersOf(call, abi)?.[index];
  const value = BigInt.asUintN(64, constant);
  // Kafel compares four bytes where the argument has no more, unless the constant has.
  const isShort = value <= 0xffffffffn && (mask ?? 0n) <= 0xffffffffn;
  const isNarrow = parameter !== undefined && parameter.bits <= 32 && (exact !== true || isShort);
  const bits = isNarrow && exact === true ? { bits: 32 as const } : {};
  if (mask === undefined || op === '==' || op === '!=') {
    const more = mask === undefined ? {} : { mask };
    return registerCondition(call, { index, op, value, ...more, ...bits }, exact === true);
  }
  return orderOfMasked(call, index, mask, op, value, exact === true);
}

/** `x & MASK > 0` and `>= 1` ask for any bit; other orders of masked values nobody needs. */
function orderOfMasked(
  call: string | undefined,
  index: number,
  mask: bigint,
  op: Comparison,
  value: bigint,
  exact: boolean,
): Truth {
  const any = registerCondition(call, { index, op: '!=', mask, value: 0n }, exact);
  if ((op === '>' && value === 0n) || (op === '>=' && value === 1n)) return any;
  if ((op === '<=' && value === 0n) || (op === '<' && value === 1n)) return not(any);
  if (op === '>=' && value === 0n) return true;
  if (op === '<' && value === 0n) return false;
  // The values under the mask, one by one, where they are few.
  const bits: bigint[] = [];
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) bits.push(rest & -rest);
  if (bits.length > 8)
    throw new PolicyError('an order of a value under a mask of more than eight bits', {
      advice: 'compare with == or !=',
    });
  const values = Array.from({ length: 1 << bits.length }, (_, which) =>
    bits.reduce((sum, bit, at) => ((which >> at) & 1 ? sum | bit : sum), 0n),
  );
  const holds = (one: bigint) =>
    op === '<' ? one < value : op === '<=' ? one <= value : op === '>' ? one > value : one >= value;
  return anyOf(
    values.filter(holds).map((one) => registerCondition(call, { index, op: '==', mask, value: one }, exact)),
  );
}

/** An argument, possibly under a mask, or constants joined with `|` and `&`. */
function readOperand(scanner: Scanner, context: Context): Operand {
  let operand = readTerm(scanner, context);
  for (;;) {
    const token = scanner.peek();
    if (token.text !== '&' && token.text !== '|') return operand;
    scanner.next();
    const right = readTerm(scanner, context);
    if ('constant' in operand && 'constant' in right) {
      operand = {
        constant: token.text === '&' ? operand.constant & right.constant : operand.constant | right.constant,
      };
    } else if (token.text === '&' && 'index' in operand && 'constant' in right) {
      const mask = BigInt.asUintN(64, right.constant);
      operand = { index: operand.index, mask: operand.mask === undefined ? mask : operand.mask & mask };
    } else if (token.text === '&' && 'constant' in operand && 'index' in right) {
      operand = { index: right.index, mask: BigInt.asUintN(64, operand.constant) };
    } else if (
      token.text === '|' &&
      'index' in operand &&
      operand.mask !== undefined &&
      'constant' in right
    ) {
      // `flags & A|B`: the constants belong together.
      operand = { index: operand.index, mask: operand.mask | BigInt.asUintN(64, right.constant) };
    } else throw scanner.error(token, `${token.text} needs an argument and a constant, or two constants`);
  }
}

function readTerm(scanner: Scanner, context: Context): Operand {
  const token = scanner.next();
  if (token.kind === 'number') {
    const number = integerOf(token.text);
    if (number === undefined) throw scanner.error(token, `${describe(token)} is no 64-bit number`);
    return { constant: number };
  }
  if (token.text === '~') {
    const inner = readTerm(scanner, context);
    if ('constant' in inner) return { constant: ~inner.constant };
    throw scanner.error(token, '~ stands before a constant');
  }
  if (token.text === '(') {
    const inner = readOperand(scanner, context);
    scanner.expect(')');
    return inner;
  }
  if (token.kind !== 'word')
    throw scanner.error(token, `expected an argument or a constant, found ${describe(token)}`);
  const { reading, call, names } = context;
  const defined = reading.constants.get(token.text);
  if (defined !== undefined) return { constant: defined };
  const index =
    names === undefined
      ? ((call === undefined ? undefined : parametersOf(call, reading.options.abi))?.findIndex((one) =>
          one.names.includes(token.text),
        ) ?? -1)
      : names.indexOf(token.text);
  if (index >= 0) return { index };
  const constant = constantValue(token.text, reading.options.abi);
  if (constant !== undefined) return { constant };
  throw scanner.error(
    token,
    `${describe(token)} is neither an argument of ${call ?? 'the call'} nor a constant`,
  );
}

function numberOf(token: Token, reading: Reading): bigint | undefined {
  return (
    reading.constants.get(token.text) ??
    (errnoNumber(token.text, reading.options.abi) === undefined
      ? undefined
      : BigInt(errnoNumber(token.text, reading.options.abi)!))
  );
}

function write(policy: Policy, { abis: served, name }: WriteOptions): WriteResult {
  const [native] = served;
  const plan = planFor(policy, [native], { foreign: KILL, trapData: true });
  const lost: Loss[] = [...plan.lost];
  const blocks: string[] = [];
  const conditional = new Map<string, string[]>();
  const plain = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, action: Action, text: string) => {
    const word = actionWord(action, native, lost);
    map.set(word, [...(map.get(word) ?? []), text]);
  };
  for (const call of plan.calls) {
    const own = kafelName(call.name, native);
    for (const { action, boxes } of call.rules) {
      add(
        conditional,
        action,
        `${own}(${argumentList(boxes)}) {\n      ${boxes.map(boxText).join(' ||\n      ')}\n    }`,
      );
    }
    if (!sameAction(call.otherwise, plan.default)) add(plain, call.otherwise, own);
  }
  for (const [word, rules] of [...conditional, ...plain]) {
    blocks.push(`  ${word} {\n    ${rules.join(',\n    ')}\n  }`);
  }
  const policyName = name.replace(/\W/g, '_').replace(/^(?=[\d_])/, 'p') || 'policy';
  const body = blocks.length === 0 ? '{}' : `{\n${blocks.join(',\n')}\n}`;
  const fallback = actionWord(plan.default, native, lost);
  return { text: `POLICY ${policyName} ${body}\n\nUSE ${policyName} DEFAULT ${fallback}\n`, lost };
}

function kafelName(name: string, abi: Abi): string {
  const inner = Object.entries(innerNames).find(([, own]) => own === name)?.[0];
  return inner !== undefined && syscallNumber(abi, inner) === undefined ? inner : name;
}

/** Names for the arguments up to the last that is looked at. */
function argumentList(boxes: readonly Box[]): string {
  const last = Math.max(...boxes.flatMap((box) => [...box.keys()]));
  return Array.from({ length: last + 1 }, (_, index) => `arg${index}`).join(', ');
}

function boxText(box: Box): string {
  return [...box]
    .map(([index, { mask, value }]) => `(arg${index} & 0x${mask.toString(16)}) == 0x${value.toString(16)}`)
    .join(' && ');
}

function actionWord(action: Action, abi: Abi, lost: Loss[]): string {
  switch (action.kind) {
    case 'errno':
      return `ERRNO(${typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, abi)})`;
    case 'trace':
      return `TRACE(${action.data ?? 0})`;
    case 'trap':
      return `TRAP(${action.data ?? 0})`;
    default: {
      const found = Object.entries(plainActions).find(([, one]) => one.kind === action.kind)?.[0];
      if (found === undefined)
        lost.push({ what: `${actionText(action)} has no name in kafel`, restricts: false });
      return found ?? 'KILL';
    }
  }
}
