// Reading one statement or directive. What it says is returned as a line for the caller to put into a policy, because
// a file, an option and an include each treat their lines a little differently.

import { type AbiName, abiNames, isAbiName } from '../../linux/abi.ts';
import { nearest } from '../../linux/nearest.ts';
import { isSyscallName } from '../../linux/syscalls.ts';
import { actionKinds, actionText } from '../action.ts';
import type { Action, Statement } from '../model.ts';
import { isActionWord, readAction, readActionFrom } from './actions.ts';
import { readCalls } from './calls.ts';
import { describe, type Lexer, type Token } from './lexer.ts';
import { errorAt, placeAt, quoted } from './source.ts';
import { didYouMean } from './values.ts';

/** What one line of a policy says. */
export type Line =
  | { readonly kind: 'statement'; readonly statement: Statement }
  /** `default ACTION CALL, …` */
  | { readonly kind: 'call default'; readonly statement: Statement }
  | { readonly kind: 'default' | 'unknown' | 'foreign'; readonly action: Action }
  | { readonly kind: 'kernel'; readonly kernel: string }
  | { readonly kind: 'abi'; readonly abis: readonly AbiName[] }
  | { readonly kind: 'include'; readonly path: string; readonly start: number };

/** Directives: everything that may begin a line and is not an action. */
export const directiveWords = ['default', 'unknown', 'foreign', 'kernel', 'abi', 'include', 'phase'] as const;

/** One line up to its end, which is taken, with `comments` standing above it. */
export function readLine(lexer: Lexer, comments: readonly string[]): { line: Line; loose: string[] } {
  const first = lexer.next();
  const line = readLineStarting(lexer, first);
  const end = lexer.peek();
  if (end.kind !== 'line end' && end.kind !== 'end') {
    throw errorAt(lexer.source, end.start, `expected the end of the line, found ${describe(end)}`);
  }
  const { inside, before } = lexer.takeComments();
  lexer.next();
  const above = [...comments, ...inside];
  if (line.kind !== 'statement' && line.kind !== 'call default')
    return { line, loose: [...above, ...before] };
  const statement: Statement = {
    ...line.statement,
    ...(above.length > 0 && { comments: above }),
    ...(before.length > 0 && { note: before.join(' ') }),
  };
  return { line: { kind: line.kind, statement }, loose: [] };
}

function readLineStarting(lexer: Lexer, first: Token): Line {
  const word = first.kind === 'word' ? first.text : '';
  if (isActionWord(word)) {
    const action = readActionFrom(lexer, first);
    return {
      kind: 'statement',
      statement: { action, calls: readCalls(lexer), origin: originAt(lexer, first) },
    };
  }
  switch (word) {
    case 'default': {
      const action = readAction(lexer);
      const next = lexer.peek('call');
      if (next.kind === 'line end' || next.kind === 'end') return { kind: 'default', action };
      return readCallDefault(lexer, first, action);
    }
    case 'unknown':
    case 'foreign':
      return { kind: word, action: readAction(lexer) };
    case 'kernel':
      return { kind: 'kernel', kernel: readKernel(lexer) };
    case 'abi':
      return { kind: 'abi', abis: readAbis(lexer) };
    case 'include': {
      const path = lexer.nextRaw();
      if (path.text === '') {
        throw errorAt(lexer.source, path.start, 'include needs a file', 'include ./base.policy');
      }
      return { kind: 'include', path: path.text, start: path.start };
    }
    case 'phase':
      throw errorAt(
        lexer.source,
        first.start,
        'a phase cannot stand here',
        'a file has `phase main {` on a line of its own; beside options there is --main-policy FILE',
      );
    default:
      throw badBeginning(lexer, first);
  }
}

function readCallDefault(lexer: Lexer, first: Token, action: Action): Line {
  const start = lexer.peek('call').start;
  const calls = readCalls(lexer);
  if (calls.some((call) => call.when !== undefined)) {
    const advice = `a condition makes it a statement: ${actionText(action)} CALL(CONDITION)`;
    throw errorAt(lexer.source, start, 'the default of a call cannot have a condition', advice);
  }
  return { kind: 'call default', statement: { action, calls, origin: originAt(lexer, first) } };
}

function originAt(lexer: Lexer, token: Token) {
  return { source: lexer.source.name, place: placeAt(lexer.source, token.start) };
}

/** `6.1` */
function readKernel(lexer: Lexer): string {
  const token = lexer.nextRaw();
  if (/^(?:0|[1-9]\d{0,3})\.(?:0|[1-9]\d{0,3})$/.test(token.text)) return token.text;
  const found = token.text === '' ? 'nothing' : quoted(token.text);
  throw errorAt(
    lexer.source,
    token.start,
    `expected a kernel version, found ${found}`,
    'write it as MAJOR.MINOR: kernel 6.1',
  );
}

function readAbis(lexer: Lexer): readonly AbiName[] {
  const names: AbiName[] = [];
  for (;;) {
    const token = lexer.next();
    if (token.kind !== 'word' || !isAbiName(token.text)) {
      const guess =
        token.kind === 'word' ? didYouMean(nearest(token.text.slice(0, 64), abiNames, 1)) : undefined;
      const advice = guess ?? `the ABIs are ${abiNames.join(', ')}`;
      throw errorAt(lexer.source, token.start, `expected an ABI, found ${describe(token)}`, advice);
    }
    if (!names.includes(token.text)) names.push(token.text);
    if (lexer.take(',') === undefined) return names;
  }
}

function badBeginning(lexer: Lexer, first: Token) {
  const words = [...actionKinds, ...directiveWords];
  const advice =
    first.kind === 'word' && isSyscallName(first.text)
      ? `a call needs an action before it: allow ${first.text}`
      : ((first.kind === 'word' ? didYouMean(nearest(first.text.slice(0, 64), words, 1)) : undefined) ??
        `a line begins with an action (${actionKinds.join(', ')}) or with ${directiveWords.join(', ')}`);
  return errorAt(
    lexer.source,
    first.start,
    `expected an action or a directive, found ${describe(first)}`,
    advice,
  );
}
