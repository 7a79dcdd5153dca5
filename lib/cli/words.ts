// Reads the words of `sandbox-run [options] [--] PROGRAM [ARG…]`: options up to the first word that is none, then the
// program and its own words, untouched. yargs is not loaded for this: it would take longer than all the rest of a start.

import { UsageError } from '../errors.ts';
import { nearest } from '../linux/nearest.ts';
import type { Option, RunWords } from './options.ts';

export interface Split {
  readonly options: RunWords;
  /** The program and its arguments, as Node decoded them. Empty: none was given. */
  readonly command: readonly string[];
  /** Whether `--` stood before the program, so that it is not one of our commands. */
  readonly separated: boolean;
}

/** Throws UsageError for an unknown option, a missing value, or a single option given twice. */
export function splitWords(words: readonly string[], table: readonly Option[]): Split {
  const options: Record<string, string | boolean | string[]> = {};
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') return { options, command: words.slice(at + 1), separated: true };
    if (!word.startsWith('-') || word === '-') break;
    const [flag, inline] = cut(word, table);
    const option = table.find(
      (one) => flag === `--${one.name}` || (one.alias !== undefined && flag === `-${one.alias}`),
    );
    if (option === undefined) throw unknown(flag, table);
    if (option.value === undefined) {
      if (inline !== undefined)
        throw new UsageError(`${flag} takes no value`, { advice: `write ${flag} alone` });
      options[option.name] = true;
      continue;
    }
    const value = inline ?? words[++at];
    if (value === undefined)
      throw new UsageError(`${flag} needs a value`, { advice: `${flag} ${option.value}: ${option.help}` });
    mustBeChoice(option, flag, value);
    const before = options[option.name];
    if (option.many === true) options[option.name] = Array.isArray(before) ? [...before, value] : [value];
    else if (before !== undefined && before !== value) {
      throw new UsageError(`${flag} is given twice: ${before} and ${value}`, { advice: 'give it once' });
    } else options[option.name] = value;
  }
  return { options, command: words.slice(at), separated: false };
}

/** Throws UsageError for a value that is none of the option's choices. */
export function mustBeChoice({ choices }: Option, flag: string, value: string): void {
  if (choices === undefined || choices.includes(value)) return;
  const [close] = nearest(value, choices, 1);
  throw new UsageError(`${flag} ${value}: expected one of ${choices.join(', ')}`, {
    advice: close === undefined ? `for example ${flag} ${choices[0]}` : `did you mean ${close}?`,
  });
}

/** `--name=value` and `-nvalue` → both parts; anything else → the word itself. */
function cut(word: string, table: readonly Option[]): readonly [string, string | undefined] {
  if (!word.startsWith('--')) {
    const takesValue = table.some((one) => one.value !== undefined && one.alias === word[1]);
    return takesValue && word.length > 2 ? [word.slice(0, 2), word.slice(2)] : [word, undefined];
  }
  const equals = word.indexOf('=');
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** The error for an option that is in no row of the table. */
export function unknown(flag: string, table: readonly Option[]): UsageError {
  const [close] = nearest(
    flag,
    table.map((one) => `--${one.name}`),
    1,
  );
  return new UsageError(`unknown option ${flag}`, {
    advice:
      close === undefined
        ? 'see sandbox-run --help'
        : `did you mean ${close}? A program's own options come after the program`,
  });
}
