// Words out of a text, one at a time and on demand, so that a text is read once from front to back whatever stands in it.
// Lines matter: a statement ends with its line, unless the line ends in a comma or a backslash or a bracket is open.

import { errorAt, quoted, type Source } from './source.ts';

export type TokenKind =
  /** A name: letters, digits, `_`, and `-` inside (`kill-thread`). */
  | 'word'
  /** Begins with a digit; not yet checked. */
  | 'number'
  /** `@name`. */
  | 'group'
  /** `#450`, only where a call may stand. */
  | 'call number'
  /** `,` `(` `==` and so on. */
  | 'symbol'
  /** A character that the language does not use. */
  | 'stray'
  /** End of a line that is not continued. */
  | 'line end'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What `#` followed by a digit is at this point: part of a call number, or the beginning of a comment. */
export type Hash = 'comment' | 'call';

export interface LexerOptions {
  /** A text of one line, such as an option's value: line ends are blanks, and there are no comments. */
  readonly inline?: boolean;
}

const symbols = ['..', '==', '!=', '<=', '>=', '&&', '||', ...',(){}<>&|!~:-.='];
const symbolsByFirst = new Map<string, string[]>();
for (const symbol of symbols) {
  symbolsByFirst.set(symbol[0]!, [...(symbolsByFirst.get(symbol[0]!) ?? []), symbol]);
}

