// Policy → programs: resolve → graph → trees → layout → proof. See DESIGN in the README's "How it works".

import { encode, MAX_INSTRUCTIONS, OFFSET_ARCH, OFFSET_NR, type Program } from '../bpf/instruction.ts';
import { prove } from '../bpf/prove.ts';
import { argumentOffset } from '../bpf/specification.ts';
import { CompileError } from '../errors.ts';
import { type Abi, X32_BIT } from '../linux/abi.ts';
import { syscallName, syscallNumber } from '../linux/syscalls.ts';
import { returnValue } from '../policy/action.ts';
import { foreignOf, type Policy } from '../policy/model.ts';
import { Graph, type Node, type Variable } from './graph.ts';
import { layOut } from './layout.ts';
import { tooLarge } from './limits.ts';
import { type Numbers, resolve } from './resolve.ts';
import { specify } from './specify.ts';
import { split } from './split.ts';
import { weightsFor } from './weights.ts';

export interface CompileOptions {
  /** The ABIs that the filter serves, the native one first; calls through any other answer `foreign`. All of one byte order. */
  readonly abis: readonly Abi[];
  /** Calls of the first ABI that the launch's cookie opens, where the policy does not permit them anyway: their
   * args[3], args[4] and args[5] must hold it. */
  readonly gates?: readonly string[];
}

const ALLOW = 0x7fff0000;

const archWord: Variable = { offset: OFFSET_ARCH, mask: 0xffffffff, order: -2 };
const numberWord: Variable = { offset: OFFSET_NR, mask: 0xffffffff, order: -1 };

/** Programs that together mean the policy, to be installed in this order, proved. Nearly always one; more where one would
 * be longer than the kernel permits. Throws CompileError, PolicyError or ProofError. */
export function compile(policy: Policy, options: CompileOptions): readonly Program[] {
  const programs = compileUnproved(policy, options);
  prove(programs, specify(policy, options.abis, options.gates ?? []));
  return programs;
}

/** For the tests of the proof itself, and for measuring. */
export function compileUnproved(policy: Policy, { abis, gates = [] }: CompileOptions): readonly Program[] {
  const native = abis[0];
  if (native === undefined)
    throw new CompileError('no ABI to compile for', { advice: 'name one with --abi' });
  if (abis.some((abi) => abi.bigEndian !== native.bigEndian)) {
    throw new CompileError(
      `${abis.map((abi) => abi.name).join(' and ')} differ in byte order and never share a kernel`,
    );
  }
  const weights = weightsFor(native.auditArch, (nr) =>
    abis.some((abi) => syscallName(abi, nr) !== undefined),
  );
  try {
    const graph = new Graph();
    const root = wholeDecision(graph, policy, abis, gates);
    return split(graph, root, graph.leaf(ALLOW), MAX_INSTRUCTIONS, (part) => layOut(part, weights));
  } catch (error) {
    // A graph too deep for the stack is far too large for the kernel.
    if (error instanceof RangeError && error.message.includes('call stack')) throw tooLarge(undefined, error);
    throw error;
  }
}

/** The raw sock_filter array of each program, in the byte order of the machine that it is for. */
export function encodeAll(programs: readonly Program[], abi: Abi): readonly Uint8Array[] {
  return programs.map((program) => encode(program, abi.bigEndian));
}

/** The decision for any seccomp_data: architecture, then number, then arguments. */
function wholeDecision(graph: Graph, policy: Policy, abis: readonly Abi[], gates: readonly string[]): Node {
  const native = abis[0]!;
  const foreign = graph.leaf(returnValue(foreignOf(policy), native));
  const byArch = new Map<number, Node>();
  for (const arch of new Set(abis.map((abi) => abi.auditArch))) {
    const sharing = abis.filter((abi) => abi.auditArch === arch);
    byArch.set(arch, numberDecision(graph, policy, sharing, native, gates, foreign));
  }
  const cuts = new Map<number, Node>([[0, foreign]]);
  for (const [arch, node] of byArch) {
    cuts.set(arch, node);
    if (!byArch.has(arch + 1)) cuts.set(arch + 1, foreign);
  }
  return switchOf(graph, archWord, cuts);
}

