// `merge`, `intersect`, `subtract`: policies put together, printed in the language.

import { UsageError } from '../../errors.ts';
import { intersect as intersectPolicies } from '../../policy/algebra/intersect.ts';
import { merge as mergePolicies } from '../../policy/algebra/merge.ts';
import { subtract as subtractPolicies } from '../../policy/algebra/subtract.ts';
import type { AlgebraOptions } from '../../policy/algebra/view.ts';
import { printPolicy } from '../../policy/language/print.ts';
import type { Policy } from '../../policy/model.ts';
import type { Command } from '../command.ts';
import { wantedAbis } from '../machine.ts';
import { type Option, policyOptions } from '../options.ts';
import { output } from '../output.ts';
import { abiOf, policyOf, readingOptions, readSubject } from '../subjects.ts';

const options: readonly Option[] = [
  ...readingOptions(policyOptions),
  {
    name: 'output',
    alias: 'o',
    value: 'FILE',
    completes: 'file',
    help: 'Write there instead of to standard output',
  },
];

export const merge = command(
  'merge',
  'A B …',
  'Add policies up: the union of their statements, the stricter default',
  {
    examples: [
      ['$0 merge base.policy extra.policy', 'as include does'],
      ['$0 merge learnt-*.policy -o app.policy', 'what several runs taught'],
    ],
    combine: (policies) => mergePolicies(policies),
  },
);

export const intersect = command('intersect', 'A B …', 'The stricter answer of all policies to each call', {
  examples: [
    ['$0 intersect ours.policy docker.json', 'what is left inside a container'],
    ['$0 intersect app.policy pid:1234', 'what is left below the filters of a process'],
  ],
  combine: (policies, scope) => policies.reduce((a, b) => intersectPolicies(a, b, scope)),
});

export const subtract = command('subtract', 'A B', 'Permit exactly what A permits and B does not', {
  examples: [
    ['$0 subtract learnt.policy reviewed.policy', 'what is still to be looked at'],
    [
      '$0 subtract docker.json app.policy -o unused.policy',
      'what a profile permits and a program never needed',
    ],
  ],
  most: 2,
  combine: ([a, b], scope) => subtractPolicies(a!, b!, scope),
});

interface Parts {
  readonly examples: Command['examples'];
  /** How many policies it takes; absent: any number from two on. */
  readonly most?: number;
  combine(policies: readonly Policy[], scope: AlgebraOptions): Policy;
}

function command(name: string, usage: string, help: string, { examples, most, combine }: Parts): Command {
  return {
    name,
    usage: `${usage} [-o FILE]`,
    help,
    options,
    operands: 'policies',
    examples,
    async run(words) {
      const count = words.words.length;
      if (count < 2 || count > (most ?? count)) {
        throw new UsageError(
          `${name} takes ${most === undefined ? 'at least two' : 'two'} policies, found ${count}`,
          {
            advice: `sandbox-run ${name} ${usage}: files of any format, raw filters, or pid:1234`,
          },
        );
      }
      const policies: Policy[] = [];
      for (const word of words.words) policies.push(policyOf(await readSubject(word, words), words));
      const asked = wantedAbis(words);
      const named = policies.flatMap((policy) => policy.abis ?? []);
      const scope = { abis: asked ?? (named.length > 0 ? [...new Set(named)] : [abiOf(words)]) };
      const text = printPolicy(combine(policies, scope));
      output(words, words.json === true ? `${JSON.stringify({ policy: text })}\n` : text);
      return 0;
    },
  };
}
