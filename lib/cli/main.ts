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
  let chosen: Chosen | undefined;
  const parser = yargs([...words])
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
    .usage(
      '$0 [options] [--] PROGRAM [ARG…]\n$0 COMMAND …\n\nStarts a program inside a seccomp filter, with no change to the program.',
    )
    .help(false)
    .version(false)
    .epilogue(`Exit status: ${EXIT_STATUS[0]!.toLowerCase()}${EXIT_STATUS.slice(1)}`)
    .fail((message, error) => {
      throw error instanceof SandboxError ? error : usageError(error?.message ?? message);
    });
  for (const [command, what] of RUN_EXAMPLES) parser.example(command, what);
  addOptions(parser, runTable);
  for (const command of commands) addCommand(parser, command, (found) => (chosen = { command, found }));
  try {
    const [first] = words;
    const isCommand = commands.some((command) => command.name === first);
    if (!isCommand) {
      writeAll(
        1,
        words.includes('--version') || words.includes('-V')
          ? `${version()}\n`
          : `${await parser.getHelp()}\n`,
      );
      return 0;
    }
    parser.parse();
    // Only after yargs has done, which makes the whole help text for what takes longer, in case that fails.
    return await runCommand(chosen!);
  } catch (error) {
    return report(error, 2, words.includes('--json'));
  }
}

interface Chosen {
  readonly command: Command;
  readonly found: Readonly<Record<string, unknown>>;
}

const tableOf = (command: Command): readonly Option[] => [
  ...command.options,
  ...outputOptions,
  ...helpOptions.filter((option) => option.name === 'help'),
];

function addCommand(parser: Argv, command: Command, choose: (found: Chosen['found']) => void): void {
  parser.command(command.name, command.help, (own) => addOptions(own, tableOf(command)), choose);
}

async function runCommand({ command, found }: Chosen): Promise<number> {
  const { _: all, $0: _script, ...options } = found;
  const [, ...words] = all as readonly (string | number)[];
  const table = tableOf(command);
  mustBeKnown(options, table);
  if (options.help === true) {
    writeAll(1, `${await own(command, table).getHelp()}\n`);
    return 0;
  }
  await loadFormats();
  return command.run({ ...options, words: words.map(String) } as CommandWords);
}

/** A parser of one command alone, for its help. */
function own(command: Command, table: readonly Option[]): Argv {
  const parser = yargs([])
    .scriptName('sandbox-run')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .usage(`$0 ${command.name} ${command.usage}\n\n${command.help}`)
    .help(false)
    .version(false);
  for (const [example, what] of command.examples) parser.example(example, what);
  addOptions(parser, table);
  return parser;
}

function addOptions<P extends Argv>(parser: P, table: readonly Option[]): P {
  for (const option of table) {
    const choices = option.choices === undefined ? '' : `: ${option.choices.join(', ')}`;
    parser.option(option.name, {
      describe: `${option.help}${choices}`,
      ...(option.alias === undefined ? {} : { alias: option.alias }),
      ...(option.value === undefined ? { boolean: true } : { string: true, requiresArg: true }),
      ...(option.many === true ? { array: true } : {}),
    });
  }
  return parser;
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
  if (missing === undefined) return new UsageError(message, { advice: 'see sandbox-run --help' });
  const flag = missing.length === 1 ? `-${missing}` : `--${missing}`;
  return new UsageError(`${flag} needs a value`, { advice: 'see sandbox-run --help' });
}
