// What may stand at the end of a command line: the one answer that the scripts of all shells ask for. It is found from the option
// table and the commands as they are, so that a script that was written once stays right.

import { abiNames } from '../../linux/abi.ts';
import { errnoNames } from '../../linux/errno.ts';
import { actionKinds } from '../../policy/action.ts';
import type { Command, Operand } from '../command.ts';
import { nativeAbi } from '../machine.ts';
import { helpOptions, type Option, outputOptions, runTable } from '../options.ts';
import { type Candidate, completeCalls, completeInvocation, completeStatement } from './calls.ts';

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Files may stand there, too; programs of PATH may. */
  readonly files?: boolean;
  readonly programs?: boolean;
  /** More can follow within the same word: a list, a condition. */
  readonly open?: boolean;
  /** The line from this word on is another program's own. */
  readonly program?: number;
}

const NOTHING: Completion = { candidates: [] };

/** `words`: the line's, without `sandbox-run`; the last one is completed and may be empty. `formats`: their names. */
export function completeLine(
  words: readonly string[],
  commands: readonly Command[],
  formats: readonly string[],
): Completion {
  const last = words.at(-1) ?? '';
  let table: readonly Option[] = runTable;
  let command: Command | undefined;
  let operands = 0;
  let value: Option | undefined;
  for (const [at, word] of words.slice(0, -1).entries()) {
    if (value !== undefined) value = undefined;
    else if (word === '--') return program(words, at + 1);
    else if (word.startsWith('-') && word !== '-') {
      const option = optionOf(word, table);
      value = option?.value !== undefined && !word.includes('=') ? option : undefined;
    } else if (command === undefined && operands === 0) {
      command = commands.find((one) => one.name === word);
      if (command === undefined) return program(words, at);
      table = tableOf(command);
    } else operands++;
  }
  if (value !== undefined) return completeValue(value, last, '', formats);
  const [, flag, inline] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
  const option = flag === undefined ? undefined : optionOf(flag, table);
  if (option !== undefined) return completeValue(option, inline!, `${flag}=`, formats);
  if (last.startsWith('-')) return { candidates: flagsOf(table, last) };
  if (command !== undefined) return completeOperand(command.operands, last, operands);
  const own = commands.map(({ name, help }) => ({ word: name, help }));
  return { candidates: starting(own, last), programs: true, files: true };
}

/** The words of the program that is started stand from `at` on. */
function program(words: readonly string[], at: number): Completion {
  return at === words.length - 1
    ? { candidates: [], programs: true, files: true }
    : { candidates: [], program: at };
}

export function tableOf(command: Command): readonly Option[] {
  return [...command.options, ...outputOptions, ...helpOptions.filter(({ name }) => name === 'help')];
}

function optionOf(word: string, table: readonly Option[]): Option | undefined {
  const [flag] = word.split('=', 1);
  return table.find(
    (one) => flag === `--${one.name}` || (one.alias !== undefined && flag === `-${one.alias}`),
  );
}

function flagsOf(table: readonly Option[], last: string): readonly Candidate[] {
  const all = table.flatMap(({ name, alias, help }) => [
    { word: `--${name}`, help },
    ...(alias === undefined || last.startsWith('--') ? [] : [{ word: `-${alias}`, help }]),
  ]);
  return starting(all, last);
}

function completeValue(option: Option, text: string, lead: string, formats: readonly string[]): Completion {
  const words = (all: readonly string[]): Completion => ({
    candidates: starting(
      all.map((word) => ({ word, help: option.value ?? '' })),
      text,
    ).map(({ word, help }) => ({ word: `${lead}${word}`, help })),
  });
  const open = (candidates: readonly Candidate[]): Completion => ({
    candidates: candidates.map(({ word, help }) => ({ word: `${lead}${word}`, help })),
    open: true,
  });
  if (option.choices !== undefined) return words(option.choices);
  switch (option.completes) {
    case 'calls':
      return open(completeCalls(text, nativeAbi()));
    case 'statement':
      return open(completeStatement(text, nativeAbi()));
    case 'abis': {
      const [behind] = /[^,:]*$/.exec(text)!;
      const before = text.slice(0, text.length - behind.length);
      const all = abiNames.map((name) => ({ word: `${before}${name}`, help: 'ABI' }));
      return open(starting(all, text));
    }
    case 'actions':
      return words([
        ...actionKinds.filter((kind) => kind !== 'errno'),
        ...errnoNames().map((name) => `errno:${name}`),
      ]);
    case 'formats':
      return words(formats);
    case 'file':
      return { candidates: [], files: true };
    default:
      return NOTHING;
  }
}

function completeOperand(operands: Operand | undefined, text: string, before: number): Completion {
  const abi = nativeAbi();
  switch (operands) {
    case 'calls':
      return { candidates: completeCalls(text, abi) };
    case 'invocations':
      return { candidates: completeInvocation(text, abi), open: true };
    case 'policies':
      return { candidates: [], files: true };
    case 'program':
      return before > 0 ? { candidates: [], files: true } : { candidates: [], programs: true, files: true };
    case undefined:
      return NOTHING;
    default:
      return {
        candidates:
          before > 0
            ? []
            : starting(
                operands.map((word) => ({ word, help: '' })),
                text,
              ),
      };
  }
}

function starting(all: readonly Candidate[], text: string): readonly Candidate[] {
  return all.filter(({ word }) => word.startsWith(text));
}
