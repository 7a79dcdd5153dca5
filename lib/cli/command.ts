// What a command is: a file in commands/, listed in commands/index.ts. Its options are rows of the option table's form,
// so that yargs, the help and the completions all know them.

import type { Option, OutputWords, PolicyWords } from './options.ts';

/** Words of one command after reading: options by name, and the words that are none. */
export interface CommandWords extends PolicyWords, OutputWords {
  readonly words: readonly string[];
  readonly [option: string]: unknown;
}

/** What a command's words are that are no options, as shells complete them: policies of any format, calls with arguments, names
 * of calls and groups, a program and its words, or one of some words. */
export type Operand = 'policies' | 'invocations' | 'calls' | 'program' | readonly string[];

export interface Command {
  readonly name: string;
  /** What follows the name in the help: `'CALL(args)' … [options]`. */
  readonly usage: string;
  readonly help: string;
  /** Beside outputOptions, which every command has. */
  readonly options: readonly Option[];
  /** Absent: it takes no words. */
  readonly operands?: Operand;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Gives the exit status: 0 done, 1 the answer is no; errors are thrown, and end as 2. */
  run(words: CommandWords): number | Promise<number>;
}
