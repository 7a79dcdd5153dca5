// The way back: what a program of any origin decides, as decisions on words. The program is walked symbolically for each
// architecture and each range of call numbers that it can tell apart; what it asks of the other words becomes tests in
// somebody else's graph (the caller's, who knows how to share and compare them). All of the machine is followed: arithmetic, X
// and M[] included. What no test of single words can say (a sum of two arguments, an answer that is itself an argument) is
// refused and never guessed.

import {
  canonical,
  type Held,
  heldNumber,
  heldWord,
  keyOfHeld,
  operate,
  passes,
  testOf,
  UnfollowedError,
  unmasked,
} from './held.ts';
import * as op from './instruction.ts';
import { refusal } from './interpret.ts';
import { MAX_WORD } from './intervals.ts';
import type { WordTest } from './word-set.ts';

/** Makes decisions of type N. */
export interface DecisionMaker<N> {
  /** An answer: a SECCOMP_RET_ value. */
  leaf(value: number): N;
  /** `test` is canonical and neither always nor never true. `offset`: bytes into seccomp_data, never arch or nr. */
  test(offset: number, test: WordTest, yes: N, no: N): N;
}

/** Call numbers from starts[i] up to the next start are decided by nodes[i]; starts[0] is 0. */
export interface LiftedNumbers<N> {
  readonly starts: readonly number[];
  readonly nodes: readonly N[];
}

/** Where architectures and call numbers may be told apart. Ascending, from 0. */
export interface Cuts {
  readonly arches: readonly number[];
  readonly numbers: readonly number[];
}

/** More places with different contents of the registers than any filter has. */
const MAX_SITUATIONS = 200_000;

/** Instructions followed for one architecture, over all numbers; the longest filters that are in use need about a million. */
const MAX_STEPS = 20_000_000;

/** The registers at some place. Words of M[] that were never written are 0, which the kernel makes sure nobody reads. */
interface Registers {
  readonly a: Held;
  readonly x: Held;
  readonly memory: ReadonlyMap<number, Held>;
}

const atStart: Registers = { a: heldNumber(0), x: heldNumber(0), memory: new Map() };

/** The boundaries of all tests on the architecture and on the number. Throws UnfollowedError, with the instruction's
 * place, and RangeError for a program that the kernel would refuse. */
export function cutsOf(program: op.Program): Cuts {
  const problem = refusal(program);
  if (problem !== undefined) throw new RangeError(problem);
  const cuts = { [op.OFFSET_ARCH]: new Set([0]), [op.OFFSET_NR]: new Set([0]) };
  const seen = new Set<string>();
  const open: { readonly at: number; readonly registers: Registers }[] = [{ at: 0, registers: atStart }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    let { at, registers } = next;
    for (;;) {
      const one = program[at]!;
      const found = placed(at, () => step(one, registers));
      if (found.kind === 'answer') break;
      if (found.kind === 'go') {
        registers = found.registers;
        at += 1 + found.distance;
        continue;
      }
      const { offset, test } = found;
      const own = cuts[offset as 0 | 4];
      if (own !== undefined) {
        const intervals = placed(at, () => unmasked(test));
        for (let i = 0; i < intervals.length; i += 2) {
          own.add(intervals[i]!);
          if (intervals[i + 1]! < MAX_WORD) own.add(intervals[i + 1]! + 1);
        }
      }
      const key = situation(at, registers);
      if (seen.has(key)) break;
      if (seen.add(key).size > MAX_SITUATIONS) throw new UnfollowedError('too many ways through the program');
      open.push({ at: at + 1 + one.jf, registers });
      at += 1 + one.jt;
    }
  }
  const sorted = (set: ReadonlySet<number>) => [...set].sort((a, b) => a - b);
  return { arches: sorted(cuts[op.OFFSET_ARCH]), numbers: sorted(cuts[op.OFFSET_NR]) };
}

/** What the program decides for one architecture. `cuts` are the program's own. Throws UnfollowedError. */
export function liftNumbers<N>(
  program: op.Program,
  arch: number,
  cuts: Cuts,
  make: DecisionMaker<N>,
): LiftedNumbers<N> {
  const starts: number[] = [];
  const nodes: N[] = [];
  const budget = { left: MAX_STEPS };
  for (const nr of cuts.numbers) {
    const node = liftOne(program, arch, nr, make, budget);
    if (nodes.at(-1) === node) continue;
    starts.push(nr);
    nodes.push(node);
  }
  return { starts, nodes };
}

