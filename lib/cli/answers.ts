// The answers of asking/answers.ts in words and as JSON, for `check`.

import type { Answer } from '../asking/answers.ts';
import { syscallName } from '../linux/syscalls.ts';
import { actionText } from '../policy/action.ts';
import { printStatement } from '../policy/language/print.ts';
import { speaksOf } from '../policy/meaning.ts';

/** The statement that decided, cut down to what it says of this call: a list may name hundreds. */
function reason({ abi, nr, decision: { by }, kernel }: Answer): string {
  if (typeof by === 'string') return by === 'default' ? 'by default' : `as ${by}`;
  const place = by.origin?.place;
  const where = place === undefined ? by.origin?.source : `${place.file}:${place.line}`;
  const own = by.calls.filter((call) => speaksOf(call, syscallName(abi, nr), nr - abi.numberBase, kernel));
  return `by ${
    printStatement({ ...by, calls: own })
      .trim()
      .split('\n')[0]
  }${where === undefined ? '' : ` (${where})`}`;
}

export function answerLine(
  answer: Answer,
  showAbi: boolean,
  isRight: boolean,
  expected: string | undefined,
): string {
  const abi = showAbi && !answer.call.includes(':') ? ` [${answer.abi.name}]` : '';
  const verdict = isRight || expected === undefined ? '' : `; expected ${expected}`;
  return `${answer.call}${abi}: ${actionText(answer.decision.action)}, ${reason(answer)}${verdict}\n`;
}

export function answerAsJson({ call, abi, decision }: Answer) {
  const { by } = decision;
  const place = typeof by === 'string' ? undefined : by.origin?.place;
  return {
    call,
    abi: abi.name,
    action: actionText(decision.action),
    by: typeof by === 'string' ? by : 'statement',
    ...(typeof by === 'string' ? {} : { statement: printStatement(by).trim(), source: by.origin?.source }),
    ...(place === undefined ? {} : { file: place.file, line: place.line, column: place.column }),
  };
}
