// From text to model: whole policies, and the parts of the language that options and commands take. Nothing is accepted
// that is not understood; every error names its place. After an error reading goes on with the next line, so that one
// attempt shows (up to twenty of) the mistakes of a file.

import { type Place, PolicyError } from '../../errors.ts';
import type { AbiName } from '../../linux/abi.ts';
import { actionText } from '../action.ts';
import { merge } from '../algebra/merge.ts';
import { type Action, type Call, emptyPolicy, type Policy, type Statement } from '../model.ts';
import { readAction } from './actions.ts';
import { readCalls } from './calls.ts';
import { describe, Lexer } from './lexer.ts';
import { errorAt, placeAt, quoted, type Source } from './source.ts';
import { type Line, readLine } from './statements.ts';

/** A text that an include names. */
export interface IncludedText {
  readonly file: string;
  readonly text: string;
}

export interface ParseOptions {
  /** What places and origins call the text. */
  readonly file: string;
  /** Finds the text of an include: `path` as written in the file `from`. Without it includes are errors. Errors that it
   * throws as PolicyError without a place get the place of the include. */
  readonly include?: (path: string, from: string) => IncludedText;
}

/** A chain of includes deeper than this is a mistake. */
export const MAX_INCLUDES = 32;
const MAX_ERRORS = 20;

/** Reads a policy with all that it includes. Throws PolicyError; further errors of the text are in its `others`. */
export function parsePolicy(text: string, options: ParseOptions): Policy {
  return parseFile(text, { options, chain: [options.file], seen: new Set([options.file]) });
}

/** One line of the language, such as `--rule 'errno EPERM ptrace'`, as a policy that says just that. No include. */
export function parseStatement(text: string, source: string): Policy {
  const lexer = new Lexer({ name: source, text }, { inline: true });
  if (lexer.peek().kind === 'end') {
    throw errorAt(lexer.source, 0, 'the statement is empty', 'write an action and calls: errno EPERM ptrace');
  }
  const { line } = readLine(lexer, []);
  if (line.kind === 'include') {
    throw errorAt(lexer.source, 0, 'include works only in files', 'name the file with --policy');
  }
  return policyOf([line], []);
}

/** A list of calls as options and the environment have it, separated by `,` or `:`. At least one. */
export function parseCalls(text: string, source: string): readonly Call[] {
  const lexer = new Lexer({ name: source, text }, { inline: true });
  if (lexer.peek('call').kind === 'end') {
    throw errorAt(
      lexer.source,
      0,
      'the list of calls is empty',
      'name at least one call, for example read,write',
    );
  }
  return readCalls(lexer, [',', ':']);
}

/** An action: `kill`, `errno EPERM` or `errno:EPERM`. */
export function parseAction(text: string, source: string): Action {
  const lexer = new Lexer({ name: source, text }, { inline: true });
  const action = readAction(lexer, true);
  const end = lexer.next();
  if (end.kind === 'end') return action;
  throw errorAt(
    lexer.source,
    end.start,
    `expected nothing after ${actionText(action)}, found ${describe(end)}`,
  );
}

interface Reading {
  readonly options: ParseOptions;
  /** The files that include each other down to the one being read, which is the last. */
  readonly chain: readonly string[];
  /** Every file read so far. What one says need not be said twice. */
  readonly seen: Set<string>;
}

