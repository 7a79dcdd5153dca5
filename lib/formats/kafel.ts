// Kafel's policies, alone or as nsjail's seccomp_string lines. Source: the kafel README, src/parser.y, src/codegen.c.
//
//   #define STDOUT 1
//   POLICY io { ALLOW { write { fd == STDOUT }, read }, ERRNO(13) { open { flags & O_WRONLY } } }
//   USE io DEFAULT KILL
//
// The first rule that matches decides. KILL is the thread's. Arguments have the kernel's names and, to 4 or 8 bytes, its
// widths; comparisons are unsigned. Calls have the kernel's inner names (newstat for stat).

import { dirname, isAbsolute, join } from 'node:path';
import { type AbiName, isAbiName } from '../linux/abi.ts';
import { errnoName, errnoNumber } from '../linux/errno.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames, syscallNumber } from '../linux/syscalls.ts';
import type { Truth } from '../policy/algebra/truth.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Origin, Target } from '../policy/model.ts';
import { type OrderedRule, orderFree, StatementList } from './first-match.ts';
import type { Format, ReadOptions, ReadResult } from './format.ts';
import { readAlternatives } from './kafel-expression.ts';
import { innerNames, KILL, plainActions } from './kafel-names.ts';
import { write } from './kafel-write.ts';
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
  return { policy: list.policy(fallback, options.abi.name), warnings: [] };
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

function numberOf(token: Token, reading: Reading): bigint | undefined {
  return (
    reading.constants.get(token.text) ??
    (errnoNumber(token.text, reading.options.abi) === undefined
      ? undefined
      : BigInt(errnoNumber(token.text, reading.options.abi)!))
  );
}
