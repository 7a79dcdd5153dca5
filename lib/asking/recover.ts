// From what a program decides back to a policy in the language. For each ABI the program's answers become a default, the answer
// to calls that nobody knows yet, and statements; ABIs that say the same of the same calls share one policy. The result
// is proved against the program before anybody sees it.

import type { Program } from '../bpf/instruction.ts';
import { prove } from '../bpf/prove.ts';
import type { Specification, SpecifiedRange } from '../bpf/specification.ts';
import { Graph } from '../compiler/graph.ts';
import type { Numbers } from '../compiler/resolve.ts';
import { specify } from '../compiler/specify.ts';
import { PolicyError } from '../errors.ts';
import { type Abi, type AbiName, abis } from '../linux/abi.ts';
import { rank } from '../policy/action.ts';
import type { Policy } from '../policy/model.ts';
import {
  abisFor,
  decisionsOf,
  plainNumbers,
  plainValue,
  rangesOf,
  restOf,
  sectionOf,
  testsArch,
} from './decisions.ts';
import { actionFor } from './difference.ts';
import { type Rows, rowsOf, type Unsaid } from './rows.ts';
import { closedPolicy, policyOf, together } from './statements.ts';

export type { Unsaid } from './rows.ts';

export interface Recovered {
  /** Each for its own ABIs (its `abis`), the native one's first. Calls through an ABI that none of them names are answered by
   * `foreign`, which is the same in all. */
  readonly policies: readonly Policy[];
  readonly unsaid: readonly Unsaid[];
}

/** The policy of one program, as one for several ABIs where that says the same. `native`: the ABI that a program
 * without a test of the architecture is for. Throws PolicyError or CompileError where no policy can say what the program
 * does, ProofError where the result could not be shown to be the same. */
export function recover(program: Program, name: string, native: AbiName): Recovered {
  const graph = new Graph();
  const subject = { kind: 'programs', name, programs: [program] } as const;
  const looked = abisFor([subject], native);
  const first = looked.find((abi) => testsArch([program], abi)) ?? abis[native];
  const rest = restOf(graph, subject, looked, first);
  const foreign = rest === undefined ? undefined : plainValue(rest);
  const rows: Rows[] = [];
  const left: Abi[] = [];
  for (const abi of looked) {
    const numbers = plainNumbers(graph, decisionsOf(graph, subject, abi, []));
    const only = onlyValue(numbers, abi);
    const isLeft = only !== undefined && (only === foreign || (foreign === undefined && isClosed(only)));
    // Who is asked for by name is served, even where the answer is everybody's.
    const isAsked = testsArch([program], abi) && abi.name !== 'x32';
    if (isLeft && !isAsked) left.push(abi);
    else rows.push(rowsOf(graph, numbers, abi));
  }
  const answers = new Set(
    left.map((abi) => onlyValue(plainNumbers(graph, decisionsOf(graph, subject, abi, [])), abi)),
  );
  const [closed] = answers;
  if (answers.size > 1)
    throw new PolicyError(`${name}: architectures that it does not serve get different answers`);
  const elsewhere = foreign ?? closed;
  const policies = together(rows).map((group) => policyOf(group, elsewhere, first));
  const recovered = {
    policies: policies.length > 0 ? policies : [closedPolicy(elsewhere, first)],
    unsaid: rows.flatMap((one) => one.unsaid),
  };
  prove(
    [plainProgram(program)],
    specificationOf(recovered, looked, rest === undefined ? undefined : foreign, first),
    'all',
  );
  return recovered;
}

/** KILL, TRAP and ERRNO of all calls: nothing is served. */
function isClosed(value: number): boolean {
  return rank(actionFor(value, abis.x86_64)) <= rank({ kind: 'errno', errno: 0 });
}

/** The answer to all numbers of the ABI, if it is one. */
function onlyValue(numbers: Numbers, abi: Abi): number | undefined {
  const nodes = new Set([...rangesOf(numbers, abi)].map(({ node }) => node));
  const [only, more] = nodes;
  return more === undefined && only?.kind === 'leaf' ? only.value : undefined;
}

/** The program with answers that do the same as one. */
function plainProgram(program: Program): Program {
  return program.map((one) => (one.code === 0x06 ? { ...one, k: plainValue(one.k) } : one));
}

/** What the program must mean if the policies are right: each in its own ABI's numbers, the unsaid ranges left out. */
function specificationOf(
  { policies, unsaid }: Recovered,
  looked: readonly Abi[],
  foreign: number | undefined,
  native: Abi,
): Specification {
  const arches = [...new Set(looked.map((abi) => abi.auditArch))];
  return {
    bigEndian: native.bigEndian,
    otherwise: foreign,
    architectures: arches.map((arch) => ({
      arch,
      gated: [],
      ranges: looked
        .filter((abi) => abi.auditArch === arch)
        .flatMap((abi) => sectionRanges(policies, abi, unsaid))
        .sort((a, b) => a.low - b.low),
    })),
  };
}

function sectionRanges(
  policies: readonly Policy[],
  abi: Abi,
  unsaid: readonly Unsaid[],
): readonly SpecifiedRange[] {
  const policy = policies.find((one) => one.abis?.includes(abi.name)) ?? policies[0]!;
  const { architectures, otherwise } = specify(
    policy,
    policy.abis!.map((name) => abis[name]),
    [],
  );
  const own = architectures.find(({ arch }) => arch === abi.auditArch)?.ranges ?? [
    { low: 0, high: 0xffffffff, meaning: { rules: [], otherwise: otherwise! } },
  ];
  const holes = unsaid.filter((one) => one.abi === abi.name).map(({ low, high }) => [low, high] as const);
  return sectionOf(abi)
    .flatMap((section) => cut(own, section))
    .flatMap((range) => without(range, holes));
}

function cut(
  ranges: readonly SpecifiedRange[],
  [low, high]: readonly [number, number],
): readonly SpecifiedRange[] {
  return ranges
    .map((range) => ({ ...range, low: Math.max(range.low, low), high: Math.min(range.high, high) }))
    .filter((range) => range.low <= range.high);
}

function without(
  range: SpecifiedRange,
  holes: readonly (readonly [number, number])[],
): readonly SpecifiedRange[] {
  let left: readonly SpecifiedRange[] = [range];
  for (const [low, high] of holes) {
    left = left.flatMap((one) => [...cut([one], [0, low - 1]), ...cut([one], [high + 1, 0xffffffff])]);
  }
  return left;
}
