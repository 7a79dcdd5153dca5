// The proof's second half: whether an answer that a chain of programs gives for a whole region of seccomp_data is what the
// specification says there. The region is cut until every rule that matters is plainly true or plainly false in it. What
// has been decided of a formula is not asked again below a cut, and long formulas are cut in the middle, so that a
// rule with thousands of values takes about as many steps as it has values.

import { ProofError } from '../errors.ts';
import { OFFSET_ARCH, OFFSET_NR } from './instruction.ts';
import { intersect, MAX_WORD } from './intervals.ts';
import { describe, type Region, restrict } from './region.ts';
import type { Formula, Specification, SpecifiedRange, SpecifiedRule, WordFormula } from './specification.ts';
import { anyWord, negated, plainIntervals, relation, type WordTest } from './word-set.ts';

const ALLOW = 0x7fff0000;
const ALL_COOKIE_WORDS = 0b111111;

/** How a chain of programs answers a region. */
export interface Ending {
  readonly region: Region;
  /** Cookie words found right, and words found wrong, as bits. */
  readonly passed: number;
  readonly failed: number;
  /** The strictest SECCOMP_RET_ value of all programs. */
  readonly answer: number;
}

/** Throws ProofError where the ending's answer is not the specified one, or where `budget` steps do not suffice. */
export function mustAgree(ending: Ending, specification: Specification, budget: { left: number }): void {
  let elsewhere: Region | undefined = ending.region;
  for (const { arch, ranges, gated } of specification.architectures) {
    const test: WordTest = { mask: MAX_WORD, intervals: [arch, arch] };
    const here = restrict(ending.region, OFFSET_ARCH, test);
    if (elsewhere !== undefined) elsewhere = restrict(elsewhere, OFFSET_ARCH, negated(test));
    if (here !== undefined) checkNumbers(ending, here, ranges, new Set(gated), budget);
  }
  const { otherwise } = specification;
  if (elsewhere !== undefined && otherwise !== undefined && ending.answer !== otherwise) {
    throw disagreement(elsewhere, ending.answer, otherwise);
  }
}

function checkNumbers(
  ending: Ending,
  region: Region,
  ranges: readonly SpecifiedRange[],
  gated: ReadonlySet<number>,
  budget: { left: number },
): void {
  const numbers = plainIntervals(region.get(OFFSET_NR) ?? anyWord);
  for (const range of overlapping(ranges, numbers)) {
    // Most numbers have one answer, and where it is this one there is nothing to look at.
    const { rules, otherwise } = range.meaning;
    if (rules.length === 0 && otherwise === ending.answer && !isGated(range, gated)) continue;
    const here = restrict(region, OFFSET_NR, {
      mask: MAX_WORD,
      intervals: intersect(numbers, [range.low, range.high]),
    });
    if (here === undefined) continue;
    if (checkGate(ending, here, range, gated)) continue;
    checkRules(ending, here, rules, otherwise, budget);
  }
}

/** Whether the gate alone explains this answer. */
function checkGate(
  ending: Ending,
  region: Region,
  range: SpecifiedRange,
  gated: ReadonlySet<number>,
): boolean {
  if (!isGated(range, gated) || ending.failed !== 0) return false;
  // Whoever holds the cookie may come this way too, so the answer must be what the gate promises.
  if (ending.answer !== ALLOW) throw disagreement(region, ending.answer, ALLOW);
  return ending.passed === ALL_COOKIE_WORDS;
}

function isGated(range: SpecifiedRange, gated: ReadonlySet<number>): boolean {
  return range.low === range.high && gated.has(range.low);
}