/** The decision for one architecture and number. */
function liftOne<N>(
  program: op.Program,
  arch: number,
  nr: number,
  make: DecisionMaker<N>,
  budget: { left: number },
): N {
  const done = new Map<string, N>();
  const walk = (from: number, before: Registers): N => {
    let at = from;
    let registers = before;
    for (;;) {
      const one = program[at]!;
      if (--budget.left < 0) throw new UnfollowedError('too many ways through the program');
      const found = placed(at, () => step(one, registers, arch, nr));
      if (found.kind === 'answer') return make.leaf(found.value);
      if (found.kind === 'go') {
        registers = found.registers;
        at += 1 + found.distance;
        continue;
      }
      const { offset } = found;
      const test = placed(at, () => canonical(found.test));
      const fixed = constantOf(test);
      if (fixed !== undefined) {
        at += 1 + (fixed ? one.jt : one.jf);
        continue;
      }
      const key = situation(at, registers);
      let node = done.get(key);
      if (node === undefined) {
        node = make.test(offset, test, walk(at + 1 + one.jt, registers), walk(at + 1 + one.jf, registers));
        done.set(key, node);
      }
      return node;
    }
  };
  return walk(0, atStart);
}

function constantOf({ intervals }: WordTest): boolean | undefined {
  if (intervals.length === 0) return false;
  return intervals[0] === 0 && intervals[1] === MAX_WORD ? true : undefined;
}

function situation(at: number, { a, x, memory }: Registers): string {
  let key = `${at}|${keyOfHeld(a)}|${keyOfHeld(x)}`;
  for (const [index, held] of memory) key += `|${index}:${keyOfHeld(held)}`;
  return key;
}

type Found =
  | { readonly kind: 'go'; readonly registers: Registers; readonly distance: number }
  | { readonly kind: 'answer'; readonly value: number }
  | { readonly kind: 'test'; readonly offset: number; readonly test: WordTest };

/** One instruction. With `arch` and `nr` these words are known numbers. */
function step(one: op.Instruction, registers: Registers, arch?: number, nr?: number): Found {
  const { code, k } = one;
  const go = (changed: Partial<Registers>, distance = 0): Found => ({
    kind: 'go',
    registers: { ...registers, ...changed },
    distance,
  });
  const { a, x, memory } = registers;
  switch (code) {
    case op.BPF_LD_W_ABS:
      if (k === op.OFFSET_ARCH && arch !== undefined) return go({ a: heldNumber(arch) });
      if (k === op.OFFSET_NR && nr !== undefined) return go({ a: heldNumber(nr) });
      return go({ a: heldWord(k) });
    case op.BPF_LD_IMM:
      return go({ a: heldNumber(k) });
    case op.BPF_LDX_IMM:
      return go({ x: heldNumber(k) });
    case op.BPF_LD_W_LEN:
      return go({ a: heldNumber(op.SECCOMP_DATA_SIZE) });
    case op.BPF_LDX_W_LEN:
      return go({ x: heldNumber(op.SECCOMP_DATA_SIZE) });
    case op.BPF_LD_MEM:
      return go({ a: memory.get(k) ?? heldNumber(0) });
    case op.BPF_LDX_MEM:
      return go({ x: memory.get(k) ?? heldNumber(0) });
    case op.BPF_ST:
      return go({ memory: new Map(memory).set(k, a) });
    case op.BPF_STX:
      return go({ memory: new Map(memory).set(k, x) });
    case op.BPF_MISC_TAX:
      return go({ x: a });
    case op.BPF_MISC_TXA:
      return go({ a: x });
    case op.BPF_JMP_JA:
      return go({}, k);
    case op.BPF_RET_K:
      return { kind: 'answer', value: k };
    case op.BPF_RET_A:
      if ('number' in a) return { kind: 'answer', value: a.number };
      throw new UnfollowedError('an answer that is a word of the call itself');
  }
  const operand = numberIn(one, x);
  if ((code & 7) === 4) {
    const result = operate(a, code & 0xf0, operand);
    // Division by X = 0 ends the program with 0.
    return result === undefined ? { kind: 'answer', value: 0 } : go({ a: result });
  }
  if ('number' in a) return go({}, passes(a.number, code & 0xf0, operand) ? one.jt : one.jf);
  return { kind: 'test', offset: a.offset, test: testOf(a, code & 0xf0, operand) };
}

function numberIn({ code, k }: op.Instruction, x: Held): number {
  if ((code & 8) === 0) return k;
  if ('number' in x) return x.number;
  throw new UnfollowedError('an operation on two words of the call');
}

/** Adds the instruction's place to what cannot be followed. */
function placed<T>(at: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UnfollowedError) || error.message.startsWith('instruction')) throw error;
    throw new UnfollowedError(`instruction ${at}: ${error.message}`);
  }
}