/** The decision on the number, for the ABIs that share one AUDIT_ARCH_: one, or x86_64 and x32. */
function numberDecision(
  graph: Graph,
  policy: Policy,
  abis: readonly Abi[],
  native: Abi,
  gates: readonly string[],
  foreign: Node,
): Node {
  const plain = abis.find((abi) => abi.name !== 'x32');
  const x32 = abis.find((abi) => abi.name === 'x32');
  const plainNumbers = plain === undefined ? nowhere(foreign) : gated(graph, policy, plain, native, gates);
  if (plain?.name !== 'x86_64' && x32 === undefined)
    return switchOf(graph, numberWord, section(plainNumbers, 0, 2 ** 32));
  const x32Numbers = x32 === undefined ? nowhere(foreign) : gated(graph, policy, x32, native, gates);
  // Numbers from bit 30 on are x32's; -1 is no call (see abiOfData).
  return switchOf(
    graph,
    numberWord,
    new Map([
      ...section(plainNumbers, 0, X32_BIT),
      ...section(x32Numbers, X32_BIT, 0xffffffff),
      ...section(plainNumbers, 0xffffffff, 2 ** 32),
    ]),
  );
}

const nowhere = (foreign: Node): Numbers => ({ starts: [0], nodes: [foreign] });

/** The numbers of an ABI, with the native one's gates put before what the policy refuses. */
function gated(graph: Graph, policy: Policy, abi: Abi, native: Abi, gates: readonly string[]): Numbers {
  const numbers = resolve(graph, policy, abi);
  if (abi !== native || gates.length === 0) return numbers;
  const cuts = section(numbers, 0, 2 ** 32);
  const allow = graph.leaf(ALLOW);
  for (const name of gates) {
    const nr = syscallNumber(abi, name);
    if (nr === undefined) throw new CompileError(`${abi.name} has no call ${name} to let the launch through`);
    const node = numbers.nodes[lastAtMost(numbers.starts, nr)]!;
    if (node === allow) continue;
    if (!cuts.has(nr + 1)) cuts.set(nr + 1, node);
    cuts.set(nr, gate(graph, abi, node));
  }
  const starts = [...cuts.keys()].sort((a, b) => a - b);
  return { starts, nodes: starts.map((start) => cuts.get(start)!) };
}

/** Allow where args[3…5] hold the cookie's six words, else what the policy says. */
function gate(graph: Graph, abi: Abi, refused: Node): Node {
  let node: Node = graph.leaf(ALLOW);
  for (let word = 5; word >= 0; word--) {
    const offset = argumentOffset(3 + (word >> 1), word % 2 === 0 ? 'low' : 'high', abi.bigEndian);
    node = graph.cookie(offset, word, node, refused);
  }
  return node;
}

/** The part of a partition that lies in from…to (excluded), as cuts. */
function section({ starts, nodes }: Numbers, from: number, to: number): Map<number, Node> {
  const cuts = new Map<number, Node>([[from, nodes[lastAtMost(starts, from)]!]]);
  starts.forEach((start, index) => {
    if (start >= from && start < to) cuts.set(start, nodes[index]!);
  });
  return cuts;
}

function lastAtMost(starts: readonly number[], value: number): number {
  let index = 0;
  while (index + 1 < starts.length && starts[index + 1]! <= value) index++;
  return index;
}

function switchOf(graph: Graph, variable: Variable, cuts: ReadonlyMap<number, Node>): Node {
  const order = [...cuts.keys()].sort((a, b) => a - b);
  return graph.switch(
    variable,
    order,
    order.map((cut) => cuts.get(cut)!),
  );
}
