// The one family of errors. Each says what was wrong, where (when there is a place), and what to do about it;
// the command line prints exactly that and never a stack. A fault of our own is any other class of Error.

/** A place in a text: 1-based line and column (in UTF-16 units), and the line for showing it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line, without control characters; a long one is cut down to what stands around the place. */
  readonly text: string;
  /** The 1-based column of the place in `text`, where that is not `column` because the line's beginning was cut off. */
  readonly caret?: number;
}

export interface ErrorDetails {
  /** Where it was, if it was in a text. */
  readonly place?: Place | undefined;
  /** What to do about it: one sentence, no full stop needed. */
  readonly advice?: string | undefined;
  /** What else is wrong with the same text, in its order. */
  readonly others?: readonly SandboxError[] | undefined;
  readonly cause?: unknown;
}

export class SandboxError extends Error {
  override readonly name: string = 'SandboxError';
  readonly place: Place | undefined;
  readonly advice: string | undefined;
  readonly others: readonly SandboxError[];

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.place = details.place;
    this.advice = details.advice;
    this.others = details.others ?? [];
  }
}

/** The words on the command line or in the environment do not make sense. */
export class UsageError extends SandboxError {
  override readonly name = 'UsageError';
}

/** A policy cannot be read, or says something impossible. */
export class PolicyError extends SandboxError {
  override readonly name = 'PolicyError';
}

/** A policy cannot become a program: too large, or for an ABI that this machine does not run. */
export class CompileError extends SandboxError {
  override readonly name = 'CompileError';
}

/** A program could not be shown to mean its policy. It is never installed. */
export class ProofError extends SandboxError {
  override readonly name = 'ProofError';
}

/** The program could not be started; `exitStatus` is 125, 126 or 127 (see README, exit codes). */
export class LaunchError extends SandboxError {
  override readonly name = 'LaunchError';
  readonly exitStatus: 125 | 126 | 127;

  constructor(message: string, exitStatus: 125 | 126 | 127 = 125, details: ErrorDetails = {}) {
    super(message, details);
    this.exitStatus = exitStatus;
  }
}
