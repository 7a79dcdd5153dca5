// `inspect`: the filters that a process has, or a raw filter in a file, as policies that are proved to say the same.

import { filtersOfProcess } from '../../asking/process.ts';
import { type Recovered, recover } from '../../asking/recover.ts';
import { disassemble } from '../../bpf/disassemble.ts';
import type { Program } from '../../bpf/instruction.ts';
import { SandboxError, UsageError } from '../../errors.ts';
import { readProgram } from '../../formats/raw.ts';
import { abis } from '../../linux/abi.ts';
import { actionText } from '../../policy/action.ts';
import { readPolicyBytes } from '../../policy/language/load.ts';
import { printPolicy } from '../../policy/language/print.ts';
import { explainPolicy } from '../../policy/words.ts';
import type { Command, CommandWords } from '../command.ts';
import { nativeAbi } from '../machine.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { abiOf, readPid } from '../subjects.ts';
import { explanationText } from './explain.ts';

export const inspect: Command = {
  name: 'inspect',
  usage: 'PID | --bpf FILE',
  help: 'Read the filters of a running process, or a raw filter, back into a policy (a process needs CAP_SYS_ADMIN)',
  options: [
    { name: 'bpf', value: 'FILE', completes: 'file', help: 'A raw sock_filter array instead of a process' },
    { name: 'explain', help: 'Say it in plain words' },
    { name: 'listing', help: 'Show the instructions, with comments' },
    ...policyOptions.filter(({ name }) => name === 'abi'),
  ],
  examples: [
    ['$0 inspect 1234', 'what the process over there may really do'],
    ['$0 inspect --bpf filter.bpf --explain', "any tool's filter, in words"],
  ],
  run(words) {
    const programs = programsOf(words);
    const results = programs.map((program, index) =>
      one(program, nameOf(words, index, programs.length), words),
    );
    if (words.json === true) writeAll(1, `${JSON.stringify(results.map(({ json }) => json))}\n`);
    else if (results.length === 0) writeAll(1, 'no filter: every call is permitted\n');
    else writeAll(1, results.map(({ text }) => text).join('\n'));
    return results.every(({ isRead }) => isRead) ? 0 : 1;
  },
};

function programsOf(words: CommandWords): readonly Program[] {
  const [pid, more] = words.words;
  const file = words.bpf as string | undefined;
  if (more !== undefined || (pid === undefined) === (file === undefined)) {
    throw new UsageError('inspect takes a process number or --bpf FILE', {
      advice: 'for example: sandbox-run inspect 1234',
    });
  }
  if (file !== undefined) return [readProgram(readPolicyBytes(file), file, abis[abiOf(words)].bigEndian)];
  return filtersOfProcess(readPid(pid!.replace(/^pid:/, ''), pid), nativeAbi());
}

function nameOf(words: CommandWords, index: number, count: number): string {
  const file = words.bpf as string | undefined;
  if (file !== undefined) return file;
  const order = count === 1 ? '' : `, filter ${index + 1} of ${count}${index === 0 ? ' (the oldest)' : ''}`;
  return `process ${words.words[0]!.replace(/^pid:/, '')}${order}`;
}

interface Shown {
  readonly text: string;
  readonly json: unknown;
  /** Whether it could be said as a policy, where that was asked. */
  readonly isRead: boolean;
}

function one(program: Program, name: string, words: CommandWords): Shown {
  const native = abiOf(words);
  const head = { name, instructions: program.length };
  if (words.listing === true) {
    const listing = disassemble(program, [abis[native]]);
    return {
      text: `# ${name}: ${program.length} instructions\n${listing}`,
      json: { ...head, listing },
      isRead: true,
    };
  }
  try {
    const found = recover(program, name, native);
    return {
      text: textOf(head, found, words.explain === true),
      json: {
        ...head,
        proved: true,
        policies: found.policies.map((policy) => ({ abis: policy.abis, policy: printPolicy(policy) })),
        unsaid: found.unsaid.map((range) => ({ ...range, answers: range.answers.map(actionText) })),
      },
      isRead: true,
    };
  } catch (error) {
    // Of several filters one may be beyond a policy; the others are still shown.
    if (!(error instanceof SandboxError)) throw error;
    const { message, advice } = error;
    return {
      text: `# ${name}: ${program.length} instructions\n# ${message}\n${advice === undefined ? '' : `# ${advice}\n`}`,
      json: { ...head, proved: false, error: message, advice },
      isRead: false,
    };
  }
}

function textOf(head: { name: string; instructions: number }, found: Recovered, inWords: boolean): string {
  const notes = found.unsaid.map(
    ({ abi, low, high, answers }) =>
      `# not said below: ${low === high ? `number ${low}` : `numbers ${low} to ${high}`} of ${abi}, which no kernel has: ${answers.map(actionText).join(' or ')}\n`,
  );
  const parts = found.policies.map((policy) =>
    inWords
      ? (policy.abis ?? []).map((name) => explanationText(explainPolicy(policy, abis[name]))).join('\n')
      : printPolicy(policy),
  );
  const several = parts.length > 1 ? `# one policy for each kind of program that it tells apart\n` : '';
  return `# ${head.name}: ${head.instructions} instructions; proved to say the same as this\n${notes.join('')}${several}${parts.join('\n# ----\n')}`;
}
