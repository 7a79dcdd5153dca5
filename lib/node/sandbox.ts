// The option `sandbox` of lib/node's functions: what it may be, and what it means once and for all calls with the same policy.

import { UsageError } from '../errors.ts';
import type { At } from '../launch/place.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import type { Policy } from '../policy/model.ts';
import type { ViolationError } from './violation.ts';

export interface SandboxOptions {
  /** A policy, or its text in the policy language. A file is read by `loadPolicy`. */
  readonly policy: Policy | string;
  /** When the filter begins: at exec (the default; from the program's first instruction on), at its entry (behind the dynamic loader) or
   * at main (behind the C library's start). A policy with `phase main` begins that at main by itself. */
  readonly at?: At;
  /** Decode refused calls. A process beside the program listens to its refusals; permitted calls cost nothing more. Takes Node as a
   * second process, and goes with filters that begin at exec only. */
  readonly explain?: boolean;
  /** Called with each refusal that is explained, and when the program has been killed for one. With it, `spawn` and `fork` emit no
   * `error` for a violation. */
  readonly onViolation?: (violation: ViolationError) => void;
}

export type Sandbox = Policy | string | SandboxOptions;

/** What every function of lib/node wants among its options. */
export interface Sandboxed {
  readonly sandbox: Sandbox;
}

/** The option, settled. */
export interface Settled {
  readonly policy: Policy;
  readonly at: At;
  readonly explain: boolean;
  readonly onViolation: ((violation: ViolationError) => void) | undefined;
}

const ADVICE =
  'give options.sandbox: a Policy, its text, or { policy, at, explain, onViolation }; to start a program without a filter use node:child_process';

/** Throws UsageError where the option is missing or no such thing, PolicyError where the text is wrong. */
export function settle(options: unknown): Settled {
  const sandbox = isObject(options) ? options.sandbox : undefined;
  if (typeof sandbox === 'string' || isPolicy(sandbox)) return settled({ policy: sandbox });
  if (!isObject(sandbox)) throw new UsageError('options.sandbox: there is no policy', { advice: ADVICE });
  const { policy, at, explain, onViolation, ...unknown } = sandbox;
  const [key] = Object.keys(unknown);
  if (key !== undefined)
    throw new UsageError(`options.sandbox.${key}: there is no such option`, { advice: ADVICE });
  if (typeof policy !== 'string' && !isPolicy(policy)) {
    throw new UsageError('options.sandbox.policy is neither a policy nor its text', { advice: ADVICE });
  }
  if (at !== undefined && at !== 'exec' && at !== 'entry' && at !== 'main') {
    throw new UsageError('options.sandbox.at: expected exec, entry or main', { advice: ADVICE });
  }
  if (explain !== undefined && typeof explain !== 'boolean') {
    throw new UsageError('options.sandbox.explain: expected true or false', { advice: ADVICE });
  }
  if (onViolation !== undefined && typeof onViolation !== 'function') {
    throw new UsageError('options.sandbox.onViolation: expected a function', { advice: ADVICE });
  }
  return settled({ policy, at, explain, onViolation } as SandboxOptions);
}

function settled({ policy, at, explain = false, onViolation }: SandboxOptions): Settled {
  const value = policyOf(policy);
  if (value.main !== undefined && at === 'exec') {
    throw new UsageError('the policy has a phase that begins later, and options.sandbox.at says exec', {
      advice: 'leave it out, or say entry',
    });
  }
  const place = at ?? (value.main === undefined ? 'exec' : 'main');
  if (explain && place !== 'exec') {
    throw new UsageError('explain watches a filter that begins at exec', {
      advice: 'leave out at or explain',
    });
  }
  return { policy: value, at: place, explain, onViolation };
}

/** Policies of texts, the latest last: the same text is the same policy, and keeps its compiled filter. */
const known = new Map<string, Policy>();
const MOST_TEXTS = 64;

/** The policy itself, or what the text says. */
export function policyOf(policy: Policy | string): Policy {
  if (typeof policy !== 'string') return policy;
  const before = known.get(policy);
  if (before !== undefined) return before;
  const parsed = parsePolicy(policy, { file: 'sandbox' });
  known.set(policy, parsed);
  if (known.size > MOST_TEXTS) known.delete(known.keys().next().value!);
  return parsed;
}

function isPolicy(value: unknown): value is Policy {
  return isObject(value) && Array.isArray(value.statements);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