function parseFile(text: string, reading: Reading): Policy {
  const source: Source = { name: reading.chain.at(-1)!, text };
  const lexer = new Lexer(source);
  const errors: PolicyError[] = [];
  const whole = newPart();
  /** The part that is being read: the whole, or a phase in it. */
  let part = whole;
  let opened = 0;
  const mains: Policy[] = [];
  let closing: readonly string[] = [];
  /** Comments that stand above whatever comes next; before the first statement a blank line parts them from it. */
  const above: string[] = [];
  let isHead = true;
  while (errors.length < MAX_ERRORS) {
    const start = lexer.peek();
    const { before } = lexer.takeComments();
    if (start.kind === 'line end') {
      lexer.next();
      if (before.length === 0 && isHead) move(above, part.loose);
      move(before, above);
      continue;
    }
    move(before, above);
    if (start.kind === 'end') {
      if (part !== whole) {
        errors.push(
          errorAt(source, opened, 'this phase is not closed', 'end it with } on a line of its own'),
        );
      }
      if (whole.lines.length === 0 && mains.length === 0 && whole.loose.length === 0)
        move(above, whole.loose);
      else closing = above;
      break;
    }
    try {
      if (part === whole && start.kind === 'word' && start.text === 'phase') {
        openPhase(lexer);
        opened = start.start;
        part = newPart();
        move(above, whole.loose);
        isHead = true;
        continue;
      }
      if (part !== whole && start.kind === 'symbol' && start.text === '}') {
        lexer.next();
        endLine(lexer);
        if (errors.length === 0) mains.push(closePhase(part, above.splice(0), source, reading));
        part = whole;
        isHead = false;
        continue;
      }
      const { line, loose: more } = readLine(lexer, above.splice(0));
      isHead &&= line.kind !== 'statement' && line.kind !== 'call default';
      if (part !== whole && (line.kind === 'kernel' || line.kind === 'abi')) {
        throw errorAt(
          source,
          start.start,
          `${line.kind} is the same in all phases`,
          'say it outside of the phase',
        );
      }
      move(more, part.loose);
      checkRepeated(source, start.start, line, part.said);
      part.lines.push(line);
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      errors.push(error);
      lexer.skipLine();
    }
  }
  const [first, ...others] = errors;
  if (first !== undefined) throw withOthers(first, others);
  const policy = combine(whole.lines, source, reading);
  const main =
    mains.length === 0 ? policy.main : merge([...(policy.main === undefined ? [] : [policy.main]), ...mains]);
  return {
    ...withComments(policy, whole.loose, closing),
    ...(main !== undefined && { main }),
  };
}

/** What is read of the whole or of one phase. */
interface Part {
  readonly lines: Line[];
  readonly loose: string[];
  readonly said: Map<string, { answer: string; line: number }>;
}

const newPart = (): Part => ({ lines: [], loose: [], said: new Map() });

/** `phase main {`, up to the line's end. Raw words: to the lexer an open bracket would continue the line. */
function openPhase(lexer: Lexer): void {
  lexer.next();
  const name = lexer.nextRaw();
  if (name.text !== 'main') {
    throw errorAt(
      lexer.source,
      name.start,
      `there is no phase ${quoted(name.text)}`,
      'the phase is main: phase main {',
    );
  }
  const bracket = lexer.nextRaw();
  if (bracket.text !== '{') {
    throw errorAt(lexer.source, bracket.start, 'expected { after the name of the phase', 'phase main {');
  }
  endLine(lexer);
}

function endLine(lexer: Lexer): void {
  const end = lexer.peek();
  if (end.kind !== 'line end' && end.kind !== 'end') {
    throw errorAt(lexer.source, end.start, `expected the end of the line, found ${describe(end)}`);
  }
  lexer.next();
}

function closePhase(part: Part, above: readonly string[], source: Source, reading: Reading): Policy {
  const { main, ...policy } = combine(part.lines, source, reading);
  if (main !== undefined) {
    throw new PolicyError(`${source.name}: a file that is included in a phase has a phase of its own`, {
      advice: 'include it outside of the phase',
    });
  }
  return withComments(policy, part.loose, above);
}

function withComments(policy: Policy, loose: readonly string[], closing: readonly string[]): Policy {
  return {
    ...policy,
    ...(loose.length > 0 && { comments: [...loose, ...(policy.comments ?? [])] }),
    ...(closing.length > 0 && { closing: [...(policy.closing ?? []), ...closing] }),
  };
}

