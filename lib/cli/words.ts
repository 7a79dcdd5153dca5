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
    const [flag, inline] = cut(word);
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
    if (option.choices !== undefined && !option.choices.includes(value)) {
      throw new UsageError(`${flag} ${value}: expected one of ${option.choices.join(', ')}`);
    }
    const before = options[option.name];
    if (option.many === true) options[option.name] = Array.isArray(before) ? [...before, value] : [value];
    else if (before !== undefined && before !== value) {
      throw new UsageError(`${flag} is given twice: ${before} and ${value}`, { advice: 'give it once' });
    } else options[option.name] = value;
  }
  return { options, command: words.slice(at), separated: false };
}

/** `--name=value` → both; anything else → the word itself. */
function cut(word: string): readonly [string, string | undefined] {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function unknown(flag: string, table: readonly Option[]): UsageError {
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
