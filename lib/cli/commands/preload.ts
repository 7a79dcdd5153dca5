// `preload`, as the help and the completions know it. It is run.ts with another way to begin, so that it reads its words as a run does.

import { UsageError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { policyOptions } from '../options.ts';

export const preload: Command = {
  name: 'preload',
  usage: '[policy options] -- PROGRAM [ARG…]',
  help: 'Start a dynamic program with libsandbox.so, whose filter begins before main',
  options: policyOptions,
  operands: 'program',
  examples: [
    [
      '$0 preload --policy app.policy -- ./app',
      'static and setuid programs load no library, and are refused',
    ],
    ['$0 preload --deny @mount,ptrace -- ./app', 'start-up calls need not be in a policy'],
  ],
  run() {
    throw new UsageError('preload takes its options after its name', {
      advice: 'sandbox-run preload [policy options] -- PROGRAM [ARG…]',
    });
  },
};