/** Empties one list into another one. Lists may be longer than arguments can be. */
function move(from: string[], to: string[]): void {
  for (const one of from) to.push(one);
  from.length = 0;
}

function withOthers(error: PolicyError, others: readonly PolicyError[]): PolicyError {
  if (others.length === 0) return error;
  return new PolicyError(error.message, {
    place: error.place,
    advice: error.advice,
    cause: error.cause,
    others,
  });
}

/** A directive may be repeated only with the same answer: with two, one of them is not what its author thinks. */
function checkRepeated(
  source: Source,
  start: number,
  line: Line,
  said: Map<string, { answer: string; line: number }>,
): void {
  const answer = answerOf(line);
  if (answer === undefined) return;
  const before = said.get(line.kind);
  if (before === undefined) {
    said.set(line.kind, { answer, line: placeAt(source, start).line });
  } else if (before.answer !== answer) {
    throw errorAt(
      source,
      start,
      `${line.kind} is given twice: line ${before.line} says ${before.answer}`,
      'keep one of the two lines',
    );
  }
}

function answerOf(line: Line): string | undefined {
  if ('action' in line) return actionText(line.action);
  if (line.kind === 'kernel') return line.kernel;
  return line.kind === 'abi' ? line.abis.join(', ') : undefined;
}

/** Lines and includes, in the order of the text (of two errnos that tie the first counts). */
function combine(lines: readonly Line[], source: Source, reading: Reading): Policy {
  const directives = lines.filter((line) => answerOf(line) !== undefined);
  const parts: Policy[] = [];
  let run: Line[] = [];
  for (const line of lines) {
    if (answerOf(line) !== undefined) continue;
    if (line.kind !== 'include') {
      run.push(line);
      continue;
    }
    parts.push(policyOf(run, directives));
    run = [];
    parts.push(readInclude(line.path, placeAt(source, line.start), reading));
  }
  parts.push(policyOf(run, directives));
  return parts.length === 1 ? parts[0]! : merge(parts);
}

function readInclude(path: string, place: Place, reading: Reading): Policy {
  const { options, chain, seen } = reading;
  if (options.include === undefined) {
    throw new PolicyError('include works only in files', { place, advice: 'name the file with --policy' });
  }
  if (chain.length >= MAX_INCLUDES) {
    throw new PolicyError(`includes are nested deeper than ${MAX_INCLUDES} files`, {
      place,
      advice: 'include fewer levels',
    });
  }
  let found: IncludedText;
  try {
    found = options.include(path, chain.at(-1)!);
  } catch (error) {
    if (!(error instanceof PolicyError) || error.place !== undefined) throw error;
    throw new PolicyError(error.message, { place, advice: error.advice, cause: error });
  }
  const at = chain.indexOf(found.file);
  if (at >= 0) {
    const circle = [...chain.slice(at), found.file].join(' -> ');
    throw new PolicyError(`files include each other in a circle: ${circle}`, {
      place,
      advice: 'remove one include',
    });
  }
  if (seen.has(found.file)) return emptyPolicy;
  seen.add(found.file);
  return parseFile(found.text, { ...reading, chain: [...chain, found.file] });
}

/** What lines say, without the includes among them. */
function policyOf(lines: readonly Line[], directives: readonly Line[]): Policy {
  const statements: Statement[] = [];
  const defaults: Statement[] = [];
  const said: { -readonly [K in 'default' | 'unknown' | 'foreign']?: Action } & {
    kernel?: string;
    abis?: readonly AbiName[];
  } = {};
  for (const line of [...directives, ...lines]) {
    switch (line.kind) {
      case 'statement':
        statements.push(line.statement);
        break;
      case 'call default':
        defaults.push(line.statement);
        break;
      case 'kernel':
        said.kernel = line.kernel;
        break;
      case 'abi':
        said.abis = line.abis;
        break;
      case 'include':
        break;
      default:
        said[line.kind] = line.action;
    }
  }
  return { ...said, statements, defaults };
}
