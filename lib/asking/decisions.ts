// What is asked about: a policy, or the programs of a filter chain, as decisions call by call in one graph. In the graph equal
// decisions on equal tests are one node, so two sides are compared by comparing nodes, wherever they came from.

import { UnfollowedError } from '../bpf/held.ts';
import type { Program } from '../bpf/instruction.ts';
import { strictest } from '../bpf/interpret.ts';
import { cutsOf, type DecisionMaker, liftNumbers } from '../bpf/lift.ts';
import { wordVariable } from '../compiler/condition.ts';
import type { Graph, Node } from '../compiler/graph.ts';
import { type Numbers, resolve } from '../compiler/resolve.ts';
import { PolicyError } from '../errors.ts';
import { type Abi, type AbiName, abis, familyOf, X32_BIT } from '../linux/abi.ts';
import { actionOfReturn, returnValue } from '../policy/action.ts';
import { foreignOf, type Policy } from '../policy/model.ts';

/** One of the things that are compared. */
export type Subject =
  | { readonly kind: 'policy'; readonly name: string; readonly policy: Policy }
  /** Filters as they are installed, the oldest first; none: everything is allowed. */
  | { readonly kind: 'programs'; readonly name: string; readonly programs: readonly Program[] };

/** Whether a program's start is meant or what holds from its main on: a policy may narrow itself there. */
export type Phase = 'exec' | 'main';

const ALLOW = 0x7fff0000;

/** SECCOMP_RET_ values that do the same are the same: data that the kernel does not look at is left out, an errno is at
 * most 4095, and what is no action kills (kernel/seccomp.c, __seccomp_filter). */
export function plainValue(value: number): number {
  const action = actionOfReturn(value);
  if (action.kind === 'errno')
    return returnValue({ ...action, errno: Math.min(Number(action.errno), 4095) }, abis.x86_64);
  return returnValue(action, abis.x86_64);
}

/** The ABIs that a subject speaks of; undefined: it does not say, and means the machine's own. */
export function abisOf(subject: Subject): readonly AbiName[] | undefined {
  if (subject.kind === 'policy') return subject.policy.abis;
  const { programs } = subject;
  const arches = guarded(subject.name, () => new Set(programs.flatMap((program) => cutsFor(program).arches)));
  const tested = Object.values(abis).filter((abi) => arches.has(abi.auditArch));
  return tested.length === 0 ? undefined : tested.map((abi) => abi.name);
}

/** The ABIs to look at for subjects: all that share a kernel with those that one of them speaks of. */
export function abisFor(subjects: readonly Subject[], native: AbiName): readonly Abi[] {
  const named = subjects.map((subject) => abisOf(subject) ?? [native]);
  const families = new Set(named.flat().map((name) => familyOf(name)));
  return [...families].flat().map((name) => abis[name]);
}

/** What a subject decides about each number of one ABI, over all 2³² numbers; those that belong to another ABI (x32 and
 * x86_64 share an architecture) come as the ABI's own section says, see `sectionOf`. `served`: the ABIs that a policy without an abi line
 * serves. Throws PolicyError where a program cannot be followed. */
export function decisionsOf(
  graph: Graph,
  subject: Subject,
  abi: Abi,
  served: readonly AbiName[],
  phase: Phase = 'exec',
): Numbers {
  if (subject.kind === 'policy') {
    const { policy } = subject;
    const native = abis[(policy.abis ?? served)[0]!];
    if (!(policy.abis ?? served).includes(abi.name)) {
      return { starts: [0], nodes: [graph.leaf(returnValue(foreignOf(policy), native))] };
    }
    const whole = resolve(graph, policy, abi);
    if (phase === 'exec' || policy.main === undefined) return whole;
    return joinNumbers(whole, resolve(graph, policy.main, abi), (a, b) => graph.zip(a, b, strictest));
  }
  const { programs } = subject;
  return guarded(subject.name, () =>
    programs
      .map((program) => lifted(graph, program, abi))
      .reduce((older, newer) => joinNumbers(older, newer, (a, b) => graph.zip(a, b, strictest)), {
        starts: [0],
        nodes: [graph.leaf(ALLOW)],
      }),
  );
}

/** The answer to all architectures that are none of these; undefined where there is not one. */
export function restOf(
  graph: Graph,
  subject: Subject,
  looked: readonly Abi[],
  native: Abi,
): number | undefined {
  if (subject.kind === 'policy') return returnValue(foreignOf(subject.policy), native);
  const known = new Set(looked.map((abi) => abi.auditArch));
  return guarded(subject.name, () => {
    const nodes = new Set<Node>();
    for (const arch of othersBetween(subject.programs, known)) {
      const parts = subject.programs.map((program) =>
        liftNumbers(program, arch, cutsFor(program), makerFor(graph, native)),
      );
      const whole = parts.reduce((a, b) => joinNumbers(a, b, (x, y) => graph.zip(x, y, strictest)));
      for (const node of whole.nodes) nodes.add(graph.map(node, plainValue));
    }
    const [only, more] = nodes;
    return more === undefined && only?.kind === 'leaf' ? only.value : undefined;
  });
}

