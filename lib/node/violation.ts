// What a caller learns of a refusal: an error, as Node's own APIs report that a child came to a bad end, with the decoded call where
// it was asked for.

import { SandboxError } from '../errors.ts';

/** A refused call, decoded (`explain: true`). Numbers of registers are hexadecimal text, because they have 64 bits. */
export interface RefusedCall {
  /** The path of the program that made it; children of the program are in the sandbox, too. */
  readonly program: string;
  readonly process: number;
  readonly thread: number;
  /** The call: `openat`, or `#450` where no table has the number. */
  readonly call: string;
  readonly number: number;
  readonly abi: string;
  readonly arguments: readonly {
    readonly name: string;
    readonly value: string;
    /** As people write it: `AT_FDCWD`, `"/etc/passwd"`. */
    readonly text: string;
  }[];
  /** What became of it: `kill`, `errno EPERM`. */
  readonly action: string;
  /** What in the policy said so: a statement with its place, or the default. */
  readonly by: string;
  /** The code that made it, where that is known. */
  readonly code?: { readonly file: string; readonly offset: number; readonly symbol?: string };
  /** The smallest change of the policy that would permit it, and a wider one, in the policy language. */
  readonly narrow: { readonly policy: string };
  readonly wide: { readonly policy: string };
}

/** A call was refused. `fatal`: the program was killed for it (SIGSYS). */
export class ViolationError extends SandboxError {
  override readonly name = 'ViolationError';
  readonly code = 'ERR_SANDBOX_VIOLATION';
  /** The process that was started, which need not be the one that made the call. */
  readonly pid: number | undefined;
  readonly fatal: boolean;
  /** Only with `explain: true`. */
  readonly refusal: RefusedCall | undefined;

  constructor(pid: number | undefined, fatal: boolean, refusal?: RefusedCall) {
    super(messageOf(fatal, refusal), {
      advice:
        refusal === undefined
          ? 'start it with explain: true to learn which call it was'
          : `to permit it: ${refusal.narrow.policy}`,
    });
    this.pid = pid;
    this.fatal = fatal;
    this.refusal = refusal;
  }
}

/** `openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`. */
export function callText({ call, arguments: words }: RefusedCall): string {
  return `${call}(${words.map((one) => one.text).join(', ')})`;
}

function messageOf(fatal: boolean, refusal: RefusedCall | undefined): string {
  if (refusal === undefined) return 'the program was killed for a call that its policy refuses (SIGSYS)';
  return `the policy refused ${callText(refusal)} with ${refusal.action}${fatal ? ', and the program was killed' : ''}: ${refusal.by}`;
}

/** Reads the watcher's JSON lines (lib/cli/teller.ts) as they come. */
export class Refusals {
  private rest = '';
  /** The last one that killed. */
  fatal: RefusedCall | undefined;

  /** The refusals that these bytes complete. */
  take(bytes: Uint8Array): readonly RefusedCall[] {
    const lines = (this.rest + Buffer.from(bytes).toString('utf8')).split('\n');
    this.rest = lines.pop() ?? '';
    const found = lines.flatMap((line) => {
      const event = line === '' ? undefined : (JSON.parse(line) as RefusedCall & { event: string });
      return event?.event === 'refused' ? [event] : [];
    });
    this.fatal = found.filter((one) => one.action === 'kill').at(-1) ?? this.fatal;
    return found;
  }
}
