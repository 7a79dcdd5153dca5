// From recordings to a policy in our language: one statement for each call, with what is known of its arguments, grouped for
// reading, and a comment that says how often it was seen, by which programs, and when.
//
// An argument is constrained only where it was seen often enough, and commands always, because another command is another
// call. What is written is checked against what was seen: every recorded call must be permitted by it.

import { basename } from 'node:path';
import { type Abi, abis } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import { constantValue, familyMask, nameFlags } from '../linux/constants.ts';
import { groupMembers } from '../linux/groups.ts';
import { isSyscallName, syscallNumber } from '../linux/syscalls.ts';
import { permits } from '../policy/action.ts';
import { decideData } from '../policy/evaluate.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import type { Policy } from '../policy/model.ts';
import type { Phase, RecordedCall, Recording } from './recording.ts';
import { isCommand, shapeOf, valueText } from './shape.ts';
import { PLAIN_CLONE, siblings, toEnd } from './siblings.ts';

export interface LearnOptions {
  /** Plain names, no arguments. */
  readonly namesOnly: boolean;
  /** To be added to: what it permits is not said again. */
  readonly onto?: { readonly policy: Policy; readonly text: string };
}

export interface Learnt {
  readonly text: string;
  readonly policy: Policy;
  /** What it is unsure of, in words. */
  readonly doubts: readonly string[];
}

/** Fewer sightings say nothing about what else an argument could be. */
const OFTEN = 3;
const MOST_VALUES = 16;

export function learnPolicy(recordings: readonly Recording[], options: LearnOptions): Learnt {
  const rows = recordings.flatMap((one) => one.calls);
  const onto = options.onto;
  const news = onto === undefined ? rows : rows.filter((row) => !isPermitted(onto.policy, row));
  const lines = statementsFor(news, recordings, options);
  const text = onto === undefined ? `${head(recordings, rows)}${lines}` : addTo(onto.text, recordings, lines);
  const policy = parsePolicy(text, { file: 'learnt' });
  const missing = rows.find((row) => !isPermitted(policy, row));
  if (missing !== undefined)
    throw new Error(`what was learnt does not permit ${missing.call}, which was seen`);
  return { text, policy, doubts: doubtsOf(recordings, news) };
}

function isPermitted(policy: Policy, row: RecordedCall): boolean {
  const abi = abis[row.abi];
  const nr = row.call.startsWith('#')
    ? Number(row.call.slice(1)) + abi.numberBase
    : syscallNumber(abi, row.call);
  if (nr === undefined) return false;
  const args = Array.from({ length: 6 }, (_, index) => row.args[index] ?? 0n);
  const served = (policy.abis ?? [row.abi]).map((name) => abis[name]);
  return permits(decideData(policy, served, { arch: abi.auditArch, nr, args }).action);
}

function head(recordings: readonly Recording[], rows: readonly RecordedCall[]): string {
  const commands = [...new Set(recordings.map((one) => one.command.join(' ')))];
  const used = [...new Set(rows.map((row) => row.abi))];
  const calls = rows.reduce((sum, row) => sum + row.count, 0);
  return [
    `# Learnt by sandbox-run from ${plural(recordings.length, 'run')} (${plural(calls, 'call')}):`,
    ...commands.slice(0, 5).map((one) => `#   ${oneLine(one)}`),
    ...(commands.length > 5 ? [`#   and ${commands.length - 5} other commands`] : []),
    '# It permits what was seen; what was not seen is refused.',
    'default kill',
    ...(used.length > 1 ? [`abi ${used.join(', ')}`] : []),
    '',
    '# C libraries try these first and do without.',
    'default errno ENOSYS @probe',
    '',
  ].join('\n');
}

function addTo(text: string, recordings: readonly Recording[], lines: string): string {
  if (lines.trim() === '') return text;
  const commands = [...new Set(recordings.map((one) => oneLine(one.command.join(' '))))];
  return `${text.trimEnd()}\n\n# Added from ${plural(recordings.length, 'run')}: ${commands.slice(0, 3).join('; ')}\n${lines}`;
}

