// What filters cost in the running kernel: installing one, and each call under it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../lib/bpf/instruction.ts';
import { nativeAbi } from '../../lib/cli/sources.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import { compileWithLibseccomp } from '../libseccomp.ts';
import { benchPolicy, buildHelper, needs, type Places, runHelper, type Section, table } from '../section.ts';

const abi = abis.x86_64;
const ROUNDS = 101;

/** Calls that do next to nothing, so that the filter's part shows. */
const cases = [
  {
    file: 'b-docker',
    label: 'b: Docker’s profile',
    allowed: ['getuid'],
    checked: ['personality', 0xffffffffn],
    refused: ['bpf', 0xffffn],
  },
  {
    file: 'd-arguments',
    label: 'd: checked arguments',
    allowed: ['getuid'],
    checked: ['prctl', 3n],
    refused: ['personality', 0xffffffffn],
  },
] as const;

export const kernel: Section = {
  name: 'kernel',
  title: 'In the kernel: installing a filter, and calls under it',
  needs: [needs.gcc, needs.libseccomp],
  run(places) {
    if (nativeAbi().name !== abi.name) return 'Measured on x86-64 only: the programs are for that.';
    const rows = cases.flatMap((one) => rowsFor(places, one));
    return [
      `Medians of ${ROUNDS} rounds in which all filters take turns. Nanoseconds for a call, microseconds for installing. (“Refused” without a filter is the`,
      'call itself, done.)\n',
      table(
        [
          'policy',
          'filter',
          'instructions',
          'install, µs',
          'allowed, ns',
          'arguments checked, ns',
          'refused, ns',
        ],
        rows,
      ),
    ].join('\n');
  },
};

type Row = readonly (string | number)[];

function rowsFor(
  places: Places,
  { file, label, allowed, checked, refused }: (typeof cases)[number],
): readonly Row[] {
  const policy = benchPolicy(places, file);
  const calls = [allowed, checked, refused].map(([name, ...args]) => ({
    nr: syscallNumber(abi, name)!,
    args: [...args, ...Array.from({ length: 6 - args.length }, () => 0n)],
  }));
  const answers = calls.map((call) => evaluate(policy, abi, call).kind).join(' ');
  if (answers !== 'allow allow errno') throw new Error(`${file}: the calls to measure get ${answers}`);
  const [ours, more] = compile(policy, { abis: [abi] });
  if (ours === undefined || more !== undefined) throw new Error(`${file} is not one filter`);
  const own = join(places.scratch, `${file}.bpf`);
  writeFileSync(own, encode(ours));
  const tree = compileWithLibseccomp(places, policy, abi, 'tree', file, 1);
  const chain = compileWithLibseccomp(places, policy, abi, 'chain', file, 1);
  const filters = [
    { name: 'none', file: '-', size: 0 },
    { name: 'sandbox-run', file: own, size: ours.length },
    { name: 'libseccomp tree', file: tree.file, size: tree.program.length },
    { name: 'libseccomp chain', file: chain.file, size: chain.program.length },
  ];
  const words = calls.map(({ nr, args }) => [nr, ...args].join(','));
  const output = runHelper(buildHelper(places, 'under-filters'), [
    String(ROUNDS),
    ...words,
    '--',
    ...filters.map((one) => one.file),
  ]);
  const lines = output.trim().split('\n');
  if (lines.length !== filters.length) throw new Error(`native/under-filters.c gave ${lines.length} lines`);
  return filters.map(({ name, size }, index) => {
    const [install, ...each] = lines[index]!.split(' ').map(Number);
    return [
      label,
      name,
      size,
      size === 0 ? '–' : (install! / 1000).toFixed(1),
      ...each.map((time) => time.toFixed(0)),
    ];
  });
}
