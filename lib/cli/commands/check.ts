// `check`: what a policy does with single calls, and why. With --expect it is a test of the policy.

import { UsageError } from '../../errors.ts';
import { type Abi, abis } from '../../linux/abi.ts';
import { abisWith, syscallName, syscallNumber } from '../../linux/syscalls.ts';
import { actionText, sameAction } from '../../policy/action.ts';
import { type Decision, decideData } from '../../policy/evaluate.ts';
import { type Invocation, parseInvocation, registerOf } from '../../policy/language/invocation.ts';
import { printStatement } from '../../policy/language/print.ts';
import { speaksOf } from '../../policy/meaning.ts';
import type { Policy } from '../../policy/model.ts';
import { numberOf } from '../../policy/value.ts';
import type { Command } from '../command.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { policyFrom, readAction, servedAnywhere } from '../sources.ts';

export const check: Command = {
  name: 'check',
  usage: "'CALL(args)' … [policy options] [--expect ACTION]",
  help: 'Tell what a policy does with a call, and which statement decides',
  options: [
    ...policyOptions,
    {
      name: 'expect',
      value: 'ACTION',
      completes: 'actions',
      help: 'Exit with 1 if a call gets another answer',
    },
  ],
  examples: [
    [
      "$0 check -p app.policy 'openat(AT_FDCWD, 0, O_WRONLY|O_CREAT)'",
      'arguments are register values; missing ones are 0',
    ],
    ["$0 check --deny ptrace --expect kill ptrace 'i386:ptrace'", 'a test; calls through other ABIs, too'],
  ],
  run(words) {
    if (words.words.length === 0) {
      throw new UsageError('no call to check', {
        advice: "for example: sandbox-run check --allow read 'write(1)'",
      });
    }
    const policy = policyFrom(words, process.env);
    const served = servedAnywhere(words, policy);
    const expected = words.expect === undefined ? undefined : readAction(words.expect as string, '--expect');
    const answers = words.words.flatMap((text) =>
      answersFor(parseInvocation(text, 'check'), text, policy, served),
    );
    const isRight = (answer: Answer) =>
      expected === undefined || sameAction(answer.decision.action, expected);
    writeAll(
      1,
      words.json === true
        ? `${JSON.stringify(answers.map((answer) => ({ ...asJson(answer), ...(expected === undefined ? {} : { expected: isRight(answer) }) })))}\n`
        : answers
            .map((answer) =>
              line(answer, served.length > 1 || answer.abi !== served[0], isRight(answer), expected),
            )
            .join(''),
    );
    return answers.every(isRight) ? 0 : 1;
  },
};

interface Answer {
  readonly call: string;
  readonly abi: Abi;
  /** As in seccomp_data. */
  readonly nr: number;
  /** The policy's. */
  readonly kernel: string | undefined;
  readonly decision: Decision;
}

/** One answer for each ABI that is asked about and has the call. */
function answersFor(
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

function line(
  answer: Answer,
  showAbi: boolean,
  isRight: boolean,
  expected: Decision['action'] | undefined,
): string {
  const abi = showAbi && !answer.call.includes(':') ? ` [${answer.abi.name}]` : '';
  const verdict = isRight || expected === undefined ? '' : `; expected ${actionText(expected)}`;
  return `${answer.call}${abi}: ${actionText(answer.decision.action)}, ${reason(answer)}${verdict}\n`;
}

function asJson({ call, abi, decision }: Answer) {
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
