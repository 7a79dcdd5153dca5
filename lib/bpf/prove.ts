// The proof: shows that a chain of filters answers every possible seccomp_data as its specification says, or throws.
//
// It walks the instructions symbolically. A state is a place in the program, what the accumulator holds, and for each
// word of seccomp_data the set of values that lead there; jumps go forward only, so taking places in ascending order sees
// each once, and states that differ in one plain word are joined, which keeps shared tails from multiplying paths. At
// each RET the sets are split further, until the specification gives one answer for all of them, and that
// must be the program's. It knows nothing of how the program was made, and follows only the few instructions
// that the kernel can also cache; anything else is a failure, never an assumption.

import { ProofError } from '../errors.ts';
import * as op from './instruction.ts';
import { refusal, strictest } from './interpret.ts';
import {
  argumentOffset,
  type Formula,
  type Specification,
  type SpecifiedMeaning,
  type SpecifiedRange,
} from './specification.ts';
import {
  anyWord,
  everything,
  intersect,
  keyOf,
  MAX_WORD,
  narrow,
  negated,
  union,
  type WordSet,
  type WordTest,
} from './word-set.ts';

const ALLOW = 0x7fff0000;
const ALL_COOKIE_WORDS = 0b111111;

/** The words of one path: byte offset → set. */
type Region = ReadonlyMap<number, WordSet>;

/** What the accumulator holds: a word of seccomp_data under a mask, or a number. */
type Accumulator = { readonly offset: number; readonly mask: number } | { readonly number: number };

interface State {
  readonly accumulator: Accumulator;
  readonly region: Region;
  /** Cookie words found right (bits), and whether one was found wrong. */
  readonly passed: number;
  readonly failed: boolean;
  /** The strictest answer of the programs before this one. */
  readonly answer: number;
}

/** More states than this in one place, or more splits in one question, and the proof gives up. */
const STATE_BUDGET = 200_000;

