// What --explain says: blocks for people on a terminal, JSON lines through pino for everybody else.

import { pino } from 'pino';
import type { Teller } from '../supervise/explain.ts';
import { asEvent, blockOf } from '../supervise/refusal.ts';
import { hasColor, writeAll } from './report.ts';

/** On descriptor 2. `json`: one object a line, as docs/explain-and-learn.md describes them. */
export function tellerFor(json: boolean): Teller {
  return json ? machines() : people();
}

function people(): Teller {
  const color = hasColor(2);
  const paint = (code: string, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    refused: (refusal) => writeAll(2, blockOf(refusal, paint)),
    warn: (message) => writeAll(2, `sandbox-run: ${message}\n`),
    summary({ refusals, calls, suggest }) {
      const untold = calls.filter((one) => !one.told).length;
      writeAll(
        2,
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

function machines(): Teller {
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => writeAll(2, line) },
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