/** One architecture for each way that the programs may answer those that are not known: between two values that they
 * tell apart all are alike. */
function othersBetween(programs: readonly Program[], known: ReadonlySet<number>): readonly number[] {
  const cuts = [...new Set([0, ...programs.flatMap((program) => cutsFor(program).arches)])].sort(
    (a, b) => a - b,
  );
  return cuts.flatMap((low, index) => {
    const next = cuts[index + 1] ?? 2 ** 32;
    let arch = low;
    while (arch < next && known.has(arch)) arch++;
    return arch < next ? [arch] : [];
  });
}

function lifted(graph: Graph, program: Program, abi: Abi): Numbers {
  return liftNumbers(program, abi.auditArch, cutsFor(program), makerFor(graph, abi));
}

/** Whether this architecture is told apart from those beside it by any of the programs. */
export function testsArch(programs: readonly Program[], abi: Abi): boolean {
  return programs.some((program) => cutsFor(program).arches.includes(abi.auditArch));
}

const cutsKnown = new WeakMap<Program, ReturnType<typeof cutsOf>>();

function cutsFor(program: Program): ReturnType<typeof cutsOf> {
  let cuts = cutsKnown.get(program);
  if (cuts === undefined) {
    cuts = cutsOf(program);
    cutsKnown.set(program, cuts);
  }
  return cuts;
}

function makerFor(graph: Graph, abi: Abi): DecisionMaker<Node> {
  return {
    leaf: (value) => graph.leaf(value),
    test: (offset, { mask, intervals }, yes, no) =>
      graph.choose(
        graph.within(wordVariable(offset, mask, abi.bigEndian), intervals, graph.yes, graph.no),
        yes,
        no,
      ),
  };
}

/** Both sides' ranges cut where either is cut. */
export function joinNumbers(a: Numbers, b: Numbers, join: (a: Node, b: Node) => Node): Numbers {
  const starts: number[] = [];
  const nodes: Node[] = [];
  for (const { start, left, right } of pairs(a, b)) {
    const node = join(left, right);
    if (nodes.at(-1) === node) continue;
    starts.push(start);
    nodes.push(node);
  }
  return { starts, nodes };
}

/** The ranges of both sides together: each with its start and both decisions. */
export function* pairs(a: Numbers, b: Numbers): Generator<{ start: number; left: Node; right: Node }> {
  let [i, j] = [0, 0];
  for (const start of [...new Set([...a.starts, ...b.starts])].sort((x, y) => x - y)) {
    while (i + 1 < a.starts.length && a.starts[i + 1]! <= start) i++;
    while (j + 1 < b.starts.length && b.starts[j + 1]! <= start) j++;
    yield { start, left: a.nodes[i]!, right: b.nodes[j]! };
  }
}

/** The same over equal answers: what the kernel does the same for is the same leaf. */
export function plainNumbers(graph: Graph, numbers: Numbers): Numbers {
  const known = new Map<Node, Node>();
  const plain = (node: Node): Node => {
    let found = known.get(node);
    if (found === undefined) {
      found = graph.map(node, plainValue);
      known.set(node, found);
    }
    return found;
  };
  return joinNumbers(numbers, { starts: [0], nodes: [graph.no] }, plain);
}

/** The numbers that are calls of this ABI: all but where x86_64 and x32 share an architecture. Both ends included. */
export function sectionOf(abi: Abi): readonly (readonly [low: number, high: number])[] {
  if (abi.name === 'x32') return [[X32_BIT, 0xfffffffe]];
  // -1 is no call (a tracer's way to skip one) and stays with x86_64.
  if (abi.name === 'x86_64')
    return [
      [0, X32_BIT - 1],
      [0xffffffff, 0xffffffff],
    ];
  return [[0, 0xffffffff]];
}

/** Each range of numbers that belongs to the ABI, with its node. */
export function* rangesOf(numbers: Numbers, abi: Abi): Generator<{ low: number; high: number; node: Node }> {
  for (const [from, to] of sectionOf(abi)) {
    for (const [index, node] of numbers.nodes.entries()) {
      const low = Math.max(numbers.starts[index]!, from);
      const high = Math.min((numbers.starts[index + 1] ?? 2 ** 32) - 1, to);
      if (low <= high) yield { low, high, node };
    }
  }
}

function guarded<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UnfollowedError) {
      throw new PolicyError(`${name}: the program cannot be said as a policy: ${error.message}`, {
        advice: 'sandbox-run inspect --listing shows the program itself',
        cause: error,
      });
    }
    if (error instanceof RangeError)
      throw new PolicyError(`${name}: not a filter: ${error.message}`, { cause: error });
    throw error;
  }
}
