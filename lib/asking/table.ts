// Tables of calls with the answers that a policy must give: its unit tests. One line is an answer and the calls that get it:
//
//   # what nginx must be able to do, and what not
//   allow       read(0), openat(AT_FDCWD, 0, O_RDONLY)
//   errno EPERM socket(AF_NETLINK, SOCK_RAW)
//   refused     ptrace, i386:ptrace
//
// The answer is an action of the policy language, or `permitted` (allow, log) or `refused` (anything else). Calls are written as
// `check` takes them.

import { PolicyError, SandboxError } from '../errors.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { type Invocation, parseInvocation } from '../policy/language/invocation.ts';
import { parseAction } from '../policy/language/parse.ts';
import { errorAt, type Source } from '../policy/language/source.ts';
import type { Action } from '../policy/model.ts';

/** What is expected: one action, or any of a kind. */
export type Expectation = Action | 'permitted' | 'refused';

export interface TableRow {
  readonly expected: Expectation;
  /** As written. */
  readonly text: string;
  readonly invocation: Invocation;
  /** 1-based. */
  readonly line: number;
}

/** More rows are a mistake, or somebody else's file. */
const MAX_ROWS = 100_000;
const MAX_ERRORS = 20;

/** Reads a table. Throws PolicyError at the first line that makes no sense, the others' errors with it. */
export function readTable(text: string, file: string): readonly TableRow[] {
  const source: Source = { name: file, text };
  const rows: TableRow[] = [];
  const errors: SandboxError[] = [];
  let start = 0;
  for (const [index, line] of text.split('\n').entries()) {
    try {
      for (const row of readLine(source, line, start, index + 1)) rows.push(row);
      if (rows.length > MAX_ROWS) throw errorAt(source, start, `a table has at most ${MAX_ROWS} calls`);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      errors.push(error);
      if (errors.length >= MAX_ERRORS || rows.length > MAX_ROWS) break;
    }
    start += line.length + 1;
  }
  const [first, ...others] = errors;
  if (first !== undefined)
    throw new PolicyError(first.message, { place: first.place, advice: first.advice, others });
  if (rows.length === 0) {
    throw new PolicyError(`${file}: there is no call in this table`, {
      advice: 'a line is an answer and calls: allow read(0), write(1)',
    });
  }
  return rows;
}

/** Whether an answer is the expected one. */
export function isAsExpected(expected: Expectation, action: Action): boolean {
  if (expected === 'permitted') return permits(action);
  if (expected === 'refused') return !permits(action);
  return sameAction(expected, action);
}

export function expectationText(expected: Expectation): string {
  return typeof expected === 'string' ? expected : actionText(expected);
}

function readLine(source: Source, whole: string, start: number, number: number): readonly TableRow[] {
  // A # begins a comment at a word's beginning; before digits it is a call's number.
  const line = whole.replace(/(^|\s)#(?!\d).*$/, '').trimEnd();
  if (line.trim() === '') return [];
  const head = /^\s*(?:(errno|trace|trap)(?:\s+|:)([A-Z]\w*|\d+)|([\w-]+))\s+/.exec(line);
  if (head === null) {
    throw errorAt(source, start, 'expected an answer and calls', 'for example: allow read(0), write(1)');
  }
  const expected = placed(source, start, () => readExpectation(head));
  const rows: TableRow[] = [];
  for (const { text, at } of callsOf(line.slice(head[0].length))) {
    const offset = start + head[0].length + at;
    if (text === '') throw errorAt(source, offset, 'expected a call', 'for example: read(0)');
    const invocation = placed(source, offset, () => parseInvocation(text, source.name));
    rows.push({ expected, text, invocation, line: number });
  }
  return rows;
}

function readExpectation([, kind, data, word]: RegExpExecArray): Expectation {
  if (word === 'permitted' || word === 'refused') return word;
  return parseAction(word ?? `${kind} ${data}`, 'table');
}

/** Parts between commas that stand in no brackets. */
function* callsOf(text: string): Generator<{ text: string; at: number }> {
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const letter = text[at];
    if (letter === '(') depth++;
    else if (letter === ')') depth--;
    else if (letter === undefined || (letter === ',' && depth <= 0)) {
      const part = text.slice(from, at);
      yield { text: part.trim(), at: from + part.length - part.trimStart().length };
      from = at + 1;
    }
  }
}

/** An error of a part of the line, with its place in the table. */
function placed<T>(source: Source, offset: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    const column = error.place === undefined ? 0 : error.place.column - 1;
    throw errorAt(source, offset + column, error.message, error.advice);
  }
}
