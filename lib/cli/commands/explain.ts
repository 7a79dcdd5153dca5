// `explain`: a policy in words, or its program as a commented listing.

import { disassemble } from '../../bpf/disassemble.ts';
import { compile } from '../../compiler/compile.ts';
import { UsageError } from '../../errors.ts';
import { type Explanation, explainPolicy } from '../../policy/words.ts';
import type { Command } from '../command.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { policyFrom, servedAnywhere } from '../sources.ts';

export const explain: Command = {
  name: 'explain',
  usage: '[policy options] [--listing]',
  help: 'Say in words what a policy permits',
  options: [...policyOptions, { name: 'listing', help: 'Show the compiled program with comments instead' }],
  examples: [
    ['$0 explain -p app.policy', 'what it permits, and what happens to the rest'],
    ['$0 explain -p docker.json --listing', "another tool's profile, as the kernel gets it"],
  ],
  run(words) {
    if (words.words.length > 0) {
      throw new UsageError(`explain takes no ${words.words[0]}`, { advice: 'name the policy with --policy' });
    }
    const policy = policyFrom(words, process.env);
    const abis = servedAnywhere(words, policy);
    if (words.listing === true) {
      const programs = compile(policy, { abis });
      writeAll(1, programs.map((program) => disassemble(program, abis)).join('\n'));
      return 0;
    }
    const explanations = abis.map((abi) => explainPolicy(policy, abi));
    writeAll(
      1,
      words.json === true
        ? `${JSON.stringify(explanations)}\n`
        : explanations.map(explanationText).join('\n'),
    );
    return 0;
  },
};

export function explanationText({ abi, sections, rest }: Explanation): string {
  const lines = [`For programs that call Linux as ${abi}:`];
  for (const { heading, always, sometimes } of sections) {
    lines.push('', `${heading}:`);
    if (always.length > 0) lines.push(...wrapped(always));
    for (const { call, when } of sometimes) lines.push(`  ${call}, if ${when}`);
  }
  return `${[...lines, '', ...rest].join('\n')}\n`;
}

function wrapped(names: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = ' ';
  names.forEach((name, index) => {
    const word = index < names.length - 1 ? ` ${name},` : ` ${name}`;
    if (line.length + word.length > 100) {
      lines.push(line);
      line = ' ';
    }
    line += word;
  });
  return [...lines, line];
}
