// The proof: shows that a chain of filters answers every possible seccomp_data as its specification says, or throws.
//
// It walks the instructions symbolically. A state is a place in the program, what the accumulator holds, and for each
// word of seccomp_data the set of values that lead there; jumps go forward only, so taking places in ascending order sees
// each once, and states that differ in one word are joined, which keeps shared tails from multiplying paths. At
// each RET the sets are split further, until the specification gives one answer for all of them, and that
// must be the program's. It knows nothing of how the program was made, and follows only the few instructions
// that the kernel can also cache; anything else is a failure, never an assumption.

import { ProofError } from '../errors.ts';
import { type Ending, mustAgree } from './agreement.ts';
import * as op from './instruction.ts';
import { refusal, strictest } from './interpret.ts';
import { MAX_WORD } from './intervals.ts';
import { restrict } from './region.ts';
import { argumentOffset, type Specification } from './specification.ts';
import { anyWord, keyOf, negated, union, type WordTest } from './word-set.ts';

const ALLOW = 0x7fff0000;

/** What the accumulator holds: a word of seccomp_data under a mask, or a number. */
type Accumulator = { readonly offset: number; readonly mask: number } | { readonly number: number };

/** A place's way of being reached; `answer` is that of the programs before this one. */
interface State extends Ending {
  readonly accumulator: Accumulator;
}

/** More states than this in one place, or more splits in one question, and the proof gives up. */
const STATE_BUDGET = 200_000;

/** Throws ProofError unless the programs, installed in this order, together mean the specification. */
export function prove(programs: readonly op.Program[], specification: Specification): void {
  const budget = { left: STATE_BUDGET };
  let states: State[] = [
    { accumulator: { number: 0 }, region: new Map(), passed: 0, failed: 0, answer: ALLOW },
  ];
  try {
    for (const program of programs) {
      const problem = refusal(program);
      if (problem !== undefined) throw new ProofError(problem);
      states = walk(program, states, specification.bigEndian, budget);
    }
    for (const state of states) mustAgree(state, specification, budget);
  } catch (error) {
    if (error instanceof RangeError) throw new ProofError(`the proof gave up: ${error.message}`);
    throw error;
  }
}

/** All states in which a program ends, joined. */
function walk(
  program: op.Program,
  start: readonly State[],
  bigEndian: boolean,
  budget: { left: number },
): State[] {
  const arriving: State[][] = program.map(() => []);
  arriving[0] = [...start];
  const ended: State[] = [];
  const go = (at: number, state: State) => arriving[at]!.push(state);
  for (const [at, one] of program.entries()) {
    for (const state of joined(arriving[at]!)) {
      if (--budget.left < 0) throw new ProofError('the proof gave up: too many paths');
      switch (one.code) {
        case op.BPF_LD_W_ABS:
          go(at + 1, { ...state, accumulator: { offset: one.k, mask: MAX_WORD } });
          break;
        case op.BPF_ALU_AND_K:
          go(at + 1, { ...state, accumulator: masked(state.accumulator, one.k) });
          break;
        case op.BPF_JMP_JA:
          go(at + 1 + one.k, state);
          break;
        case op.BPF_RET_K:
          ended.push({ ...state, accumulator: { number: 0 }, answer: strictest(state.answer, one.k) });
          break;
        case op.BPF_JMP_JEQ_K:
        case op.BPF_JMP_JGT_K:
        case op.BPF_JMP_JGE_K:
        case op.BPF_JMP_JSET_K:
          if (one.cookie !== undefined) branchOnCookie(one, at, state, bigEndian, go);
          else branch(one, at, state, go);
          break;
        default:
          throw new ProofError(
            `the proof does not follow instruction ${at}, code 0x${one.code.toString(16)}`,
          );
      }
    }
    arriving[at] = [];
  }
  return joined(ended);
}

type Go = (at: number, state: State) => void;

function branch(one: op.Instruction, at: number, state: State, go: Go): void {
  const { accumulator } = state;
  if ('number' in accumulator) {
    const yes = passes(accumulator.number, one);
    go(at + 1 + (yes ? one.jt : one.jf), state);
    return;
  }
  const test = testOf(one, accumulator.mask);
  const yes = restrict(state.region, accumulator.offset, test);
  const no = restrict(state.region, accumulator.offset, negated(test));
  if (yes !== undefined) go(at + 1 + one.jt, { ...state, region: yes });
  if (no !== undefined) go(at + 1 + one.jf, { ...state, region: no });
}

