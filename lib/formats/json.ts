// JSON with its integers whole: comparison values are 64-bit numbers, and JSON.parse rounds those above 2^53. Every part of
// a document knows its path, so that an error can name it and show its line.

import { createRequire } from 'node:module';
import { parse, stringify } from 'lossless-json';
import type { PolicyError } from '../errors.ts';
import type { Source } from '../policy/language/source.ts';
import { errorIn } from './format.ts';

type Path = readonly (string | number)[];

/** A part of a document: an object, a list, a text, a number, a truth or nothing. */
export class Part {
  readonly value: unknown;
  readonly path: Path;
  readonly source: Source;

  constructor(value: unknown, path: Path, source: Source) {
    this.value = value;
    this.path = path;
    this.source = source;
  }

  /** The part is not what it must be. */
  error(message: string, advice?: string): PolicyError {
    const where = this.path.length === 0 ? 'the document' : pathText(this.path);
    return errorIn(this.source, offsetOf(this.source, this.path), `${where} ${message}`, advice);
  }

  get isMissing(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** A field of an object; missing if it is not there. */
  field(name: string): Part {
    const fields = this.isMissing ? {} : this.object();
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return new Part(value, [...this.path, name], this.source);
  }

  object(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.error(`is ${describe(this.value)}, not an object`);
    }
    return this.value as Record<string, unknown>;
  }

  keys(): readonly string[] {
    return Object.keys(this.object());
  }

  /** The items of a list; none where there is nothing. */
  list(): readonly Part[] {
    if (this.isMissing) return [];
    if (!Array.isArray(this.value)) throw this.error(`is ${describe(this.value)}, not a list`);
    return this.value.map((item, index) => new Part(item, [...this.path, index], this.source));
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.error(`is ${describe(this.value)}, not a text`);
    return this.value;
  }

  /** A whole number in the range, both ends included. */
  integer(low: bigint, high: bigint): bigint {
    const { value } = this;
    const number =
      typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
    if (number === undefined) throw this.error(`is ${describe(value)}, not a whole number`);
    if (number < low || number > high) throw this.error(`is ${number}`, `it is ${low} … ${high}`);
    return number;
  }

  /** One of the keys of a table, as the table has it. */
  choice<T>(table: Readonly<Record<string, T>>): T {
    const text = this.string();
    if (Object.hasOwn(table, text)) return table[text]!;
    throw this.error(
      `is ${JSON.stringify(text.slice(0, 60))}`,
      `it is one of ${Object.keys(table).join(', ')}`,
    );
  }
}

/** Throws PolicyError with the place of what is not JSON. */
export function readJson(text: string, file: string): Part {
  const source: Source = { name: file, text };
  try {
    return new Part(parse(text, undefined, numberOf), [], source);
  } catch (cause) {
    if (cause instanceof RangeError) throw errorIn(source, 0, 'the JSON is nested too deeply');
    const message = cause instanceof Error ? cause.message : String(cause);
    const offset = Number(/position (\d+)/.exec(message)?.[1] ?? 0);
    throw errorIn(source, offset, `this is not JSON: ${message.replace(/ at position \d+/, '')}`);
  }
}

/** Whether a text may be JSON at all: a cheap test before a format looks closer. */
export function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** As text, indented; bigints as whole numbers. */
export function writeJson(value: unknown): string {
  return `${stringify(value, undefined, 2)}\n`;
}

function numberOf(text: string): bigint | number {
  return /^-?\d{1,40}$/.test(text) ? BigInt(text) : Number(text);
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return 'a text';
  return String(value);
}

function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');
}

/** In longer texts an error has the path alone: finding its line would take longer than reading the rest. */
const MAX_SHOWN = 256 * 1024;

/** JSON is YAML, and the YAML library knows where each node stands; asked only when there is an error to show. */
function offsetOf(source: Source, path: Path): number {
  if (source.text.length > MAX_SHOWN) return 0;
  for (let length = path.length; length > 0; length--) {
    try {
      const node = yaml().parseDocument(source.text).getIn(path.slice(0, length), true) as
        | { range?: readonly number[] }
        | undefined;
      if (node?.range?.[0] !== undefined) return node.range[0];
    } catch {
      return 0;
    }
  }
  return 0;
}

/** The YAML library, loaded by the first text that needs it. */
export function yaml(): typeof import('yaml') {
  // In a CommonJS bundle there is no import.meta.url, in an ES module no __filename.
  const here = typeof __filename === 'string' ? __filename : import.meta.url;
  return createRequire(here)('yaml') as typeof import('yaml');
}
