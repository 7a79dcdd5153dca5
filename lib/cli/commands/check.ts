// `check`: what a policy does with single calls, and why. With --expect or --table it is a test of the policy.

import { type Answer, answersFor } from '../../asking/answers.ts';
import { expectationText, isAsExpected, readTable } from '../../asking/table.ts';
import { UsageError } from '../../errors.ts';
import type { Abi } from '../../linux/abi.ts';
import { actionText, sameAction } from '../../policy/action.ts';
import { parseInvocation } from '../../policy/language/invocation.ts';
import { readPolicyText } from '../../policy/language/load.ts';
import type { Policy } from '../../policy/model.ts';
import { answerAsJson, answerLine } from '../answers.ts';
import type { Command, CommandWords } from '../command.ts';
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
    {
      name: 'table',
      value: 'FILE',
      completes: 'file',
      help: 'Check all calls of a table of expected answers; exit with 1 if one is wrong',
    },
  ],
  operands: 'invocations',
  examples: [
    [
      "$0 check -p app.policy 'openat(AT_FDCWD, 0, O_WRONLY|O_CREAT)'",
      'arguments are register values; missing ones are 0',
    ],
    ["$0 check --deny ptrace --expect kill ptrace 'i386:ptrace'", 'a test; calls through other ABIs, too'],
    ['$0 check -p app.policy --table app.table', "a policy's unit tests: lines such as `errno EPERM ptrace`"],
  ],
  run(words) {
    if (words.table !== undefined) return checkTable(words, words.table as string);
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
        ? `${JSON.stringify(answers.map((answer) => ({ ...answerAsJson(answer), ...(expected === undefined ? {} : { expected: isRight(answer) }) })))}\n`
        : answers
            .map((answer) =>
              answerLine(answer, showsAbi(answer, served), isRight(answer), expected && actionText(expected)),
            )
            .join(''),
    );
    return answers.every(isRight) ? 0 : 1;
  },
};

function showsAbi(answer: Answer, served: readonly Abi[]): boolean {
  return served.length > 1 || answer.abi !== served[0];
}

/** Says what failed, or how many rows were right. */
function checkTable(words: CommandWords, file: string): number {
  if (words.words.length > 0 || words.expect !== undefined) {
    throw new UsageError('with --table the calls and their answers are in the table', {
      advice: 'check single calls without --table',
    });
  }
  const policy: Policy = policyFrom(words, process.env);
  const served = servedAnywhere(words, policy);
  const results = readTable(readPolicyText(file), file).flatMap((row) =>
    answersFor(row.invocation, row.text, policy, served).map((answer) => ({
      row,
      answer,
      isRight: isAsExpected(row.expected, answer.decision.action),
    })),
  );
  const wrong = results.filter(({ isRight }) => !isRight);
  if (words.json === true) {
    const all = results.map(({ row, answer, isRight }) => ({
      ...answerAsJson(answer),
      row: row.line,
      wanted: expectationText(row.expected),
      expected: isRight,
    }));
    writeAll(1, `${JSON.stringify(all)}\n`);
  } else {
    const lines = wrong.map(
      ({ row, answer }) =>
        `${file}:${row.line}: ${answerLine(answer, showsAbi(answer, served), false, expectationText(row.expected))}`,
    );
    const count = `${results.length - wrong.length} of ${results.length} answers as expected\n`;
    writeAll(1, `${lines.join('')}${count}`);
  }
  return wrong.length === 0 ? 0 : 1;
}