/** Throws ProofError unless the programs, installed in this order, together mean the specification. */
export function prove(programs: readonly op.Program[], specification: Specification): void {
  const budget = { left: STATE_BUDGET };
  let states: State[] = [
    { accumulator: { number: 0 }, region: new Map(), passed: 0, failed: false, answer: ALLOW },
  ];
  try {
    for (const program of programs) {
      const problem = refusal(program);
      if (problem !== undefined) throw new ProofError(problem);
      states = walk(program, states, specification.bigEndian, budget);
    }
    for (const state of states) check(state, specification, budget);
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
 * every cookie. */
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
  go(at + 1 + one.jt, { ...state, passed: state.passed | (1 << word) });
  go(at + 1 + one.jf, { ...state, failed: true });
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

function restrict(region: Region, offset: number, test: WordTest): Region | undefined {
  const known = region.get(offset) ?? anyWord;
  const left = narrow(known, test);
  if (left === undefined) return undefined;
  const result = new Map(region);
  result.set(offset, left);
  return result;
}

/** Joins states that are alike but for one plain word, until none are. */
function joined(states: readonly State[]): State[] {
  if (states.length < 2) return [...states];
  let current = [...states];
  for (let before = Number.POSITIVE_INFINITY; current.length < before && current.length > 1; ) {
    before = current.length;
    for (const offset of new Set(current.flatMap((state) => [...state.region.keys()]))) {
      const groups = new Map<string, State>();
      const apart: State[] = [];
      for (const state of current) {
        const key = keyWithout(state, offset);
        const other = groups.get(key);
        if (other === undefined) {
          groups.set(key, state);
          continue;
        }
        const both = union(other.region.get(offset) ?? anyWord, state.region.get(offset) ?? anyWord);
        if (both === undefined) apart.push(state);
        else groups.set(key, { ...other, region: new Map(other.region).set(offset, both) });
      }
      current = [...groups.values(), ...apart];
      if (current.length === 1) break;
    }
  }
  return current;
}

function keyWithout(state: State, offset: number): string {
  const { accumulator: a } = state;
  const parts = [
    'number' in a ? `=${a.number}` : `${a.offset}&${a.mask}`,
    `${state.passed}${state.failed}${state.answer}`,
  ];
  for (const [at, set] of [...state.region].sort((x, y) => x[0] - y[0])) {
    if (at !== offset) parts.push(`${at}=${keyOf(set)}`);
  }
  return parts.join('|');
}

/** Holds one final state against the specification. */
function check(state: State, specification: Specification, budget: { left: number }): void {
  let elsewhere: Region | undefined = state.region;
  for (const { arch, ranges, gated } of specification.architectures) {
    const test: WordTest = { mask: MAX_WORD, intervals: [arch, arch] };
    const here = restrict(state.region, op.OFFSET_ARCH, test);
    if (elsewhere !== undefined) elsewhere = restrict(elsewhere, op.OFFSET_ARCH, negated(test));
    if (here !== undefined) checkNumbers(state, here, ranges, new Set(gated), budget);
  }
  if (elsewhere !== undefined && state.answer !== specification.otherwise) {
    throw disagreement(elsewhere, state.answer, specification.otherwise);
  }
}

function checkNumbers(
  state: State,
  region: Region,
  ranges: readonly SpecifiedRange[],
  gated: ReadonlySet<number>,
  budget: { left: number },
): void {
  const numbers = region.get(op.OFFSET_NR)?.get(MAX_WORD) ?? everything;
  for (const range of overlapping(ranges, numbers)) {
    const here = restrict(region, op.OFFSET_NR, {
      mask: MAX_WORD,
      intervals: intersect(numbers, [range.low, range.high]),
    });
    if (here === undefined) continue;
    if (checkGate(state, here, range, gated)) continue;
    checkMeaning(state, here, range.meaning, budget);
  }
}

/** Whether the gate alone explains this state's answer. */
function checkGate(state: State, region: Region, range: SpecifiedRange, gated: ReadonlySet<number>): boolean {
  const isGated = range.low === range.high && gated.has(range.low);
  if (!isGated || state.failed) return false;
  if (state.passed === ALL_COOKIE_WORDS) {
    if (state.answer !== ALLOW) throw disagreement(region, state.answer, ALLOW);
    return true;
  }
  // Whoever holds the cookie may also come this way, so the answer must be what the gate promises.
  if (state.answer !== ALLOW) throw disagreement(region, state.answer, ALLOW);
  return false;
}

/** Splits the region until every rule that matters is plainly true or plainly false in it. */
function checkMeaning(
  state: State,
  region: Region,
  meaning: SpecifiedMeaning,
  budget: { left: number },
): void {
  for (const rule of meaning.rules) {
    const truth = truthOf(rule.when, region);
    if (truth === false) continue;
    if (truth === true) {
      if (rule.value !== state.answer) throw disagreement(region, state.answer, rule.value);
      return;
    }
    if (--budget.left < 0) throw new ProofError('the proof gave up: too many cases');
    for (const test of [truth.test, negated(truth.test)]) {
      const part = restrict(region, truth.offset, test);
      if (part !== undefined) checkMeaning(state, part, meaning, budget);
    }
    return;
  }
  if (meaning.otherwise !== state.answer) throw disagreement(region, state.answer, meaning.otherwise);
}

/** True or false for the whole region, or a test that tells its parts apart. */
function truthOf(
  formula: Formula,
  region: Region,
): boolean | { readonly offset: number; readonly test: WordTest } {
  if (formula.kind === 'word') {
    const yes = restrict(region, formula.offset, formula.test) !== undefined;
    if (!yes) return false;
    const no = restrict(region, formula.offset, negated(formula.test)) !== undefined;
    return no ? { offset: formula.offset, test: formula.test } : true;
  }
  if (formula.kind === 'not') {
    const truth = truthOf(formula.of, region);
    return typeof truth === 'boolean' ? !truth : truth;
  }
  const decisive = formula.kind === 'or';
  let open: { readonly offset: number; readonly test: WordTest } | undefined;
  for (const part of formula.of) {
    const truth = truthOf(part, region);
    if (truth === decisive) return decisive;
    if (typeof truth !== 'boolean') open ??= truth;
  }
  return open ?? !decisive;
}

function* overlapping(
  ranges: readonly SpecifiedRange[],
  numbers: readonly number[],
): Generator<SpecifiedRange> {
  let at = 0;
  for (const range of ranges) {
    while (at < numbers.length && numbers[at + 1]! < range.low) at += 2;
    if (at >= numbers.length) return;
    if (numbers[at]! <= range.high) yield range;
  }
}

function disagreement(region: Region, is: number, expected: number): ProofError {
  const words = [...region].map(([offset, set]) => `word ${offset} in ${describe(set)}`).join(', ');
  return new ProofError(
    `the program answers 0x${is.toString(16)} where the policy says 0x${expected.toString(16)} (${words || 'always'})`,
    { advice: 'this is a fault in sandbox-run; please report it with the policy' },
  );
}

function describe(set: WordSet): string {
  return [...set]
    .map(([mask, intervals]) => {
      const shown = intervals.slice(0, 6).map((word) => `0x${word.toString(16)}`);
      const dots = intervals.length > 6 ? ' …' : '';
      return `${mask === MAX_WORD ? '' : `&0x${mask.toString(16)} `}[${shown.join(' ')}${dots}]`;
    })
    .join(' and ');
}
