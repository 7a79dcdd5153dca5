// What --explain says: blocks for people on a terminal, JSON lines through pino for everybody else.

import { pino } from 'pino';
import type { Addon } from '../native.ts';
import type { Teller } from '../supervise/explain.ts';
import { asEvent, blockOf } from '../supervise/refusal.ts';
import { hasColor, writeAll } from './report.ts';

/** Writes to standard error, unless nobody reads it: the program, whose call waits for this, must not wait for ever. The pipe is
 * the program's, too, so it cannot be made non-blocking; but a page that poll(2) has room for does not block (pipe(7)). */
function patiently(addon: Pick<Addon, 'writable'>, descriptor: number): (text: string) => void {
  let patience = PATIENCE;
  return (text) => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += PAGE) {
      if (!addon.writable(descriptor, patience)) {
        patience = 0;
        return;
      }
      patience = PATIENCE;
      writeAll(descriptor, bytes.subarray(at, at + PAGE));
    }
  };
}

/** Milliseconds for the first page that does not fit; after that none, until there is room again. */
const PATIENCE = 1000;
const PAGE = 4096;

/** On a descriptor. `json`: one object a line, as docs/explain-and-learn.md describes them. */
export function tellerFor(json: boolean, addon: Pick<Addon, 'writable'>, descriptor = 2): Teller {
  const write = patiently(addon, descriptor);
  return json ? machines(write) : people(write);
}

function people(write: (text: string) => void): Teller {
  const color = hasColor(2);
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    refused: (refusal) => write(blockOf(refusal, paint)),
    warn: (message) => write(`sandbox-run: ${message}\n`),
    summary({ refusals, calls, suggest }) {
      const untold = calls.filter((one) => !one.told).length;
      write(
        [
          `sandbox-run: ${paint('1', `${refusals} call${refusals === 1 ? '' : 's'} refused`)}`,
          ...[...calls]
            .sort((a, b) => b.count - a.count)
            .slice(0, LONGEST_SUMMARY)
            .map((one) => `  ${String(one.count).padStart(6)} × ${one.call}: ${one.change}`),
          ...(calls.length > LONGEST_SUMMARY ? [`  and ${calls.length - LONGEST_SUMMARY} more kinds`] : []),
          ...(untold > 0 ? [`  ${untold} of these kinds came too fast to be told one by one`] : []),
          ...(suggest === undefined ? [] : [`  the policy that would have sufficed: ${suggest}`]),
          '',
        ].join('\n'),
      );
    },
  };
}

const LONGEST_SUMMARY = 40;

function machines(write: (text: string) => void): Teller {
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return {
    refused: (refusal) => logger.warn(asEvent(refusal), `${refusal.action}: ${refusal.call}`),
    warn: (message) => logger.warn({ event: 'warning' }, message),
    summary: ({ refusals, calls, policy, suggest }) =>
      logger.info(
        {
          event: 'summary',
          refusals,
          calls: calls.map(({ call, program, action, count, told, change }) => ({
            call,
            program,
            action,
            count,
            told,
            change,
          })),
          policy,
          ...(suggest === undefined ? {} : { suggest }),
        },
        `${refusals} calls refused`,
      ),
  };
}
