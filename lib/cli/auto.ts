// `--auto`: the policy that an analysis of the program gives. An answer that is kept from an earlier start is taken here, in
// the run path; the analysis itself is loaded only where there is none.

import { type Answer, LEFT_OUT, type Question, recall } from '../analysis/cache.ts';
import { LaunchError, SandboxError } from '../errors.ts';
import { rawWords } from '../launch/argv.ts';
import { findProgram } from '../launch/search.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import type { Policy } from '../policy/model.ts';
import { logFor } from './log.ts';
import type { Split } from './words.ts';

/** Analyses, and keeps the answer under this version of ours (analyzed.ts). */
export type Answerer = (question: Question, version: string) => Answer;

/** Throws what the analysis throws, LaunchError where there is no such program, SandboxError for --strict. */
export function analysedPolicy({ options, command }: Split, load: () => Answerer): Policy | undefined {
  const [name, ...words] = command;
  if (name === undefined) return undefined;
  const question: Question = {
    program: findProgram(rawWords(command)[0]!).toString(),
    words,
    also: options.also ?? [],
    plugins: options.plugin ?? [],
    environment: process.env,
    namesOnly: options['names-only'] === true,
    // The second part needs a helper beside the program at its start, which not every place permits: so it has to be asked for.
    wholeOnly: options.at !== 'main' && options['main-policy'] === undefined,
  };
  const version = SANDBOX_RUN_BUILD;
  const answer = recall(question, version) ?? ask(load(), question, version);
  const log = logFor(options);
  for (const notice of answer.notices)
    if (notice.includes(LEFT_OUT)) log.warn(() => ({}), notice);
    else log.info(() => ({}), notice);
  if (options.strict === true && answer.unknown > 0) throw unbounded(answer);
  const { main, ...whole } = parsePolicy(answer.policy, { file: `--auto ${question.program}` });
  if (question.wholeOnly === true) return whole;
  if (main === undefined)
    log.info(
      () => ({}),
      'start-up is not told apart from what follows: what holds from exec on holds throughout',
    );
  return { ...whole, main: main ?? whole };
}

/** The analysis is no part of the bundle, so that its errors are of classes of their own: they become ours. */
function ask(answerer: Answerer, question: Question, version: string): Answer {
  try {
    return answerer(question, version);
  } catch (cause) {
    if (!(cause instanceof Error) || !('advice' in cause)) throw cause;
    const { advice } = cause as SandboxError;
    if ('exitStatus' in cause)
      throw new LaunchError(cause.message, (cause as LaunchError).exitStatus, { advice, cause });
    throw new SandboxError(cause.message, { advice, cause });
  }
}

export function unbounded(answer: Answer): SandboxError {
  const first = answer.notices.find((notice) => notice.includes('number')) ?? '';
  return new SandboxError(`--strict: ${answer.unknown} calls have numbers that are not known: ${first}`, {
    advice: 'without --strict what the kernel offers to services is permitted for these',
  });
}

/** A hash of our sources: another build may find other answers. Put in by scripts/bundle.js. */
declare const SANDBOX_RUN_BUILD: string;
