// The proof: shows that a chain of filters answers every possible seccomp_data as its specification says, or throws.
//
// It walks the instructions symbolically. A state is a place in the program, what the accumulator holds, and for each
// word of seccomp_data the set of values that lead there; jumps go forward only, so taking places in ascending order sees
// each once, and states that differ in one word are joined, which keeps shared tails from multiplying paths. At
// each RET the sets are split further, until the specification gives one answer for all of them, and that
// must be the program's. It knows nothing of how the program was made, and follows only the few instructions
// that the kernel can also cache, or, for programs of others, all that ask about one word at a time; anything
// else is a failure, never an assumption.

import { ProofError } from '../errors.ts';
import { type Ending, mustAgree } from './agreement.ts';
import { type Held, heldNumber, heldWord, keyOfHeld, operate, passes, testOf } from './held.ts';
import * as op from './instruction.ts';
import { refusal, strictest } from './interpret.ts';
import { restrict } from './region.ts';
import { argumentOffset, type Specification } from './specification.ts';
import { anyWord, keyOf, negated, union } from './word-set.ts';

const ALLOW = 0x7fff0000;

/** A place's way of being reached; `answer` is that of the programs before this one. */
interface State extends Ending {
  readonly accumulator: Held;
  /** Absent: 0. Compiled programs use neither X nor M[]. */
  readonly x?: Held;
  readonly memory?: ReadonlyMap<number, Held>;
}

const zero = heldNumber(0);

/** More states than this in one place, or more splits in one question, and the proof gives up. */
const STATE_BUDGET = 200_000;

/** Which instructions are followed: those that the compiler emits, or also arithmetic, X and M[]. */
export type Follows = 'cacheable' | 'all';

const cacheable: ReadonlySet<number> = new Set([
  op.BPF_LD_W_ABS,
  op.BPF_ALU_AND_K,
  op.BPF_JMP_JA,
  op.BPF_RET_K,
  op.BPF_JMP_JEQ_K,
  op.BPF_JMP_JGT_K,
  op.BPF_JMP_JGE_K,
  op.BPF_JMP_JSET_K,
]);

/** Throws ProofError unless the programs, installed in this order, together mean the specification. */
export function prove(
  programs: readonly op.Program[],
  specification: Specification,
  follows: Follows = 'cacheable',
): void {
  const budget = { left: STATE_BUDGET };
  let states: State[] = [{ accumulator: zero, region: new Map(), passed: 0, failed: 0, answer: ALLOW }];
  try {
    for (const program of programs) {
      const problem = refusal(program);
      if (problem !== undefined) throw new ProofError(problem);
      const strange = program.findIndex(({ code }) => follows !== 'all' && !cacheable.has(code));
      if (strange >= 0) throw unfollowed(strange, `has the code 0x${program[strange]!.code.toString(16)}`);
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
      const end = (value: number) => ended.push(ending(state, value));
      switch (one.code) {
        case op.BPF_LD_W_ABS:
          go(at + 1, { ...state, accumulator: heldWord(one.k) });
          break;
        case op.BPF_LD_IMM:
          go(at + 1, { ...state, accumulator: heldNumber(one.k) });
          break;
        case op.BPF_LD_W_LEN:
          go(at + 1, { ...state, accumulator: heldNumber(op.SECCOMP_DATA_SIZE) });
          break;
        case op.BPF_LD_MEM:
          go(at + 1, { ...state, accumulator: state.memory?.get(one.k) ?? zero });
          break;
        case op.BPF_LDX_IMM:
          go(at + 1, { ...state, x: heldNumber(one.k) });
          break;
        case op.BPF_LDX_W_LEN:
          go(at + 1, { ...state, x: heldNumber(op.SECCOMP_DATA_SIZE) });
          break;
        case op.BPF_LDX_MEM:
          go(at + 1, { ...state, x: state.memory?.get(one.k) ?? zero });
          break;
        case op.BPF_ST:
        case op.BPF_STX: {
          const value = one.code === op.BPF_ST ? state.accumulator : (state.x ?? zero);
          go(at + 1, { ...state, memory: new Map(state.memory).set(one.k, value) });
          break;
        }
        case op.BPF_MISC_TAX:
          go(at + 1, { ...state, x: state.accumulator });
          break;
        case op.BPF_MISC_TXA:
          go(at + 1, { ...state, accumulator: state.x ?? zero });
          break;
        case op.BPF_JMP_JA:
          go(at + 1 + one.k, state);
          break;
        case op.BPF_RET_K:
          end(one.k);
          break;
        case op.BPF_RET_A:
          if (!('number' in state.accumulator))
            throw unfollowed(at, 'answers with a word of the call itself');
          end(state.accumulator.number);
          break;
        default: {
          if (one.cookie !== undefined) {
            branchOnCookie(one, at, state, bigEndian, go);
            break;
          }
          const operand = operandOf(one, at, state);
          if ((one.code & 7) === CLASS_JMP) {
            branch(one, operand, at, state, go);
            break;
          }
          const result = operate(state.accumulator, one.code & 0xf0, operand);
          // Division by X = 0 ends the program with 0.
          if (result === undefined) end(0);
          else go(at + 1, { ...state, accumulator: result });
        }
      }
    }
    arriving[at] = [];
  }
  return joined(ended);
}

type Go = (at: number, state: State) => void;

const CLASS_JMP = 5;
const SRC_X = 8;

/** A state in which a program has ended, and the next one begins. */
function ending({ region, passed, failed, answer }: State, value: number): State {
  return { accumulator: zero, region, passed, failed, answer: strictest(answer, value) };
}

function operandOf({ code, k }: op.Instruction, at: number, { x }: State): number {
  if ((code & SRC_X) === 0) return k;
  if (x === undefined || 'number' in x) return x?.number ?? 0;
  throw unfollowed(at, 'combines two words of the call');
}

function unfollowed(at: number, what: string): ProofError {
  return new ProofError(`the proof does not follow instruction ${at}: it ${what}`);
}

function branch(one: op.Instruction, operand: number, at: number, state: State, go: Go): void {
  const { accumulator } = state;
  const operation = one.code & 0xf0;
  if ('number' in accumulator) {
    go(at + 1 + (passes(accumulator.number, operation, operand) ? one.jt : one.jf), state);
    return;
  }
  const test = testOf(accumulator, operation, operand);
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
    accumulator.steps.length > 0
  ) {
    throw new ProofError(`instruction ${at} compares the cookie's word ${word} with something else`);
  }
  const bit = 1 << word;
  if ((state.failed & bit) === 0) go(at + 1 + one.jt, { ...state, passed: state.passed | bit });
  if ((state.passed & bit) === 0) go(at + 1 + one.jf, { ...state, failed: state.failed | bit });
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
  const { accumulator, x, memory, region } = state;
  let key = keyOfHeld(accumulator);
  if (x !== undefined) key += `X${keyOfHeld(x)}`;
  for (const [index, held] of memory ?? []) key += `M${index}${keyOfHeld(held)}`;
  key += `,${state.passed},${state.failed},${state.answer}`;
  for (const offset of offsets) {
    const set = offset === left ? undefined : region.get(offset);
    key += set === undefined ? '|' : `|${keyOf(set)}`;
  }
  return key;
}
