// `syscalls`: what calls there are, what they take, and which groups hold them.

import { UsageError } from '../../errors.ts';
import { type Abi, abiNames, abis } from '../../linux/abi.ts';
import { type Parameter, parametersOf } from '../../linux/arguments.ts';
import { group, groupMembers, groups } from '../../linux/groups.ts';
import { nearest } from '../../linux/nearest.ts';
import { abisWith, isSyscallName, syscallName, syscallNames, syscallNumber } from '../../linux/syscalls.ts';
import { kernelOf } from '../../linux/versions.ts';
import type { Command, CommandWords } from '../command.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { nativeAbi, wantedAbis } from '../sources.ts';

export const syscalls: Command = {
  name: 'syscalls',
  usage: '[NAME|NUMBER|@GROUP …] [--abi LIST]',
  help: 'List system calls with numbers and arguments, and groups with their members',
  options: policyOptions.filter((option) => option.name === 'abi'),
  operands: 'calls',
  examples: [
    ['$0 syscalls', 'all groups, and the calls of this machine'],
    ['$0 syscalls openat @io-uring', 'one call, one group'],
    ['$0 syscalls 257 --abi x86_64', 'what a log means by a number'],
  ],
  run(words) {
    const entries =
      words.words.length === 0 ? everything(words) : words.words.map((word) => lookUp(word, words));
    writeAll(1, words.json === true ? `${JSON.stringify(entries)}\n` : entries.map(text).join(''));
    return 0;
  },
};

interface CallEntry {
  readonly call: string;
  readonly numbers: Readonly<Record<string, number>>;
  readonly since: string | undefined;
  readonly arguments:
    | readonly { names: readonly string[]; type: string; bits: number; signed: boolean }[]
    | undefined;
  readonly groups: readonly string[];
}

interface GroupEntry {
  readonly group: string;
  readonly help: string;
  readonly members: readonly string[];
}

type Entry = CallEntry | GroupEntry;

function everything(words: CommandWords): readonly Entry[] {
  const abi = numberedBy(words);
  return [
    ...[...groups().keys()].map((name) => groupEntry(name)),
    ...syscallNames(abi).map((name) => callEntry(name, words)),
  ];
}

/** The ABI whose numbers and names are meant: the first that is asked for, else this machine's. */
function numberedBy(words: CommandWords): Abi {
  const [first] = wantedAbis(words) ?? [];
  return first === undefined ? nativeAbi() : abis[first];
}

function lookUp(word: string, words: CommandWords): Entry {
  if (word.startsWith('@') && group(word) !== undefined) return groupEntry(word);
  if (!word.startsWith('@') && isSyscallName(word)) return callEntry(word, words);
  if (/^#?\d+$/.test(word)) {
    const abi = numberedBy(words);
    const name = syscallName(abi, Number(word.replace('#', '')));
    if (name !== undefined) return callEntry(name, words);
    throw new UsageError(`no system call of ${abi.name} has the number ${word}`, {
      advice: '--abi names another ABI; sandbox-run syscalls lists all',
    });
  }
  const [close] = nearest(word, word.startsWith('@') ? groups().keys() : syscallNames(), 1);
  throw new UsageError(`there is no ${word.startsWith('@') ? 'group' : 'system call'} ${word}`, {
    advice: close === undefined ? 'sandbox-run syscalls lists all' : `did you mean ${close}?`,
  });
}

function groupEntry(name: string): GroupEntry {
  return { group: name, help: group(name)!.help, members: groupMembers(name) ?? [] };
}

function callEntry(name: string, words: CommandWords): CallEntry {
  const asked = wantedAbis(words) ?? abiNames;
  const having = abisWith(name).filter((abi) => asked.includes(abi));
  const native = nativeAbi();
  const shown = having.includes(native.name) ? native : having[0] === undefined ? undefined : abis[having[0]];
  const parameters = shown === undefined ? undefined : parametersOf(name, shown);
  const since = kernelOf(name);
  return {
    call: name,
    numbers: Object.fromEntries(having.map((abi) => [abi, syscallNumber(abis[abi], name)!])),
    since: since === undefined ? undefined : `${since.major}.${since.minor}`,
    arguments: parameters?.map(({ names, type, bits, signed }: Parameter) => ({ names, type, bits, signed })),
    groups: [...groups().keys()].filter((one) => groupMembers(one)?.includes(name)),
  };
}

function text(entry: Entry): string {
  if ('group' in entry) return `${entry.group}: ${entry.help}\n  ${entry.members.join(' ')}\n`;
  const parameters =
    entry.arguments === undefined
      ? '(?)'
      : `(${entry.arguments.map(({ type, names }) => `${type}${type.endsWith('*') ? '' : ' '}${names.join('/')}`).join(', ')})`;
  const numbers = Object.entries(entry.numbers).map(([abi, number]) => `${abi} ${number}`);
  const since = entry.since === undefined || entry.since === '2.6' ? '' : `\n  since Linux ${entry.since}`;
  const inGroups = entry.groups.length === 0 ? '' : `\n  in ${entry.groups.join(' ')}`;
  return `${entry.call}${parameters}\n  ${numbers.join(', ')}${since}${inGroups}\n`;
}
