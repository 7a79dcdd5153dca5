// Filters against libseccomp's: how many instructions a call executes, how large programs are, and how long compiling takes.

import { interpret } from '../../lib/bpf/interpret.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { compileUnproved } from '../../lib/compiler/compile.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNames } from '../../lib/linux/syscalls.ts';
import { returnValue } from '../../lib/policy/action.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { type Compiled, compileWithLibseccomp } from '../libseccomp.ts';
import { measure, type Quality, samplesFor } from '../quality.ts';
import { benchPolicies, benchPolicy, median, needs, type Places, type Section, table } from '../section.ts';

const abi = abis.x86_64;

export const filters: Section = {
  name: 'filters',
  title: 'Filters: instructions, size, time to compile',
  needs: [needs.gcc, needs.libseccomp],
  run(places) {
    const rows = benchPolicies.map(({ file, label }) => compare(places, file, label));
    return [
      'Executed instructions, mean over all allowed calls (in brackets: over the calls with checked arguments alone, each permitted',
      'value alike), then the size of the program.\n',
      table(
        ['policy', 'sandbox-run', 'libseccomp tree', 'libseccomp chain'],
        rows.map(({ label, ours, tree, chain }) => [label, ...[ours, tree, chain].map(cell)]),
      ),
      'The most that a call executes, and calls without conditions that the kernel’s bitmap (5.11) does not answer by itself.\n',
      table(
        ['policy', 'sandbox-run', 'libseccomp tree', 'libseccomp chain'],
        rows.map(({ label, ours, tree, chain }) => [
          label,
          ...[ours, tree, chain].map((one) => `${one.worst}; ${one.notConstant.length}`),
        ]),
      ),
      'Time from the policy to the finished program, in ms (sandbox-run’s once warm, and the part of it that is the proof,',
      'which the others do not have; what a first compilation costs shows in the start-up times).\n',
      table(
        ['policy', 'sandbox-run', 'of which proof', 'libseccomp tree', 'libseccomp chain'],
        rows.map(({ label, times }) => [label, ...times.map((time) => time.toFixed(2))]),
      ),
    ].join('\n');
  },
};

function cell({ mean, checkedMean, size }: Quality): string {
  return `${mean.toFixed(2)}${Number.isNaN(checkedMean) ? '' : ` (${checkedMean.toFixed(1)})`}; ${size}`;
}

function compare(places: Places, file: string, label: string) {
  const policy = benchPolicy(places, file);
  const ours = timed(policy);
  const [tree, chain] = (['tree', 'chain'] as const).map((shape) => {
    const compiled = compileWithLibseccomp(places, policy, abi, shape, file);
    mustMeanTheSame(compiled, policy, file);
    return { quality: measure([compiled.program], policy, abi), time: compiled.time / 1e6 };
  });
  return {
    label,
    ours: measure(ours.programs, policy, abi),
    tree: tree!.quality,
    chain: chain!.quality,
    times: [ours.warm, ours.proof, tree!.time, chain!.time],
  };
}

/** Otherwise the comparison would be of two different things. */
function mustMeanTheSame({ program }: Compiled, policy: Policy, file: string): void {
  for (const name of syscallNames(abi)) {
    for (const call of samplesFor(policy, abi, name)) {
      const wanted = returnValue(evaluate(policy, abi, call), abi);
      const { value } = interpret(program, { ...call, arch: abi.auditArch });
      if (value !== wanted)
        throw new Error(
          `${file}: libseccomp's filter answers ${name} 0x${value.toString(16)}, not 0x${wanted.toString(16)}`,
        );
    }
  }
}

/** Milliseconds. */
function timed(policy: Policy) {
  const now = () => performance.now();
  const again = () => {
    // A policy of its own each time: some of what is known of one is kept beside it.
    const own = { ...policy };
    const start = now();
    const programs = compileUnproved(own, { abis: [abi] });
    const middle = now();
    prove(programs, specify(own, [abi], []));
    return { programs, all: now() - start, proof: now() - middle };
  };
  // V8 needs some hundred rounds until it has compiled all of it.
  const runs = Array.from({ length: 400 }, again).slice(300);
  return {
    programs: runs[0]!.programs,
    warm: median(runs.map((one) => one.all)),
    proof: median(runs.map((one) => one.proof)),
  };
}
