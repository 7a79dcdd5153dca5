// Policies for programs that work with them: everything that the commands do, as functions of values. A policy can be given as a value or as
// its text. Machines are named (`x86_64`), and where none is, the policy's own `abi` line counts, or else this machine.

import { answersFor } from '../asking/answers.ts';
import type { Subject } from '../asking/decisions.ts';
import { type Difference, difference, lostFrom } from '../asking/difference.ts';
import { type Finding, lint as lintOn } from '../asking/lint/lint.ts';
import { named } from '../asking/named.ts';
import type { Program } from '../bpf/instruction.ts';
import { UsageError } from '../errors.ts';
import type { Loss, WriteResult } from '../formats/format.ts';
import { detectFormat, formatNamed, readAs, writeAs } from '../formats/index.ts';
import { nativeAbi } from '../launch/machine.ts';
import { type Abi, type AbiName, abis, isAbiName } from '../linux/abi.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { actionText } from '../policy/action.ts';
import { intersect as intersectTwo } from '../policy/algebra/intersect.ts';
import { merge as mergeAll } from '../policy/algebra/merge.ts';
import { subtract as subtractFrom } from '../policy/algebra/subtract.ts';
import { type Decision, decideData } from '../policy/evaluate.ts';
import { parseInvocation, registerOf } from '../policy/language/invocation.ts';
import { type ParseOptions, parsePolicy as parseText } from '../policy/language/parse.ts';
import { printStatement } from '../policy/language/print.ts';
import type { Action, Policy } from '../policy/model.ts';
import { type Explanation, explainPolicy } from '../policy/words.ts';

/** A policy, or its text in the policy language. */
export type PolicyLike = Policy | string;

/** For which machines something is asked. */
export interface AbiOptions {
  /** By name, the native one first; absent: those of the policy, or this machine's. */
  readonly abis?: readonly AbiName[];
}

/** Reads the policy language. `options.file` is what places in messages call the text (`policy` if not given); includes need
 * `options.include`. Throws PolicyError with the place; further mistakes of the text are in its `others`. */
export function parsePolicy(text: string, options: Partial<ParseOptions> = {}): Policy {
  return parseText(text, { file: 'policy', ...options });
}

/** A value as it is, a text parsed. Throws PolicyError. */
export function policyFrom(policy: PolicyLike): Policy {
  return typeof policy === 'string' ? parsePolicy(policy) : policy;
}

/** The ABIs that are meant. Throws UsageError for a name that is none. */
export function abisOf({ abis: wanted }: AbiOptions, policy?: Policy): readonly Abi[] {
  const names: readonly string[] = wanted ?? policy?.abis ?? [];
  const strange = names.find((name) => !isAbiName(name));
  if (strange !== undefined)
    throw new UsageError(`there is no ABI ${strange}`, {
      advice: `the ABIs are ${Object.keys(abis).join(', ')}`,
    });
  return names.length === 0 ? [nativeAbi()] : names.map((name) => abis[name as AbiName]);
}

export interface ReadPolicyOptions {
  /** The format's name (`docker`, `systemd` …); absent: told by the content. */
  readonly from?: string;
  /** What messages call it; its ending helps to tell the format. */
  readonly file?: string;
  /** The machine that it is read for, where the format depends on one. */
  readonly abi?: AbiName;
  /** Keep comparisons as wide as the other tool makes them. */
  readonly exact?: boolean;
  /** Which of several policies in it. */
  readonly part?: string;
  /** The kernel (`6.1`) and the capabilities (`CAP_SYS_ADMIN`) that a profile's conditions are judged by. */
  readonly kernel?: string;
  readonly capabilities?: readonly string[];
}

export interface ReadPolicy {
  readonly policy: Policy;
  readonly format: string;
  /** One sentence each: what was left out because that only makes it stricter, and what one may stumble over. */
  readonly warnings: readonly string[];
}

