// Words of small line and brace languages, with their places. A language gives its patterns; what none of them matches is an error.

import type { PolicyError } from '../errors.ts';
import type { Source } from '../policy/language/source.ts';
import { quoted } from '../policy/language/source.ts';
import { errorIn } from './format.ts';

export interface Token {
  readonly kind: string;
  readonly text: string;
  readonly start: number;
}

/** Kinds in order of preference; those named `skip` are passed over. */
export type Patterns = readonly (readonly [kind: string, pattern: RegExp])[];

/** Reads tokens one after the other. */
export class Scanner {
  readonly source: Source;
  private readonly patterns: Patterns;
  private position: number;
  /** Where reading ends. */
  readonly limit: number;
  private ahead: Token | undefined;

  /** Reads the source from `start` up to `end` (its whole text if not given). Patterns must be sticky. */
  constructor(source: Source, patterns: Patterns, start = 0, end = source.text.length) {
    this.source = source;
    this.patterns = patterns;
    this.position = start;
    this.limit = end;
  }

  peek(): Token {
    this.ahead ??= this.scan();
    return this.ahead;
  }

  next(): Token {
    const token = this.peek();
    this.ahead = undefined;
    return token;
  }

  /** Takes the next token if it has this text. */
  take(text: string): boolean {
    if (this.peek().text !== text || this.peek().kind === 'end') return false;
    this.next();
    return true;
  }

  /** Takes the next token, which must have this text. */
  expect(text: string): Token {
    const token = this.next();
    if (token.text !== text || token.kind === 'end')
      throw this.error(token, `expected ${text}, found ${describe(token)}`);
    return token;
  }

  /** Takes the next token, which must be of this kind. */
  expectKind(kind: string, what: string): Token {
    const token = this.next();
    if (token.kind !== kind) throw this.error(token, `expected ${what}, found ${describe(token)}`);
    return token;
  }

  error(token: Token, message: string, advice?: string): PolicyError {
    return errorIn(this.source, token.start, message, advice);
  }

  private scan(): Token {
    const { text } = this.source;
    for (;;) {
      const start = this.position;
      if (start >= this.limit) return { kind: 'end', text: '', start: this.limit };
      let found: Token | undefined;
      for (const [kind, pattern] of this.patterns) {
        pattern.lastIndex = start;
        const match = pattern.exec(text);
        if (match === null || match[0] === '' || start + match[0].length > this.limit) continue;
        found = { kind, text: match[0], start };
        break;
      }
      if (found === undefined) {
        const stray = String.fromCodePoint(text.codePointAt(start)!);
        throw errorIn(this.source, start, `${quoted(stray)} has no meaning here`);
      }
      this.position = start + found.text.length;
      if (found.kind !== 'skip') return found;
    }
  }
}

export function describe(token: Token): string {
  return token.kind === 'end' ? 'the end' : quoted(token.text);
}

/** An integer as C's strtoul takes it, with a sign; undefined where it is none. No longer than 64 bits have digits. */
export function integerOf(text: string): bigint | undefined {
  const match = /^(-?)(0[xX][0-9a-fA-F]{1,16}|0[bB][01]{1,64}|0[0-7]{0,22}|[1-9]\d{0,19})$/.exec(text);
  if (match === null) return undefined;
  const digits = match[2]!.toLowerCase();
  const number = /^0\d/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  if (number >= 1n << 64n) return undefined;
  return match[1] === '-' ? -number : number;
}
