// The program's words as bytes. Node decodes argv as UTF-8 and puts U+FFFD where that fails, so a file name in another
// encoding would reach the program changed. The kernel still has the original: /proc/self/cmdline holds all words, each
// ended by a zero byte (proc_pid_cmdline(5)); the program's are the last ones.

import { readFileSync } from 'node:fs';
import { LaunchError } from '../errors.ts';

/** The last words of this process's command line, byte for byte. `words` are the same as Node decoded them, for example
 * `process.argv.slice(3)`. Nothing may have set process.title before: it writes over that memory.
 * Throws LaunchError (125) where the words do not match, or cannot be known without loss. */
export function rawWords(
  words: readonly string[],
  commandLine: Uint8Array | null = readCommandLine(),
): Buffer[] {
  if (words.length === 0) return [];
  if (commandLine === null) {
    const lost = words.find((word) => word.includes('\ufffd'));
    if (lost === undefined) return words.map((word) => Buffer.from(word));
    throw new LaunchError(
      `cannot read the argument ${lost} byte for byte: /proc/self/cmdline is not there`,
      125,
      {
        advice: 'mount /proc, or pass words in valid UTF-8 only',
      },
    );
  }
  const raw = lastWords(commandLine, words.length);
  if (raw === undefined || raw.some((bytes, index) => bytes.toString() !== words[index])) {
    throw new LaunchError('the command line in /proc/self/cmdline is not the one that Node was given', 125, {
      advice: 'start node without --title, and do not set process.title before a launch',
    });
  }
  return raw;
}

function readCommandLine(): Uint8Array | null {
  try {
    const bytes = readFileSync('/proc/self/cmdline');
    return bytes.length === 0 ? null : bytes;
  } catch {
    return null;
  }
}

/** The last `count` zero-terminated words, or undefined if there are fewer. */
function lastWords(bytes: Uint8Array, count: number): Buffer[] | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.at(-1) !== 0) return undefined;
  const words: Buffer[] = [];
  let end = view.length - 1;
  while (words.length < count) {
    if (end < 0) return undefined;
    // With end 0 an empty word begins the text; a negative offset would count from its end.
    const zero = end === 0 ? -1 : view.lastIndexOf(0, end - 1);
    words.push(view.subarray(zero + 1, end));
    end = zero;
  }
  return words.reverse();
}
