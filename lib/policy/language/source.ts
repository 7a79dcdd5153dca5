// A text under reading, and the places in it. A place carries the line for showing it, already fit to be shown: cut down
// around the place where the line is long, and without control characters, which could steer the reader's terminal.

import { type Place, PolicyError } from '../../errors.ts';

/** A policy file, or words such as the value of `--allow`. */
export interface Source {
  /** What places and origins call it. */
  readonly name: string;
  readonly text: string;
  /** Offsets of the first character of each line, found when the first place is asked for. */
  lineStarts?: readonly number[];
}

/** Longest line that a place shows, in UTF-16 units. */
const SHOWN = 120;

/** The place of an offset into the text. */
export function placeAt(source: Source, offset: number): Place {
  source.lineStarts ??= findLines(source.text);
  const starts = source.lineStarts;
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  const start = starts[low]!;
  const next = starts[low + 1];
  const end = next === undefined ? source.text.length : next - 1;
  const { text, caret } = shorten(source.text, start, end, offset);
  const place = { file: source.name, line: low + 1, column: offset - start + 1, text };
  return caret === undefined ? place : { ...place, caret };
}

/** An error at an offset into the text. */
export function errorAt(source: Source, offset: number, message: string, advice?: string): PolicyError {
  return new PolicyError(message, { place: placeAt(source, offset), advice });
}

function findLines(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The line from start to end, or the part of it around the offset; `caret` says where in what is left the place is. */
function shorten(text: string, start: number, end: number, offset: number): { text: string; caret?: number } {
  let from = start;
  let to = end;
  if (end - start > SHOWN) {
    from = Math.max(start, Math.min(offset - SHOWN / 2, end - SHOWN));
    to = Math.min(end, from + SHOWN);
    if (isLowSurrogate(text.charCodeAt(from))) from++;
    if (to < end && isLowSurrogate(text.charCodeAt(to))) to--;
  }
  const before = from > start ? '…' : '';
  const after = to < end ? '…' : '';
  const shown = `${before}${plain(text.slice(from, to))}${after}`;
  return before === '' ? { text: shown } : { text: shown, caret: offset - from + 2 };
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const PRINTABLE = /^[ -~]*$/;

/** The text with each control character and each character that turns the writing direction made visible, unit by
 * unit, so that columns stay what they were. */
export function plain(text: string): string {
  if (PRINTABLE.test(text)) return text;
  return text
    .replaceAll(/[\t\r]/g, ' ')
    .replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/gu, '\ufffd');
}

/** A word of the text as an error quotes it: in quotes, and not longer than a line can bear. */
export function quoted(text: string): string {
  return `"${plain(text.length > 60 ? `${text.slice(0, 57)}…` : text)}"`;
}
