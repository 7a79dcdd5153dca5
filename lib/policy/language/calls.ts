// Reading which calls are meant: names, groups and numbers, with exceptions and conditions.

import { groupMembers, groups } from '../../linux/groups.ts';
import { nearest } from '../../linux/nearest.ts';
import { isSyscallName, syscallNames } from '../../linux/syscalls.ts';
import type { Call, Target } from '../model.ts';
import { closeBracket, readCondition } from './conditions.ts';
import { describe, type Lexer, type Token } from './lexer.ts';
import { errorAt, quoted } from './source.ts';
import { didYouMean, readInteger } from './values.ts';

/** Call numbers are ints; the base of mips and bit 30 of x32 are not part of them. */
const MAX_CALL_NUMBER = 0x3fffffff;

/** `CALL, CALL …`: one or more, up to the end of the statement, which is left. In texts of one line `:` separates as well. */
export function readCalls(lexer: Lexer, separators: readonly string[] = [',']): readonly Call[] {
  const calls: Call[] = [];
  for (;;) {
    calls.push(readCall(lexer));
    const token = lexer.peek();
    if (token.kind === 'line end' || token.kind === 'end') return calls;
    if (token.kind !== 'symbol' || !separators.includes(token.text)) {
      throw errorAt(
        lexer.source,
        token.start,
        `expected a comma, found ${describe(token)}`,
        adviceAfterCall(calls, token),
      );
    }
    lexer.next();
  }
}

function adviceAfterCall(calls: readonly Call[], token: Token): string | undefined {
  if (token.text === '(' && calls.at(-1)!.target.kind === 'group') {
    return 'a condition needs a single call: its arguments are not those of a whole group';
  }
  if (token.kind === 'word' || token.kind === 'group') return 'calls are separated by commas';
  return undefined;
}

/** One call: a name, `@group`, `#450`, with an exception or a condition. */
export function readCall(lexer: Lexer): Call {
  const target = readTarget(lexer);
  const token = lexer.peek();
  if (token.kind === 'word' && token.text === 'except') {
    if (target.kind !== 'group') {
      throw errorAt(
        lexer.source,
        token.start,
        'only a group can have exceptions',
        'leave the call out instead',
      );
    }
    lexer.next();
    return { target, except: readExceptions(lexer) };
  }
  if (target.kind === 'group' || token.kind !== 'symbol' || token.text !== '(') return { target };
  const open = lexer.next();
  const when = readCondition(lexer, target);
  closeBracket(lexer, open);
  return { target, when };
}

/** `NAME`, `@group`, or `{a, b}`. */
function readExceptions(lexer: Lexer): readonly Target[] {
  const open = lexer.peek('call');
  if (open.text !== '{') return [readTarget(lexer)];
  lexer.next('call');
  const targets: Target[] = [];
  for (;;) {
    targets.push(readTarget(lexer));
    const token = lexer.next();
    if (token.text === '}') return targets;
    if (token.text !== ',') {
      throw errorAt(lexer.source, token.start, `expected a comma or }, found ${describe(token)}`);
    }
    if (lexer.take('}') !== undefined) return targets;
  }
}

export function readTarget(lexer: Lexer): Target {
  const token = lexer.next('call');
  switch (token.kind) {
    case 'word':
      if (isSyscallName(token.text)) return { kind: 'name', name: token.text };
      throw unknownName(lexer, token);
    case 'group':
      if (groupMembers(token.text) !== undefined) return { kind: 'group', name: token.text };
      throw errorAt(
        lexer.source,
        token.start,
        `no group is called ${quoted(token.text)}`,
        didYouMean(nearest(token.text.slice(0, 64), groups().keys())) ??
          'sandbox-run syscalls lists the groups',
      );
    case 'call number': {
      const number = readInteger(lexer, { ...token, text: token.text.slice(1) });
      if (number <= MAX_CALL_NUMBER) return { kind: 'number', number: Number(number) };
      throw errorAt(
        lexer.source,
        token.start,
        `${quoted(token.text)} is no call number`,
        `they end at ${MAX_CALL_NUMBER}`,
      );
    }
    default:
      throw errorAt(
        lexer.source,
        token.start,
        `expected a call, found ${describe(token)}`,
        token.kind === 'number'
          ? `a call's number is written #${token.text.slice(0, 20)}`
          : adviceForMissing(token),
      );
  }
}

function adviceForMissing(token: Token): string | undefined {
  if (token.text === ',' || token.text === ':') return `nothing stands before this ${token.text}`;
  return token.kind === 'stray' ? undefined : 'name a call (openat), a @group or a number (#257)';
}

function unknownName(lexer: Lexer, token: Token) {
  const word = token.text.slice(0, 64);
  const asGroup = `@${word}`;
  const advice =
    groupMembers(asGroup) !== undefined
      ? `did you mean the group ${asGroup}?`
      : didYouMean(nearest(word, syscallNames()));
  return errorAt(
    lexer.source,
    token.start,
    `no system call is called ${quoted(token.text)}`,
    advice ?? 'sandbox-run syscalls lists the names',
  );
}
