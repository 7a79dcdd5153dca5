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
import { type AbiName, isAbiName } from '../linux/abi.ts';
import { errnoName, isErrnoName } from '../linux/errno.ts';
import { groupMembers } from '../linux/groups.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames } from '../linux/syscalls.ts';
import { permits } from '../policy/action.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Target } from '../policy/model.ts';
import { type OrderedRule, orderFree, StatementList } from './first-match.ts';
import { errorIn, type Format, type ReadOptions, type ReadResult } from './format.ts';
import { readExpression } from './minijail-expression.ts';
import { writeForCompiler, writeForMinijail0 } from './minijail-write.ts';
import { describe, integerOf, type Patterns, Scanner } from './scanner.ts';

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
  return { policy: list.policy(fallback, options.abi.name), warnings: reading.warnings };
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
    const when = readExpression(scanner, reading.options, name);
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
