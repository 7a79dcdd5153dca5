// Reading an action: what the kernel does with a call.

import { errnoNames, isErrnoName } from '../../linux/errno.ts';
import { nearest } from '../../linux/nearest.ts';
import { actionKinds } from '../action.ts';
import type { Action } from '../model.ts';
import { describe, type Lexer, type Token } from './lexer.ts';
import { errorAt, quoted } from './source.ts';
import { didYouMean, readInteger } from './values.ts';

/** Largest errno that a filter can give (MAX_ERRNO, include/linux/err.h). */
const MAX_ERRNO = 4095;
/** Largest number that reaches a tracer or a handler of SIGSYS (SECCOMP_RET_DATA, include/uapi/linux/seccomp.h). */
const MAX_DATA = 0xffff;

export function isActionWord(text: string): text is Action['kind'] {
  return (actionKinds as readonly string[]).includes(text);
}

/** An action. With `colon`, its number may stand behind a colon as well: `errno:EPERM`. */
export function readAction(lexer: Lexer, colon = false): Action {
  return readActionFrom(lexer, lexer.next(), colon);
}

/** The same, with its first word taken already. */
export function readActionFrom(lexer: Lexer, token: Token, colon = false): Action {
  if (token.kind !== 'word' || !isActionWord(token.text)) {
    throw errorAt(
      lexer.source,
      token.start,
      `expected an action, found ${describe(token)}`,
      token.kind === 'word' ? adviceFor(token.text) : `the actions are ${actionKinds.join(', ')}`,
    );
  }
  const { text: kind } = token;
  const hasNumber = kind === 'errno' || kind === 'trace' || kind === 'trap';
  const joined = colon && hasNumber && lexer.take(':') !== undefined;
  if (kind === 'errno') return { kind, errno: readErrno(lexer) };
  if (!hasNumber) return { kind };
  const data = lexer.peek('call');
  if (data.kind !== 'number' && !joined) return { kind };
  lexer.next('call');
  const whose = kind === 'trace' ? 'the tracer' : 'the handler';
  return { kind, data: readSmall(lexer, data, MAX_DATA, `a number for ${whose}`) };
}

function adviceFor(word: string): string {
  const guess = didYouMean(nearest(word.slice(0, 64), actionKinds, 1));
  return guess ?? `the actions are ${actionKinds.join(', ')}`;
}

function readErrno(lexer: Lexer): string | number {
  const token = lexer.next();
  if (token.kind === 'number') return readSmall(lexer, token, MAX_ERRNO, 'an errno');
  if (token.kind !== 'word') {
    throw errorAt(
      lexer.source,
      token.start,
      `expected an errno, found ${describe(token)}`,
      'errno is followed by the error that the call gives: errno EPERM',
    );
  }
  if (isErrnoName(token.text)) return token.text;
  throw errorAt(
    lexer.source,
    token.start,
    `no errno is called ${quoted(token.text)}`,
    didYouMean(nearest(token.text.slice(0, 64), errnoNames())) ??
      'errno is followed by an error name: errno EPERM',
  );
}

function readSmall(lexer: Lexer, token: Token, most: number, what: string): number {
  const number = token.kind === 'number' ? readInteger(lexer, token) : -1n;
  if (number >= 0n && number <= BigInt(most)) return Number(number);
  throw errorAt(lexer.source, token.start, `${describe(token)} is not ${what}`, `it is 0 … ${most}`);
}
