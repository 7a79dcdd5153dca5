// Help, version and the commands, read by yargs. A plain run never comes here (start.ts).

import yargs, { type Argv } from 'yargs';
import { SandboxError, UsageError } from '../errors.ts';
import type { Command, CommandWords } from './command.ts';
import { commands } from './commands/index.ts';
import { loadFormats } from './files.ts';
import { EXIT_STATUS, RUN_EXAMPLES } from './help.ts';
import { helpOptions, type Option, outputOptions, runTable } from './options.ts';
import { report, writeAll } from './report.ts';
import { version } from './version.ts';
import { mustBeChoice, unknown } from './words.ts';

/** Runs a command, or shows help or the version. Gives the exit status. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    const [first, ...rest] = words;
    const command = commands.find((one) => one.name === first);
    if (command !== undefined) return await runCommand(command, rest);
    const isVersion = words.includes('--version') || words.includes('-V');
    writeAll(1, isVersion ? `${version()}\n` : `${await forAll().getHelp()}\n`);
    return 0;
  } catch (error) {
    report(error, 2, words.includes('--json'));
    // Whatever was wrong: nothing was to be started here, and the statuses of a start would say so.
    return 2;
  }
}

async function runCommand(command: Command, given: readonly string[]): Promise<number> {
  const parser = forOne(command, given);
  const { _: words, $0: _script, ...options } = parser.parseSync() as Readonly<Record<string, unknown>>;
  mustBeKnown(options, tableOf(command));
  if (options.help === true) {
    writeAll(1, `${await parser.getHelp()}\n`);
    return 0;
  }
  await loadFormats();
  return command.run({
    ...options,
    words: (words as readonly (string | number)[]).map(String),
  } as CommandWords);
}

/** The whole program, for its help. */
function forAll(): Argv {
  const parser = reader([])
    .usage(
      '$0 [options] [--] PROGRAM [ARG…]\n$0 COMMAND …\n\nStarts a program inside a seccomp filter, with no change to the program.',
    )
    .epilogue(`Exit status: ${EXIT_STATUS[0]!.toLowerCase()}${EXIT_STATUS.slice(1)}`);
  for (const [command, what] of RUN_EXAMPLES) parser.example(command, what);
  addOptions(parser, runTable);
  for (const command of commands) parser.command(command.name, command.help);
  return parser;
}

/** One command alone. As a command of yargs's own it would cost a help text for every run, in case that fails. */
function forOne(command: Command, words: readonly string[]): Argv {
  const parser = reader(words).usage(`$0 ${command.name} ${command.usage}\n\n${command.help}`);
  for (const [example, what] of command.examples) parser.example(example, what);
  addOptions(parser, tableOf(command));
  return parser;
}

const tableOf = (command: Command): readonly Option[] => [
  ...command.options,
  ...outputOptions,
  ...helpOptions.filter((option) => option.name === 'help'),
];

function reader(words: readonly string[]): Argv {
  return yargs([...words])
    .scriptName('sandbox-run')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'boolean-negation': false,
      'greedy-arrays': false,
    })
    .exitProcess(false)
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .help(false)
    .version(false)
    .fail((message, error) => {
      throw error instanceof SandboxError ? error : usageError(error?.message ?? message);
    });
}

function addOptions(parser: Argv, table: readonly Option[]): void {
  for (const option of table) {
    const choices = option.choices === undefined ? '' : `: ${option.choices.join(', ')}`;
    parser.option(option.name, {
      describe: `${option.help}${choices}`,
      ...(option.alias === undefined ? {} : { alias: option.alias }),
      // A word behind an option without a value is never part of it: true and false are programs.
      ...(option.value === undefined ? { boolean: true, nargs: 0 } : { string: true, requiresArg: true }),
      ...(option.many === true ? { array: true } : {}),
    });
  }
}

/** What yargs lets pass: options in no table, single ones given twice, values that are none of the choices. */
function mustBeKnown(options: Readonly<Record<string, unknown>>, table: readonly Option[]): void {
  for (const [name, value] of Object.entries(options)) {
    const flag = name.length === 1 ? `-${name}` : `--${name}`;
    const option = table.find((one) => one.name === name || one.alias === name);
    if (option === undefined) throw unknown(flag, table);
    if (Array.isArray(value) && option.many !== true) {
      throw new UsageError(`${flag} is given twice: ${value.join(' and ')}`, { advice: 'give it once' });
    }
    if (typeof value === 'string') mustBeChoice(option, flag, value);
  }
}

/** yargs's own complaint in our words. */
function usageError(message: string): UsageError {
  const missing = /^Not enough arguments following: (.+)$/.exec(message)?.[1];
  const spare = /^Argument unexpected for: (.+)$/.exec(message)?.[1];
  const option = missing ?? spare;
  if (option === undefined) return new UsageError(message, { advice: 'see sandbox-run --help' });
  const flag = option.length === 1 ? `-${option}` : `--${option}`;
  if (spare !== undefined) return new UsageError(`${flag} takes no value`, { advice: `write ${flag} alone` });
  return new UsageError(`${flag} needs a value`, { advice: 'see sandbox-run --help' });
}
