// `compile`: a policy as a program, for this launcher or for others that take one.

import { disassemble } from '../../bpf/disassemble.ts';
import type { Program } from '../../bpf/instruction.ts';
import { compile, encodeAll } from '../../compiler/compile.ts';
import { SandboxError, UsageError } from '../../errors.ts';
import type { Abi } from '../../linux/abi.ts';
import type { Command } from '../command.ts';
import { policyOptions } from '../options.ts';
import { output } from '../output.ts';
import { policyFrom, servedAnywhere } from '../sources.ts';

const formats = ['bpf', 'listing', 'c', 'json'] as const;
type Format = (typeof formats)[number];

export const compileCommand: Command = {
  name: 'compile',
  usage: '[policy options] [--format FORMAT] [-o FILE]',
  help: 'Compile a policy into a proved filter',
  options: [
    ...policyOptions,
    {
      name: 'format',
      value: 'FORMAT',
      choices: formats,
      help: 'bpf: raw struct sock_filter array; listing, c, json (listing)',
    },
    {
      name: 'output',
      alias: 'o',
      value: 'FILE',
      completes: 'file',
      help: 'Write there instead of to standard output',
    },
  ],
  examples: [
    [
      '$0 compile -p app.policy --format bpf -o app.bpf',
      'for bwrap --seccomp or minijail0 --seccomp-bpf-binary',
    ],
    ['$0 compile --allow read,write --abi aarch64', 'what it is on another machine'],
  ],
  run(words) {
    if (words.words.length > 0) {
      throw new UsageError(`compile takes no ${words.words[0]}`, { advice: 'name the policy with --policy' });
    }
    const policy = policyFrom(words, process.env);
    const abis = servedAnywhere(words, policy);
    const programs = compile(policy, { abis });
    const format = (words.format as Format | undefined) ?? (words.json === true ? 'json' : 'listing');
    output(words, render(programs, abis, format));
    return 0;
  },
};

function render(programs: readonly Program[], abis: readonly Abi[], format: Format): string | Uint8Array {
  const native = abis[0]!;
  switch (format) {
    case 'bpf': {
      const [only, more] = encodeAll(programs, native);
      if (more !== undefined || only === undefined) {
        throw new SandboxError(`the policy needs ${programs.length} filters, and a raw file holds one`, {
          advice: 'use --format json or c, and install them one after the other',
        });
      }
      return only;
    }
    case 'listing':
      return programs.map((program) => disassemble(program, abis)).join('\n');
    case 'c':
      return programs.map((program, index) => cText(program, index)).join('\n');
    case 'json':
      return `${JSON.stringify({
        abis: abis.map((abi) => abi.name),
        filters: programs.map((program) => program.map(({ code, jt, jf, k }) => ({ code, jt, jf, k }))),
      })}\n`;
  }
}

function cText(program: Program, index: number): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  const rows = program.map(({ code, jt, jf, k }) => `  {${hex(code)}, ${jt}, ${jf}, ${hex(k)}},\n`).join('');
  return `/* struct sock_filter of <linux/filter.h> */\nstatic const struct sock_filter filter${index === 0 ? '' : index}[] = {\n${rows}};\n`;
}
