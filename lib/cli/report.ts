// How an error looks: one line that says what was wrong, the line it was in with a caret, and what to do. Written with
// writeSync, because touching process.stderr would make the caller's terminal non-blocking for the program, too.

import { writeSync } from 'node:fs';
import { type LaunchError, SandboxError } from '../errors.ts';

/** Whether to colour what goes to this descriptor: only a terminal, and not if NO_COLOR is set (https://no-color.org).
 * node:tty brings in node:net and streams, which takes longer than all our own code, so it is loaded only here. */
export function hasColor(fd: number): boolean {
  const { NO_COLOR, TERM } = process.env;
  return (
    (NO_COLOR === undefined || NO_COLOR === '') &&
    TERM !== 'dumb' &&
    process.getBuiltinModule('node:tty').isatty(fd)
  );
}

export function renderError(error: SandboxError, color: boolean): string {
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { place, advice } = error;
  const where = place === undefined ? '' : `${place.file}:${place.line}:${place.column}: `;
  const lines = [`sandbox-run: ${where}${paint('1', error.message)}`];
  if (place !== undefined) {
    const gutter = `  ${place.line} | `;
    const caret =
      ' '.repeat(gutter.length) +
      place.text.slice(0, (place.caret ?? place.column) - 1).replace(/[^\t]/g, ' ');
    lines.push(gutter + place.text, caret + paint('31', '^'));
  }
  if (advice !== undefined) lines.push(paint('2', `  ${advice}`));
  return `${lines.join('\n')}\n`;
}

/** The same for machines: one object on a line. */
export function errorAsJson(error: SandboxError): string {
  const { name, message, place, advice } = error;
  return `${JSON.stringify({ error: name, message, place, advice })}\n`;
}

/** Writes the error and gives the status to exit with; `status` is for errors that do not bring their own. Anything that is
 * not of the family is a fault of ours, and said to be one. */
export function report(error: unknown, status: number, json = false): number {
  const known = isOurs(error)
    ? error
    : new SandboxError(`internal error: ${error instanceof Error ? error.message : String(error)}`, {
        advice: 'this is a fault in sandbox-run; please report it',
      });
  const all = [known, ...known.others];
  const shown = json ? all : all.slice(0, MOST_SHOWN);
  for (const one of shown) writeAll(2, json ? errorAsJson(one) : renderError(one, hasColor(2)));
  if (shown.length < all.length)
    writeAll(2, `sandbox-run: and ${all.length - shown.length} more like these\n`);
  return 'exitStatus' in known ? (known as LaunchError).exitStatus : status;
}

/** One text full of mistakes is mostly one mistake: the wrong file. */
const MOST_SHOWN = 3;

/** By its shape and not by its class, because parts that are loaded later bring the classes a second time. */
function isOurs(error: unknown): error is SandboxError {
  return error instanceof Error && 'advice' in error && 'others' in error;
}

/** Writes all of it, also to a pipe that is full for a moment. A closed pipe ends the writing. */
export function writeAll(fd: number, content: string | Uint8Array): void {
  let rest = typeof content === 'string' ? Buffer.from(content) : content;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else return;
    }
  }
}