function checkRules(
  ending: Ending,
  region: Region,
  rules: readonly SpecifiedRule[],
  otherwise: number,
  budget: { left: number },
): void {
  if (--budget.left < 0) throw new ProofError('the proof gave up: too many cases');
  const open: SpecifiedRule[] = [];
  let last = otherwise;
  for (const { value, when } of rules) {
    const left = residue(when, region);
    if (left === false) continue;
    if (left === true) {
      last = value;
      break;
    }
    open.push(left === when ? { value, when } : { value, when: left });
  }
  // Rules at the end that say what follows them anyway decide nothing.
  while (open.length > 0 && open[open.length - 1]!.value === last) open.pop();
  if (open.length === 0) {
    if (last !== ending.answer) throw disagreement(region, ending.answer, last);
    return;
  }
  const { offset, test } = cutOf(open, region);
  for (const side of [test, negated(test)]) {
    const part = restrict(region, offset, side);
    if (part !== undefined) checkRules(ending, part, open, last, budget);
  }
}

/** What is left to ask of a formula inside a region: nothing, because it is true or false there, or a shorter formula. */
function residue(formula: Formula, region: Region, looksAtCases = true): boolean | Formula {
  if (formula.kind === 'word') {
    const now = relation(region.get(formula.offset) ?? anyWord, formula.test);
    return now === 'both' ? formula : now === 'inside';
  }
  if (formula.kind === 'not') {
    const left = residue(formula.of, region, looksAtCases);
    if (left === formula.of) return formula;
    return typeof left === 'boolean' ? !left : { kind: 'not', of: left };
  }
  const decisive = formula.kind === 'or';
  const parts: Formula[] = [];
  for (const part of formula.of) {
    const left = residue(part, region, looksAtCases);
    if (left === decisive) return decisive;
    if (typeof left !== 'boolean') parts.push(left);
  }
  if (parts.length === 0) return !decisive;
  if (parts.length === 1) return parts[0]!;
  const left: Formula = { kind: formula.kind, of: parts };
  if (!looksAtCases || !isOfOneWord(parts)) return left;
  return truthByCases(left, region, { left: FEW_CASES }) ?? left;
}

/** Cases of one word that are gone through to decide a formula about it, before it is left to be cut with the region. */
const FEW_CASES = 64;

/** Whether a formula about one word is true or false for all its values; undefined: it depends, or it takes too long to tell. To
 * decide it for itself keeps the cases of one argument from multiplying with those of the others. */
function truthByCases(formula: Formula, region: Region, cases: { left: number }): boolean | undefined {
  const left = residue(formula, region, false);
  if (typeof left === 'boolean') return left;
  if (--cases.left < 0) return undefined;
  const { offset, test } = wordsOf(left)[0]!;
  const first = truthByCases(left, restrict(region, offset, test)!, cases);
  if (first === undefined) return undefined;
  return truthByCases(left, restrict(region, offset, negated(test))!, cases) === first ? first : undefined;
}

function isOfOneWord(parts: readonly Formula[]): boolean {
  const words = parts.flatMap(wordsOf);
  return words.every((one) => one.offset === words[0]!.offset);
}

/** Of the first undecided rule: its first test; if it has many on that word, the middle between them, where that cuts. */
function cutOf(
  open: readonly SpecifiedRule[],
  region: Region,
): { readonly offset: number; readonly test: WordTest } {
  const words = wordsOf(open[0]!.when);
  const first = words[0]!;
  if (words.length <= FEW) return first;
  const alike = words.filter((one) => one.offset === first.offset && one.test.mask === first.test.mask);
  const edges = alike.map((one) => one.test.intervals[0]!).sort((a, b) => a - b);
  const middle = { mask: first.test.mask, intervals: [edges[edges.length >> 1]!, MAX_WORD] };
  const isCut = relation(region.get(first.offset) ?? anyWord, middle) === 'both';
  return isCut ? { offset: first.offset, test: middle } : first;
}

const FEW = 4;

function wordsOf(formula: Formula): readonly WordFormula[] {
  if (formula.kind === 'word') return [formula];
  return formula.kind === 'not' ? wordsOf(formula.of) : formula.of.flatMap(wordsOf);
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
  return new ProofError(
    `the program answers 0x${is.toString(16)} where the policy says 0x${expected.toString(16)} (${describe(region)})`,
    { advice: 'this is a fault in sandbox-run; please report it with the policy' },
  );
}
