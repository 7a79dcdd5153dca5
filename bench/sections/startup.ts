// What starting a program inside a filter costs, against starting Node alone and against bubblewrap with the same filter.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encode } from '../../lib/bpf/instruction.ts';
import { nativeAbi } from '../../lib/cli/sources.ts';
import { compile } from '../../lib/compiler/compile.ts';
import {
  benchPolicy,
  buildHelper,
  median,
  needs,
  type Places,
  runHelper,
  type Section,
  table,
} from '../section.ts';

const ROUNDS = 101;

export const startup: Section = {
  name: 'startup',
  title: 'Start-up: from fork to the end of a program that does nothing',
  needs: [needs.gcc, needs.bubblewrap],
  run(places) {
    const commands = commandsFor(places);
    const words = commands.flatMap(({ words }) => [
      '--',
      ...words.map((word) => (word === '--' ? '---' : word)),
    ]);
    const output = runHelper(buildHelper(places, 'starts'), [String(ROUNDS), ...words]);
    const rounds = output
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const node = commands.findIndex((one) => one.isNode);
    const rows = commands.map(({ label }, index) => {
      const times = rounds.map((round) => round[index]! / 1e6);
      const ratios = rounds.map((round) => round[index]! / round[node]!);
      return [label, median(times).toFixed(2), Math.min(...times).toFixed(2), median(ratios).toFixed(2)];
    });
    return [
      `Medians of ${ROUNDS} rounds in which all commands take turns; the ratio is the median of the rounds’ own ratios. NODE_EXTRA_CA_CERTS is not set.\n`,
      table(['command', 'median, ms', 'least, ms', 'of `node -e 0`'], rows),
    ].join('\n');
  },
};

interface Command {
  readonly label: string;
  readonly words: readonly string[];
  readonly isNode?: boolean;
}

function commandsFor(places: Places): readonly Command[] {
  const program = join(places.scratch, 'nothing');
  const build = ['-O2', '-static', '-nostdlib', '-o', program, join(places.bench, 'native', 'nothing.c')];
  const built = spawnSync('gcc', build, { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`gcc could not build nothing.c: ${built.stderr}`);
  const root = dirname(places.bench);
  const sandboxRun = [process.execPath, join(root, 'bin', 'sandbox-run.cjs')];
  const policyFile = (name: string) => join(places.bench, 'policies', `${name}.policy`);
  const docker = join(places.scratch, 'start-docker.bpf');
  const [filter] = compile(benchPolicy(places, 'b-docker'), { abis: [nativeAbi()] });
  writeFileSync(docker, encode(filter!));
  const thirteen = thirteenCalls(policyFile('a-thirteen'));
  return [
    { label: 'the program alone', words: [program] },
    { label: '`node -e 0`', words: [process.execPath, '-e', '0'], isNode: true },
    { label: 'sandbox-run, thirteen calls', words: [...sandboxRun, '--allow', thirteen, '--', program] },
    {
      label: 'sandbox-run, Docker’s profile',
      words: [...sandboxRun, '--policy', policyFile('b-docker'), '--', program],
    },
    { label: 'sandbox-run --help', words: [...sandboxRun, '--help'] },
    {
      label: 'sandbox-run check, Docker’s profile',
      words: [...sandboxRun, 'check', '--policy', policyFile('b-docker'), 'ptrace'],
    },
    {
      label: 'sandbox-run explain, Docker’s profile',
      words: [...sandboxRun, 'explain', '--policy', policyFile('b-docker')],
    },
    {
      label: 'bubblewrap without a filter',
      words: ['bwrap', '--dev-bind', '/', '/', program],
    },
    {
      label: 'bubblewrap with that filter, compiled before',
      words: [`<${docker}`, 'bwrap', '--dev-bind', '/', '/', '--seccomp', '10', program],
    },
  ];
}

/** Policy a as people write it on the command line. */
function thirteenCalls(file: string): string {
  return [...readFileSync(file, 'utf8').matchAll(/^allow (.*)$/gm)].map(([, calls]) => calls).join(',');
}