/** Comments are one line, and what a program is called is its own affair. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 100);
}

const topics: readonly (readonly [title: string, groups: readonly string[]])[] = [
  ['Files and descriptors', ['@basic-io', '@file-system', '@io-event', '@aio']],
  ['Network and messages', ['@network-io', '@ipc']],
  ['Processes and signals', ['@process', '@signal']],
  ['Time', ['@clock', '@timer']],
  ['Everything else', []],
];

function statementsFor(
  rows: readonly RecordedCall[],
  recordings: readonly Recording[],
  options: LearnOptions,
): string {
  const byCall = new Map<string, RecordedCall[]>();
  for (const row of rows) {
    const list = byCall.get(row.call);
    if (list === undefined) byCall.set(row.call, [row]);
    else list.push(row);
  }
  if (byCall.size === 0 && options.onto !== undefined) return '';
  const served = servedBy(rows, options);
  const seen = [...byCall]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([call, list]) => statement(call, list, options.namesOnly, served));
  const parts: string[] = [];
  const left = new Set(seen);
  for (const [title, names] of topics) {
    const members = new Set(names.flatMap((name) => groupMembers(name) ?? []));
    const own = [...left].filter((one) => names.length === 0 || members.has(one.call));
    for (const one of own) left.delete(one);
    if (own.length === 0) continue;
    const width = Math.min(60, Math.max(...own.map((one) => one.text.length)));
    parts.push(`\n# ${title}\n${own.map((one) => `${one.text.padEnd(width)}  # ${one.note}\n`).join('')}`);
  }
  parts.push(companions(seen, recordings, options, served));
  return parts.join('').replace(/^\n/, options.onto === undefined ? '\n' : '');
}

interface Statement {
  readonly call: string;
  readonly condition: string | undefined;
  readonly text: string;
  readonly note: string;
}

function statement(
  call: string,
  rows: readonly RecordedCall[],
  namesOnly: boolean,
  served: readonly Abi[],
): Statement {
  const { condition, isOpen } = namesOnly
    ? { condition: undefined, isOpen: false }
    : fitting(call, conditionFor(call, rows), served);
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const programs = [...new Set(rows.map((row) => oneLine(basename(row.program))))].sort();
  const shown =
    programs.length > 4
      ? `${programs.slice(0, 3).join(', ')} and ${programs.length - 3} more`
      : programs.join(', ');
  const note = [
    `${count}×`,
    ...phaseWords(rows),
    `by ${shown}`,
    ...(isOpen ? ['seen too seldom to constrain'] : []),
  ].join(', ');
  return { call, condition, text: `allow ${call}${condition === undefined ? '' : `(${condition})`}`, note };
}

const phaseTexts: Readonly<Record<Phase, string | undefined>> = {
  start: 'before main',
  main: 'after main',
  entry: 'after start-up',
  unknown: undefined,
};

function phaseWords(rows: readonly RecordedCall[]): readonly string[] {
  const found = new Set(rows.map((row) => phaseTexts[row.phase]).filter((text) => text !== undefined));
  if (found.has('before main') && found.has('after main')) return ['before and after main'];
  return [...found];
}

/** What was seen of a call's arguments, as a condition. `isOpen`: something could have been said, had it been seen more often. */
function conditionFor(
  call: string,
  rows: readonly RecordedCall[],
): { readonly condition: string | undefined; readonly isOpen: boolean } {
  const parts: string[] = [];
  let isOpen = false;
  // Each ABI has its own registers and names; where a call came through several, only what is common could be said.
  const names = new Set(rows.map((row) => row.abi));
  const abi = abis[rows[0]!.abi];
  if (names.size > 1) return { condition: undefined, isOpen: true };
  const parameters = parametersOf(call, abi) ?? [];
  const shapes = shapeOf(call, abi);
  parameters.forEach((parameter, index) => {
    const shape = shapes[index]!;
    if (shape === 'nothing') return;
    const counts = new Map<bigint, number>();
    let isKnown = true;
    for (const row of rows) {
      const value = row.args[index];
      if (value === undefined) isKnown = false;
      else counts.set(value, (counts.get(value) ?? 0) + row.count);
    }
    if (!isKnown) return;
    const values = [...counts.keys()].sort((a, b) => (a < b ? -1 : 1));
    const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
    const memory = executable(parameter, values, abi);
    if (memory !== undefined) {
      if (memory !== '') parts.push(memory);
      return;
    }
    // Other flags of making memory are of no weight beside what may be executed.
    if (/^(?:mmap2?|mremap)$/.test(call)) return;
    if (shape === 'descriptor') {
      if (values.every((value) => value < 3n) && total >= OFTEN)
        parts.push(oneOf(parameter.names[0]!, values.map(String)));
      return;
    }
    const isFew = values.length <= MOST_VALUES;
    if (shape === 'enum' && isFew && (total >= OFTEN || isCommand(call, parameter))) {
      parts.push(
        oneOf(
          parameter.names[0]!,
          values.map((value) => valueText(parameter, value, abi)),
        ),
      );
    } else if (shape === 'flags' && total >= OFTEN) {
      parts.push(...flagsOf(parameter, values, abi));
    } else isOpen = true;
  });
  return { condition: parts.length === 0 ? undefined : parts.join(' && '), isOpen };
}

