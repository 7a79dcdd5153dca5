// Logs: through pino, on standard error, JSON lines with --json and readable ones without. pino takes longer to load than
// a start takes, so it is loaded by the first line that is really written; below the level nothing is.

import type { Logger } from 'pino';
import type { OutputWords } from './options.ts';
import { hasColor, writeAll } from './report.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];
type Fields = Readonly<Record<string, unknown>>;

/** The fields are worked out only for a line that is written. */
export type Log = Readonly<Record<Level, (fields: () => Fields, message: string) => void>>;

/** A log at --log-level, `warn` if it is not given. */
export function logFor(words: OutputWords): Log {
  const wanted = words['log-level'] ?? 'warn';
  const least = wanted === 'silent' ? levels.length : levels.indexOf(wanted as Level);
  let logger: Logger | undefined;
  const at =
    (level: Level) =>
    (fields: () => Fields, message: string): void => {
      if (levels.indexOf(level) < least) return;
      logger ??= makeLogger(wanted, words.json === true);
      logger[level](fields(), message);
    };
  return { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function makeLogger(level: string, json: boolean): Logger {
  // In a bundle `require` is known and brings in the bundled one. An ES module has none.
  const pino = (
    typeof __filename === 'string'
      ? require('pino')
      : process.getBuiltinModule('node:module').createRequire(import.meta.url)('pino')
  ) as typeof import('pino').default;
  const options = { name: 'sandbox-run', level, base: { pid: process.pid } };
  return pino(options, { write: (line: string) => writeAll(2, json ? line : readable(line)) });
}

/** `sandbox-run: debug: message (key: value, …)`. */
function readable(line: string): string {
  const {
    level,
    time: _time,
    pid: _pid,
    name: _name,
    msg,
    ...fields
  } = JSON.parse(line) as Record<string, unknown>;
  const word =
    { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warning', 50: 'error' }[level as number] ?? 'error';
  const shown = Object.entries(fields).map(
    ([key, value]) => `${key}: ${Array.isArray(value) ? value.join(' ') || 'none' : String(value)}`,
  );
  const paint = hasColor(2) ? (text: string) => `\u001b[2m${text}\u001b[0m` : (text: string) => text;
  return `sandbox-run: ${word}: ${String(msg)}${shown.length === 0 ? '' : paint(` (${shown.join(', ')})`)}\n`;
}
