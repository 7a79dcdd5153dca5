// Where a command's answer goes: to the file of its -o, or to standard output.

import { writeFileSync } from 'node:fs';
import { SandboxError, UsageError } from '../errors.ts';
import type { CommandWords } from './command.ts';
import { writeAll } from './report.ts';

/** To -o's file or standard output. Throws SandboxError where the file cannot be written. */
export function output(words: CommandWords, content: string | Uint8Array): void {
  const file = words.output as string | undefined;
  if (file !== undefined) {
    writeTo(file, content);
    return;
  }
  if (typeof content !== 'string' && process.stdout.isTTY) {
    throw new UsageError('a raw program is no text for a terminal', {
      advice: 'give -o FILE, or send it to a pipe',
    });
  }
  writeAll(1, content);
}

export function writeTo(file: string, content: string | Uint8Array): void {
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new SandboxError(`cannot write ${file}: ${(error as NodeJS.ErrnoException).code}`, {
      advice: 'check that its folder exists and that you may write there',
      cause: error,
    });
  }
}