/** For protections of memory: whether any was executable, and writable at once. '' says nothing; undefined: no protection. */
function executable(parameter: Parameter, values: readonly bigint[], abi: Abi): string | undefined {
  const [name] = parameter.names;
  const exec = constantValue('PROT_EXEC', abi);
  const write = constantValue('PROT_WRITE', abi);
  if (name !== 'prot' || exec === undefined || write === undefined) return undefined;
  if (values.every((value) => (value & exec) === 0n)) return '!(prot & PROT_EXEC)';
  if (values.every((value) => (value & exec) === 0n || (value & write) === 0n))
    return '!(prot & PROT_EXEC && prot & PROT_WRITE)';
  return '';
}

function oneOf(name: string, texts: readonly string[]): string {
  const unique = [...new Set(texts)];
  return unique.length === 1 ? `${name} == ${unique[0]}` : `${name} in {${unique.join(', ')}}`;
}

/** No bit but those that were seen; a part that is a number (the type of a socket) only as it was seen. */
function flagsOf(parameter: Parameter, values: readonly bigint[], abi: Abi): readonly string[] {
  const name = parameter.names[0]!;
  const family = parameter.constants!.family;
  const maskName = familyMask(family);
  const mask = maskName === undefined ? 0n : (constantValue(maskName, abi) ?? 0n);
  const seen = values.map((value) => BigInt.asUintN(parameter.bits, value));
  const bits = seen.reduce((all, value) => all | (value & ~mask), 0n);
  const numbers = [...new Set(seen.map((value) => value & mask))];
  const parts = numbers.map((value) => `${name} & ${maskName} == ${nameFlags(family, value, abi)}`);
  const field =
    mask === 0n || parts.length > MOST_VALUES
      ? []
      : [parts.length === 1 ? parts[0]! : `(${parts.join(' || ')})`];
  // Flags that nobody has named reach into the sign: then the other bits are said as a number.
  const others = BigInt.asUintN(parameter.bits, ~(bits | mask));
  if (bits >> BigInt(parameter.bits - 1) !== 0n)
    return others === 0n ? field : [...field, `${name} & 0x${others.toString(16)} == 0`];
  if (mask === 0n)
    return [bits === 0n ? `${name} == 0` : `${name} & ~(${nameFlags(family, bits, abi)}) == 0`];
  const rest = bits === 0n ? maskName! : `${maskName}|${bitText(family, bits, abi, mask)}`;
  return [...field, `${name} & ~(${rest}) == 0`];
}

/** Bits alone, without the name that the numeric part's 0 has (O_RDONLY). */
function bitText(family: string, bits: bigint, abi: Abi, mask: bigint): string {
  const zero = nameFlags(family, 0n, abi);
  const parts = nameFlags(family, bits & ~mask, abi).split('|');
  return (parts[0] === zero && parts.length > 1 ? parts.slice(1) : parts).join('|');
}