/** The cookie is not known here, so both ways are open, and neither teaches anything about the word. That holds for
 * every cookie. Only what a word was found to be before, in this program or an earlier one, it still is. */
function branchOnCookie(one: op.Instruction, at: number, state: State, bigEndian: boolean, go: Go): void {
  const word = one.cookie!;
  const offset = argumentOffset(3 + (word >> 1), word % 2 === 0 ? 'low' : 'high', bigEndian);
  const { accumulator } = state;
  if (
    one.code !== op.BPF_JMP_JEQ_K ||
    !('offset' in accumulator) ||
    accumulator.offset !== offset ||
    accumulator.mask !== MAX_WORD
  ) {
    throw new ProofError(`instruction ${at} compares the cookie's word ${word} with something else`);
  }
  const bit = 1 << word;
  if ((state.failed & bit) === 0) go(at + 1 + one.jt, { ...state, passed: state.passed | bit });
  if ((state.passed & bit) === 0) go(at + 1 + one.jf, { ...state, failed: state.failed | bit });
}

function masked(accumulator: Accumulator, mask: number): Accumulator {
  if ('number' in accumulator) return { number: (accumulator.number & mask) >>> 0 };
  return { offset: accumulator.offset, mask: (accumulator.mask & mask) >>> 0 };
}

function passes(a: number, { code, k }: op.Instruction): boolean {
  if (code === op.BPF_JMP_JEQ_K) return a === k;
  if (code === op.BPF_JMP_JGT_K) return a > k;
  if (code === op.BPF_JMP_JGE_K) return a >= k;
  return (a & k) !== 0;
}

/** What a jump asks of a word that was masked before. */
function testOf({ code, k }: op.Instruction, mask: number): WordTest {
  if (code === op.BPF_JMP_JEQ_K) return { mask, intervals: [k, k] };
  if (code === op.BPF_JMP_JGE_K) return { mask, intervals: [k, MAX_WORD] };
  if (code === op.BPF_JMP_JGT_K) return { mask, intervals: k === MAX_WORD ? [] : [k + 1, MAX_WORD] };
  const both = (mask & k) >>> 0;
  return { mask: both, intervals: [1, MAX_WORD] };
}

/** Joins states that are alike but for one plain word, until none are. */
function joined(states: readonly State[]): State[] {
  if (states.length < 2) return [...states];
  let current = [...states];
  for (let before = Number.POSITIVE_INFINITY; current.length < before && current.length > 1; ) {
    before = current.length;
    const offsets = [...new Set(current.flatMap((state) => [...state.region.keys()]))];
    for (const offset of offsets) {
      const groups = new Map<string, State[]>();
      for (const state of current) {
        const key = keyWithout(state, offsets, offset);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [state]);
        else group.push(state);
      }
      if (groups.size === current.length) continue;
      current = [...groups.values()].flatMap((group) => joinedAt(group, offset));
      if (current.length === 1) break;
    }
  }
  return current;
}

/** States that differ in one word at most, as one if their union can be said. */
function joinedAt(group: readonly State[], offset: number): readonly State[] {
  if (group.length === 1) return group;
  const distinct = new Map(group.map((state) => [keyOf(state.region.get(offset) ?? anyWord), state]));
  const [first] = group;
  if (distinct.size === 1) return [first!];
  const all = union([...distinct.values()].map((state) => state.region.get(offset) ?? anyWord));
  if (all === undefined) return [...distinct.values()];
  return [{ ...first!, region: new Map(first!.region).set(offset, all) }];
}

function keyWithout(state: State, offsets: readonly number[], left: number): string {
  const { accumulator: a, region } = state;
  let key = 'number' in a ? `=${a.number}` : `${a.offset}&${a.mask}`;
  key += `,${state.passed},${state.failed},${state.answer}`;
  for (const offset of offsets) {
    const set = offset === left ? undefined : region.get(offset);
    key += set === undefined ? '|' : `|${keyOf(set)}`;
  }
  return key;
}
