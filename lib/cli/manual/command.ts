// The manual page sandbox-run(1), made from the option table and the commands when the package is built (scripts/manual.js), in the
// man(7) language that groff and mandoc read.

import type { Command } from '../command.ts';
import { EXIT_STATUS, RUN_EXAMPLES } from '../help.ts';
import {
  analysisOptions,
  helpOptions,
  type Option,
  outputOptions,
  policyOptions,
  runOptions,
} from '../options.ts';
import { ALLOW_VARIABLE, DEFAULT_VARIABLE, DENY_VARIABLE } from '../sources.ts';
import { type Edition, finished, lines, roff, section, titled, verbatim } from './roff.ts';

/** The page's source. */
export function manualPage(commands: readonly Command[], edition: Edition): string {
  return finished([
    ...titled('sandbox-run', 1, edition, 'User Commands'),
    ...section('NAME', 'sandbox-run - start a program inside a proved seccomp filter'),
    '.SH SYNOPSIS',
    '.B sandbox\\-run',
    '.RI [ options "] [" \\-\\- ] " PROGRAM " [ ARG \\&.\\|.\\|.]',
    '.br',
    '.B sandbox\\-run',
    '.IR COMMAND \\ \\&.\\|.\\|.',
    ...section(
      'DESCRIPTION',
      'Starts a program inside a seccomp filter, with no change to the program. A policy says which system calls the program may make; every other call is refused by the kernel. The filter is proved to mean what the policy says before it is used. If anything is in doubt, the program does not start.',
      'The program runs in place: the same process with the same PID, no parent and no helper left behind.',
      'Options stand before the program; what follows the program is its own. The word -- ends the options, so that a program can have the name of a command.',
    ),
    ...section('POLICY OPTIONS', 'Which calls are permitted. Several of them add up.'),
    ...policyOptions.flatMap(entry),
    ...section('OPTIONS OF A RUN'),
    ...runOptions.flatMap(entry),
    ...section('OPTIONS OF EVERYTHING'),
    ...[...outputOptions, ...helpOptions].flatMap(entry),
    ...section(
      'COMMANDS',
      'Each has examples under --help. Options are those of this command beside the ones above.',
    ),
    ...commands.flatMap(commandEntry),
    ...section('EXAMPLES'),
    ...RUN_EXAMPLES.flatMap(example),
    ...section('EXIT STATUS', EXIT_STATUS.replaceAll('\n', ' ')),
    ...section('ENVIRONMENT'),
    ...ENVIRONMENT.flatMap(([name, text]) => ['.TP', `.B ${roff(name)}`, ...lines(text)]),
    ...section('SEE ALSO'),
    '.BR seccomp (2),',
    '.BR syscalls (2),',
    '.BR capabilities (7),',
    '.BR sandbox\\-run\\-policy (5)',
  ]);
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  [
    ALLOW_VARIABLE,
    'Calls that are permitted, separated by colons or commas. Where options and environment both say a policy, both must permit a call. The program does not see these three variables.',
  ],
  [DENY_VARIABLE, 'Calls that are refused.'],
  [
    DEFAULT_VARIABLE,
    'What happens to what is not permitted: kill (if it is not set), kill-thread, trap, errno, errno:NAME or log.',
  ],
  ['NO_COLOR', 'If it is set and not empty, nothing is coloured.'],
];

const shared = new Set<string>(
  [...policyOptions, ...outputOptions, ...analysisOptions].map((option) => option.name),
);

function commandEntry({ name, usage, help, options, examples }: Command): readonly string[] {
  const own = options.filter((option) => !shared.has(option.name));
  return [
    `.SS ${roff(name)}`,
    '.P',
    `.B sandbox\\-run ${roff(name)}`,
    ...lines(usage),
    '.P',
    ...lines(`${help}.`),
    ...own.flatMap(entry),
    ...examples.flatMap(example),
  ];
}

function example([command, what]: readonly [string, string]): readonly string[] {
  return [
    '.P',
    ...lines(`${what[0]!.toUpperCase()}${what.slice(1)}:`),
    ...verbatim([command.replaceAll('$0', 'sandbox-run')]),
  ];
}

function entry({ name, alias, value, many, help, choices }: Option): readonly string[] {
  const flags = [...(alias === undefined ? [] : [`\\-${alias}`]), `\\-\\-${roff(name)}`];
  const shown = flags.map((flag) => `\\fB${flag}\\fR`).join(', ');
  const notes = [
    ...(choices === undefined ? [] : [`One of ${choices.join(', ')}.`]),
    ...(many === true ? ['May be given more than once.'] : []),
  ];
  return [
    '.TP',
    value === undefined ? shown : `${shown} \\fI${roff(value)}\\fR`,
    ...lines([`${help}.`, ...notes].join(' ')),
  ];
}
