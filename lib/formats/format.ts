// What a format is: one file in this folder, listed in index.ts. It reads a text of another tool as a Policy, or writes a
// Policy as such a text, or both. A reader never loses a restriction silently: what a Policy cannot say is an error, or,
// where the result only gets stricter, a warning. A writer says what it had to leave out.

import { PolicyError } from '../errors.ts';
import type { Abi, AbiName } from '../linux/abi.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import type { Policy } from '../policy/model.ts';

/** Files beside the one that is read: includes and drop-ins. All paths as the reader makes them. Throws PolicyError. */
export interface Files {
  text(path: string): string;
  /** Whole paths of the files of a folder, sorted by name; empty where there is no such folder. */
  list(folder: string): readonly string[];
}

export interface ReadOptions {
  /** What places and origins call the text. */
  readonly file: string;
  /** The machine that the policy is read for: the ABI that runtimes call native. */
  readonly abi: Abi;
  /** Keep comparisons as wide as the other tool really makes them, instead of as wide as the kernel's argument. */
  readonly exact?: boolean | undefined;
  /** Read OCI as runc and libseccomp do, where they differ from the specification. */
  readonly as?: 'runc' | undefined;
  /** Capabilities (`CAP_SYS_ADMIN`) that profiles' conditions are judged by; absent: those that Docker gives. */
  readonly capabilities?: readonly string[] | undefined;
  /** The kernel that profiles' conditions are judged by, `major.minor`. */
  readonly kernel?: string | undefined;
  /** Which of several policies of a file: a thread's name, a resource's. */
  readonly part?: string | undefined;
  readonly files?: Files | undefined;
}

export interface ReadResult {
  readonly policy: Policy;
  /** One sentence each: what was left out because it only makes the policy stricter, and what readers may stumble over. */
  readonly warnings: readonly string[];
}

export interface WriteOptions {
  /** What to call the policy where the format wants a name. */
  readonly name: string;
  /** The ABIs that the text is for, the native one first. */
  readonly abis: readonly [Abi, ...Abi[]];
}

/** Something that the text does not say. */
export interface Loss {
  /** One sentence. */
  readonly what: string;
  /** Whether the text permits something that the policy refuses. */
  readonly restricts: boolean;
}

export interface WriteResult {
  readonly text: string | Uint8Array;
  readonly lost: readonly Loss[];
}

export interface Format {
  /** As `--from` and `--to` have it. */
  readonly name: string;
  /** One line of help. */
  readonly help: string;
  /** Whether a text is of this format, told by what no other format has. Absent: only by its name (`--from`). */
  detect?(text: string, file: string): boolean;
  /** Throws PolicyError. */
  read?(text: string, options: ReadOptions): ReadResult;
  write?(policy: Policy, options: WriteOptions): WriteResult;
  /** For formats that are not text: takes the place of detect and read. */
  detectBytes?(bytes: Uint8Array, file: string): boolean;
  readBytes?(bytes: Uint8Array, options: ReadOptions): ReadResult;
}

/** Longest text that a reader takes, in UTF-16 units: what no person or program sensibly writes is beyond it. */
export const MAX_LENGTH = 16 * 1024 * 1024;

/** The ABIs of a list, each once, in order. */
export function distinct(names: readonly AbiName[]): readonly AbiName[] {
  return [...new Set(names)];
}

/** An error at an offset into the text of a file. */
export function errorIn(source: Source, offset: number, message: string, advice?: string): PolicyError {
  return new PolicyError(message, { place: placeAt(source, Math.max(0, offset)), advice });
}
