// What a policy answers to one imagined call, and which statement decides: for `check`, in words and as JSON.

import { UsageError } from '../errors.ts';
import { type Abi, abis } from '../linux/abi.ts';
import { abisWith, syscallName, syscallNumber } from '../linux/syscalls.ts';
import { actionText } from '../policy/action.ts';
import { type Decision, decideData } from '../policy/evaluate.ts';
import { type Invocation, registerOf } from '../policy/language/invocation.ts';
import { printStatement } from '../policy/language/print.ts';
import { speaksOf } from '../policy/meaning.ts';
import type { Policy } from '../policy/model.ts';
import { numberOf } from '../policy/value.ts';

export interface Answer {
  readonly call: string;
  readonly abi: Abi;
  /** As in seccomp_data. */
  readonly nr: number;
  /** The policy's. */
  readonly kernel: string | undefined;
  readonly decision: Decision;
}

/** One answer for each ABI that is asked about and has the call. */
export function answersFor(
  invocation: Invocation,
  text: string,
  policy: Policy,
  served: readonly Abi[],
): readonly Answer[] {
  const asked = invocation.abi === undefined ? served : [abis[invocation.abi]];
  const { target } = invocation;
  const found = asked.flatMap((abi) => {
    const nr = target.kind === 'number' ? target.number + abi.numberBase : syscallNumber(abi, target.name);
    if (nr === undefined) return [];
    const args = Array.from({ length: 6 }, (_, index) => {
      const value = invocation.args[index];
      return value === undefined ? 0n : registerOf(numberOf(value, abi));
    });
    return [
      {
        call: text,
        abi,
        nr,
        kernel: policy.kernel,
        decision: decideData(policy, served, { arch: abi.auditArch, nr, args }),
      },
    ];
  });
  if (found.length === 0 && target.kind === 'name') {
    const others = abisWith(target.name);
    throw new UsageError(`${asked.map((abi) => abi.name).join(' and ')} has no call ${target.name}`, {
      advice: `it exists on ${others.join(', ')}: write ${others[0]}:${target.name}`,
    });
  }
  return found;
}

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
