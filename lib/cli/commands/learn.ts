// `learn`, as the help and the completions know it. What it does is in ../learned.ts, which the start loads without the rest.

import { UsageError } from '../../errors.ts';
import type { Command } from '../command.ts';

export const learn: Command = {
  name: 'learn',
  usage: '[-o FILE] [options] -- PROGRAM [ARG…]',
  help: 'Record what a program asks of the kernel, and write a policy from it',
  options: [
    {
      name: 'output',
      alias: 'o',
      value: 'FILE',
      completes: 'file',
      help: 'The policy to write; standard error if not given',
    },
    { name: 'merge', help: 'Add to that policy what it does not permit yet' },
    { name: 'record', value: 'FILE', completes: 'file', help: 'Keep the recording, as JSON lines' },
    {
      name: 'replay',
      value: 'FILE',
      many: true,
      completes: 'file',
      help: 'Learn from recordings instead of running; further files may follow',
    },
    { name: 'stability', help: 'With --replay: say what each recording brought that those before had not' },
    { name: 'names-only', help: 'Calls without conditions on their arguments' },
    { name: 'within', value: 'POLICY', completes: 'file', help: 'Run under this policy as an upper bound' },
    {
      name: 'verify',
      value: 'POLICY',
      completes: 'file',
      help: 'Refuse nothing, and list what this policy would have refused; exit 1 if anything',
    },
    { name: 'fast', help: 'Record by notification: faster, but signals may interrupt calls' },
    { name: 'all', help: 'Record also calls that every policy permits (read, write, close, …)' },
  ],
  operands: 'program',
  examples: [
    ['$0 learn -o app.policy -- ./app --selftest', 'write a policy from one run'],
    ['$0 learn -o app.policy --merge -- ./app --other-task', 'and add what another run needs'],
    ['$0 learn --replay *.rec -o app.policy', 'many recordings in, one policy out'],
    ['$0 learn --verify app.policy -- ./app', 'what would be refused, without refusing'],
  ],
  run() {
    throw new UsageError('learn takes its options after its name', {
      advice: 'sandbox-run learn [options] -- PROGRAM [ARG…]',
    });
  },
};