const WORD = /[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*/y;
const NUMBER = /[0-9][A-Za-z0-9_]*/y;
const GROUP = /@[A-Za-z0-9_-]*/y;
const CALL_NUMBER = /#[0-9][A-Za-z0-9_]*/y;
/** Blank, tab, vertical tab, form feed, carriage return, byte order mark. */
const BLANKS: readonly number[] = [0x20, 0x09, 0x0b, 0x0c, 0x0d, 0xfeff];
const TO_LINE_END = /[^\n]*/y;
const CONTINUATION = /\\[ \t\r]*(?:\n|$)/y;

export class Lexer {
  readonly source: Source;
  private readonly inline: boolean;
  /** Where the next token is looked for; behind it once it was found. */
  private position = 0;
  private depth = 0;
  private afterComma = false;
  private ahead: Token | undefined;
  private aheadHash: Hash = 'comment';
  private comments: string[] = [];
  /** How many of the comments were there before the scan for the token ahead. */
  private commentsBefore = 0;
  private lastEnd = 0;

  constructor(source: Source, options: LexerOptions = {}) {
    this.source = source;
    this.inline = options.inline ?? false;
  }

  /** The next token, which stays the next. */
  peek(hash: Hash = 'comment'): Token {
    if (this.ahead !== undefined && this.aheadHash === hash) return this.ahead;
    this.forget();
    this.commentsBefore = this.comments.length;
    this.aheadHash = hash;
    const from = this.position;
    this.ahead = this.scan(hash);
    this.position = from;
    return this.ahead;
  }

  /** Takes the next token. */
  next(hash: Hash = 'comment'): Token {
    const token = this.peek(hash);
    this.ahead = undefined;
    this.position = token.end;
    if (token.kind !== 'line end') this.lastEnd = token.end;
    if (token.kind === 'symbol' && (token.text === '(' || token.text === '{')) this.depth++;
    if (token.kind === 'symbol' && (token.text === ')' || token.text === '}')) this.depth--;
    if (this.depth < 0) this.depth = 0;
    this.afterComma = token.kind === 'symbol' && token.text === ',';
    return token;
  }

  /** Takes the next token if it is this symbol or word. */
  take(text: string): Token | undefined {
    const token = this.peek();
    const matches = token.text === text && (token.kind === 'symbol' || token.kind === 'word');
    return matches ? this.next() : undefined;
  }

  /** The end of the last token that was taken. */
  get end(): number {
    return this.lastEnd;
  }

  /** Takes the comments passed over so far, without `#` and one blank: those before the scan for the token ahead (in
   * the middle of a statement) and those right before that token (behind the statement, or above the next one). */
  takeComments(): { readonly inside: string[]; readonly before: string[] } {
    const inside = this.comments.slice(0, this.commentsBefore);
    const before = this.comments.slice(this.commentsBefore);
    this.comments = [];
    this.commentsBefore = 0;
    return { inside, before };
  }

  /** Takes characters up to a blank, a comment or the line's end, or what stands between double quotes. */
  nextRaw(): Token {
    this.forget();
    this.skipBlanks();
    const { text } = this.source;
    const start = this.position;
    const pattern = text[start] === '"' ? /"([^"\n]*)"/y : /([^\s#"]*)/y;
    pattern.lastIndex = start;
    const found = pattern.exec(text);
    if (found === null) throw errorAt(this.source, start, 'this quote is not closed on its line');
    this.position = this.lastEnd = pattern.lastIndex;
    return { kind: 'word', text: found[1]!, start, end: this.position };
  }

  /** After an error: goes on at the end of the line, or where that was taken already, right there. */
  skipLine(): void {
    this.forget();
    this.depth = 0;
    this.afterComma = false;
    if (this.source.text[this.position - 1] !== '\n') this.skip(TO_LINE_END);
  }

  /** Undoes a scan ahead. */
  private forget(): void {
    if (this.ahead !== undefined) this.comments.length = this.commentsBefore;
    this.ahead = undefined;
  }

  private scan(hash: Hash): Token {
    const { text } = this.source;
    for (;;) {
      this.skipBlanks();
      const start = this.position;
      const first = text[start];
      if (first === undefined) return { kind: 'end', text: '', start, end: start };
      // Most of a policy is names.
      if (first >= 'a' && first <= 'z') return this.token('word', WORD, start);
      if (first === '\n') {
        if (!this.inline && this.depth === 0 && !this.afterComma) {
          return { kind: 'line end', text: first, start, end: start + 1 };
        }
        this.position++;
      } else if (first === '\\' && this.skip(CONTINUATION) > 0) {
        // Joined with the next line.
      } else if (first === '#' && hash === 'call' && isDigit(text[start + 1])) {
        return this.token('call number', CALL_NUMBER, start);
      } else if (first === '#' && !this.inline) {
        const length = this.skip(TO_LINE_END);
        this.comments.push(
          text
            .slice(start + 1, start + length)
            .replace(/^ /, '')
            .trimEnd(),
        );
      } else if (first === '@') {
        return this.token('group', GROUP, start);
      } else if (isDigit(first)) {
        return this.token('number', NUMBER, start);
      } else {
        const symbol = symbolsByFirst.get(first)?.find((one) => text.startsWith(one, start));
        if (symbol !== undefined) return { kind: 'symbol', text: symbol, start, end: start + symbol.length };
        return this.token('word', WORD, start) ?? this.stray(start);
      }
    }
  }

  private token(kind: TokenKind, pattern: RegExp, start: number): Token {
    const { text } = this.source;
    pattern.lastIndex = start;
    if (!pattern.test(text)) return this.stray(start);
    const end = pattern.lastIndex;
    return { kind, text: text.slice(start, end), start, end };
  }

  private stray(start: number): Token {
    const text = String.fromCodePoint(this.source.text.codePointAt(start)!);
    return { kind: 'stray', text, start, end: start + text.length };
  }

  private skipBlanks(): void {
    while (BLANKS.includes(this.source.text.charCodeAt(this.position))) this.position++;
  }

  /** Moves over what the pattern matches here; returns its length. */
  private skip(pattern: RegExp): number {
    pattern.lastIndex = this.position;
    if (!pattern.test(this.source.text)) return 0;
    const length = pattern.lastIndex - this.position;
    this.position = pattern.lastIndex;
    return length;
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

/** What stands there, for `expected X, found …`. */
export function describe(token: Token): string {
  if (token.kind === 'end') return 'the end';
  if (token.kind === 'line end') return 'the end of the line';
  return quoted(token.text);
}