/** What comes along without having been seen: siblings, what it takes to end, and what was not recorded. */
function companions(
  seen: readonly Statement[],
  recordings: readonly Recording[],
  options: LearnOptions,
  served: readonly Abi[],
): string {
  const known = new Map(seen.map((one) => [one.call, one]));
  const said = new Set(options.onto === undefined ? [] : permittedNames(options.onto.policy));
  const added = new Map<string, string>();
  for (const row of siblings) {
    const own = row.map((name) => known.get(name)).find((one) => one !== undefined);
    if (own === undefined) continue;
    for (const name of row) {
      if (known.has(name) || added.has(name) || said.has(name) || !isSyscallName(name)) continue;
      added.set(
        name,
        name === 'clone' ? `clone(${PLAIN_CLONE})` : `${name}${sameCondition(name, own.condition, served)}`,
      );
    }
  }
  if (known.has('clone3') && !known.has('clone') && !said.has('clone'))
    added.set('clone', `clone(${PLAIN_CLONE})`);
  const nameOf = (text: string) => text.replace(/\(.*/, '');
  const ends = toEnd.filter(
    (text) =>
      options.onto?.text.includes(text) !== true &&
      (known.get(nameOf(text))?.condition !== undefined ||
        !(known.has(nameOf(text)) || said.has(nameOf(text)))),
  );
  const unrecorded = [...new Set(recordings.flatMap((one) => one.granted))].filter(
    (name) => !known.has(name) && !said.has(name) && !ends.includes(name),
  );
  const list = (title: string, calls: readonly string[]) =>
    calls.length === 0 ? '' : `\n# ${title}\n${wrap(calls)}`;
  return (
    list('What a C library may choose instead of what was seen', [...added.values()].sort()) +
    list('To end, normally or by abort', ends) +
    list('Not recorded: on what the program has already, or about itself alone', [
      ...unrecorded,
      ...(unrecorded.length > 0 && !known.has('mmap')
        ? [`mmap${sameCondition('mmap', '!(prot & PROT_EXEC)', served)}`]
        : []),
    ])
  );
}

/** Unconditional ones only: a condition of theirs may not hold for what is added. */
function permittedNames(policy: Policy): readonly string[] {
  return policy.statements
    .filter((one) => permits(one.action))
    .flatMap((one) => one.calls)
    .flatMap((call) => (call.target.kind === 'name' && call.when === undefined ? [call.target.name] : []));
}

/** A sibling with the same arguments gets the same condition. */
function sameCondition(name: string, condition: string | undefined, served: readonly Abi[]): string {
  return condition !== undefined && isSayable(name, condition, served) ? `(${condition})` : '';
}

/** Whether each ABI that has the call has the arguments that a condition speaks of: i386's mmap has one, a pointer. */
function isSayable(name: string, condition: string, served: readonly Abi[]): boolean {
  const used = [...condition.matchAll(/(?<!\w)([a-z_][a-z0-9_]*)(?= (?:==|in|&))/g)].map(
    (match) => match[1]!,
  );
  const has = (abi: Abi) => syscallNumber(abi, name) !== undefined;
  // A name that only other ABIs have is left out when the policy is compiled, but must be written rightly.
  const asked = served.some(has) ? served.filter(has) : Object.values(abis).filter(has);
  return asked.every((abi) => {
    const names = new Set((parametersOf(name, abi) ?? []).flatMap((one) => one.names));
    return used.every((one) => names.has(one));
  });
}

function fitting(
  call: string,
  found: { readonly condition: string | undefined; readonly isOpen: boolean },
  served: readonly Abi[],
): { readonly condition: string | undefined; readonly isOpen: boolean } {
  const { condition } = found;
  return condition === undefined || isSayable(call, condition, served)
    ? found
    : { condition: undefined, isOpen: true };
}

/** The ABIs that the policy will serve. */
function servedBy(rows: readonly RecordedCall[], { onto }: LearnOptions): readonly Abi[] {
  const names = new Set([...rows.map((row) => row.abi), ...(onto?.policy.abis ?? [])]);
  return [...names].map((name) => abis[name]);
}

function wrap(calls: readonly string[]): string {
  const lines: string[] = [];
  let line = 'allow ';
  calls.forEach((call, index) => {
    const text = index < calls.length - 1 ? `${call}, ` : call;
    if (line.length + text.length > 100 && line !== 'allow ') {
      lines.push(line.trimEnd());
      line = '  ';
    }
    line += text;
  });
  return `${[...lines, line].join('\n')}\n`;
}

function doubtsOf(recordings: readonly Recording[], rows: readonly RecordedCall[]): readonly string[] {
  const doubts: string[] = [];
  const once = new Map<string, number>();
  for (const row of rows) once.set(row.call, (once.get(row.call) ?? 0) + row.count);
  const rare = [...once].filter(([, count]) => count < OFTEN).map(([call]) => call);
  if (rare.length > 0) doubts.push(`seen less than ${OFTEN} times: ${rare.sort().join(', ')}`);
  if (recordings.some((one) => !one.reliable))
    doubts.push(
      'a handler without SA_RESTART was set while recording with --fast: calls may have failed because of it',
    );
  if (recordings.length === 1) doubts.push('one run shows what one run does: record more of them, and merge');
  return doubts;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