/** Reads a policy of any format: OCI, Docker, Kubernetes, systemd, minijail, Kafel, seccompiler, firejail, pledge, a raw filter, or the policy
 * language. Throws PolicyError; what would be lost is an error, too. */
export function readPolicy(content: string | Uint8Array, options: ReadPolicyOptions = {}): ReadPolicy {
  const { from, file = 'policy', abi, ...rest } = options;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const text = typeof content === 'string' ? content : textOf(bytes);
  const format = from === undefined ? detectFormat(bytes, text, file) : formatNamed(from, 'read');
  if (format === undefined)
    return { policy: parsePolicy(text ?? '', { file }), format: 'policy', warnings: [] };
  const native = abi === undefined ? nativeAbi() : abis[abi];
  const { policy, warnings } = readAs(format, bytes, text, { file, abi: native, ...rest });
  return { policy, format: format.name, warnings };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export interface WritePolicyOptions extends AbiOptions {
  /** The format's name: `docker`, `oci`, `kubernetes`, `systemd`, `minijail`, `kafel`, `seccompiler`, `bpf`, `c-header`, `policy` … */
  readonly to: string;
  /** What to call the policy where the format has names; `sandbox` if not given. */
  readonly name?: string;
  /** Give the text even if it permits what the policy refuses. */
  readonly allowLoss?: boolean;
}

/** Writes a policy in another format, and says what that cannot say. Throws UsageError where the text would permit what the policy refuses
 * (`allowLoss` gives it all the same, with what was lost), PolicyError for an unknown format. */
export function convert(policy: PolicyLike, options: WritePolicyOptions): WriteResult {
  const value = policyFrom(policy);
  const format = formatNamed(options.to, 'write');
  const served = abisOf(options, value) as readonly [Abi, ...Abi[]];
  const said = options.to === 'policy' ? named(value, served) : value;
  const result = writeAs(format, said, { name: options.name ?? 'sandbox', abis: served });
  const lost = result.lost.filter((one) => one.restricts);
  if (lost.length > 0 && options.allowLoss !== true) {
    throw new UsageError(`${options.to} would permit more than the policy: ${sentences(lost)}`, {
      advice: 'give allowLoss: true to have it all the same',
    });
  }
  return result;
}

const sentences = (lost: readonly Loss[]) => lost.map((one) => one.what).join('; ');

/** A call as numbers, for `evaluate`. */
export interface CallOf {
  /** A name, or a number without the base of mips or bit 30 of x32. */
  readonly call: string | number;
  /** Registers: up to six, missing ones are 0, negative ones sign-extended to 64 bits. */
  readonly args?: readonly (bigint | number)[];
  /** Through which ABI; this machine's if not given. */
  readonly abi?: AbiName;
}

/** What the policy answers to a call: the reference that filters are proved against. A call through an ABI that the policy does not serve gets its
 * answer to foreign calls. Throws UsageError for a name that the ABI does not have. */
export function evaluate(policy: PolicyLike, call: CallOf): Action {
  const value = policyFrom(policy);
  const abi = call.abi === undefined ? nativeAbi() : abisOf({ abis: [call.abi] })[0]!;
  const number = typeof call.call === 'number' ? call.call + abi.numberBase : syscallNumber(abi, call.call);
  if (number === undefined) throw new UsageError(`${abi.name} has no call ${call.call}`);
  const args = Array.from({ length: 6 }, (_, index) => registerOf(BigInt(call.args?.[index] ?? 0)));
  const served = abisOf({}, value);
  return decideData(value, served, { arch: abi.auditArch, nr: number, args }).action;
}

/** What a policy answers to one imagined call. */
export interface Checked {
  /** As it was asked. */
  readonly call: string;
  readonly abi: AbiName;
  readonly action: Action;
  /** `errno EPERM`. */
  readonly text: string;
  /** The statement that decided, as text; or `default`, `unknown`, `foreign`, `call default`. */
  readonly by: string;
  /** Where that statement stands: its source, and line and column where it has them. */
  readonly origin?: { readonly source: string; readonly line?: number; readonly column?: number };
}

/** What a policy does with a call that is written as in the language, with register values: `openat(AT_FDCWD, 0, O_RDONLY)`,
 * `i386:ptrace`. One answer for each ABI that is meant. A unit test for a policy. Throws PolicyError, UsageError. */
export function check(policy: PolicyLike, call: string, options: AbiOptions = {}): readonly Checked[] {
  const value = policyFrom(policy);
  const served = abisOf(options, value);
  return answersFor(parseInvocation(call, 'call'), call, value, served).map(({ abi, decision }) => ({
    call,
    abi: abi.name,
    action: decision.action,
    text: actionText(decision.action),
    ...reasonOf(decision),
  }));
}

function reasonOf({ by }: Decision): Pick<Checked, 'by' | 'origin'> {
  if (typeof by === 'string') return { by };
  const { origin } = by;
  const place = origin?.place;
  return {
    by: printStatement(by).trim(),
    ...(origin === undefined
      ? {}
      : {
          origin: {
            source: origin.source,
            ...(place === undefined ? {} : { line: place.line, column: place.column }),
          },
        }),
  };
}

/** What is compared: a policy, its text, or the filters of a chain, the oldest first (none: everything is permitted). */
export type Comparable = PolicyLike | readonly Program[];

/** Every call that `a` and `b` answer differently, with the arguments for which they do, exactly. Throws PolicyError for a filter that cannot be
 * followed. */
export function diff(a: Comparable, b: Comparable, options: AbiOptions = {}): Difference {
  return difference(subjectOf(a, 'a'), subjectOf(b, 'b'), scope(options));
}

/** Whether `b` permits everything that `a` permits. Throws as `diff`. */
export function isSubset(a: Comparable, b: Comparable, options: AbiOptions = {}): boolean {
  const lost = lostFrom(subjectOf(a, 'a'), subjectOf(b, 'b'), scope(options));
  return lost.changes.length === 0 && lost.elsewhere === undefined;
}

function scope(options: AbiOptions) {
  const native = options.abis?.[0] ?? nativeAbi().name;
  return { native, ...(options.abis === undefined ? {} : { abis: options.abis }) };
}

function subjectOf(value: Comparable, name: string): Subject {
  const isProgram = (one: PolicyLike | readonly Program[]): one is readonly Program[] => Array.isArray(one);
  if (isProgram(value)) return { kind: 'programs', name, programs: value };
  return { kind: 'policy', name, policy: policyFrom(value) };
}

/** Adds policies up, as an include does: the union of their statements, the stricter default. */
export function merge(policies: readonly PolicyLike[]): Policy {
  return mergeAll(policies.map(policyFrom));
}

/** The stricter answer of all policies to each call, as the kernel has it for filters that stack. */
export function intersect(policies: readonly PolicyLike[], options: AbiOptions = {}): Policy {
  const [first, ...others] = policies.map(policyFrom);
  if (first === undefined) throw new UsageError('there is no policy to intersect');
  return others.reduce((a, b) => intersectTwo(a, b, options), first);
}

/** Permits exactly what `a` permits and `b` does not. */
export function subtract(a: PolicyLike, b: PolicyLike, options: AbiOptions = {}): Policy {
  return subtractFrom(policyFrom(a), policyFrom(b), options);
}

/** What is risky about a policy, in the order of `lintRules`. */
export function lint(policy: PolicyLike, options: AbiOptions = {}): readonly Finding[] {
  const value = policyFrom(policy);
  return lintOn(value, abisOf(options, value));
}

/** A policy in words, for each ABI that is meant. */
export function explain(policy: PolicyLike, options: AbiOptions = {}): readonly Explanation[] {
  const value = policyFrom(policy);
  return abisOf(options, value).map((abi) => explainPolicy(value, abi));
}
