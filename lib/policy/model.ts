// What a policy is: one immutable value, smallest terms first.
//
//   Value      a constant, kept as it was written because O_DIRECTORY and TCGETS differ between architectures
//   Operand    an argument of a call, by name or position, as wide and as signed as the kernel's own parameter
//   Condition  a truth about the arguments of one call
//   Call       which calls: a name, a group or a number, possibly without some, possibly under a condition
//   Statement  an action for calls
//   Policy     statements without an order, and what happens where none matches
//
// What it all means is in evaluate.ts, how it is written in language/.

import type { Place } from '../errors.ts';
import type { AbiName } from '../linux/abi.ts';

/** A constant: a number, a C name, several joined with `|`, or one inverted with `~`. */
export type Value =
  | {
      readonly kind: 'number';
      readonly number: bigint /** as written, if not plain decimal */;
      readonly text?: string;
    }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'or'; readonly of: readonly Value[] }
  | { readonly kind: 'not'; readonly of: Value };

/** An argument: by the kernel's or the manual page's name, or `arg0` … `arg5`. With `bits`, that many low bits of the
 * register, unsigned, whatever the kernel's type is (`name:32`). */
export interface Operand {
  readonly argument: string;
  readonly bits?: 32 | 64;
}

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** `low..high`, both included; a single value has low and high the same. */
export interface Range {
  readonly low: Value;
  readonly high: Value;
}

export type Condition =
  | { readonly kind: 'compare'; readonly operand: Operand; readonly op: Comparison; readonly value: Value }
  | { readonly kind: 'in'; readonly operand: Operand; readonly ranges: readonly Range[] }
  /** `operand & mask`: any of the bits is set. */
  | { readonly kind: 'any-bit'; readonly operand: Operand; readonly mask: Value }
  /** `operand & mask == value`, or `!=`. */
  | {
      readonly kind: 'masked';
      readonly operand: Operand;
      readonly mask: Value;
      readonly op: '==' | '!=';
      readonly value: Value;
    }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and'; readonly of: readonly Condition[] }
  | { readonly kind: 'or'; readonly of: readonly Condition[] };

/** What the kernel does with a call, strictest first (see action.ts for their order and numbers). */
export type Action =
  | { readonly kind: 'kill' }
  | { readonly kind: 'kill-thread' }
  /** `data` reaches the program's handler as si_errno, 0…65535; 0 if not given. */
  | { readonly kind: 'trap'; readonly data?: number }
  /** By C name, since numbers differ between architectures, or 0…4095. */
  | { readonly kind: 'errno'; readonly errno: string | number }
  | { readonly kind: 'notify' }
  /** `data` reaches the tracer, 0…65535; 0 if not given. */
  | { readonly kind: 'trace'; readonly data?: number }
  | { readonly kind: 'log' }
  | { readonly kind: 'allow' };

/** Which calls are meant. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  /** With its @. */
  | { readonly kind: 'group'; readonly name: string }
  /** A number of whatever ABI the call is made through, without the base of mips or bit 30 of x32. */
  | { readonly kind: 'number'; readonly number: number };

export interface Call {
  readonly target: Target;
  /** Calls of a group that are not meant. */
  readonly except?: readonly Target[];
  /** Only for a name or a number. */
  readonly when?: Condition;
}

/** Where a statement was written: a place in a file, or words such as `--allow` or `SECCOMP_SYSCALL_ALLOW`. */
export interface Origin {
  readonly source: string;
  readonly place?: Place;
}

export interface Statement {
  readonly action: Action;
  readonly calls: readonly Call[];
  readonly origin?: Origin;
  /** Comment lines that stand above it, and the one behind it, without their `#`. */
  readonly comments?: readonly string[];
  readonly note?: string;
}

export interface Policy {
  /** Where no statement matches. Absent: the policy does not say, which means kill unless it is merged with one that does. */
  readonly default?: Action;
  /** Calls that the author cannot have known. Absent: ENOSYS, or the default where that is allow or log. */
  readonly unknown?: Action;
  /** Calls through an ABI that the filter does not serve. Absent: kill. */
  readonly foreign?: Action;
  /** The newest kernel that the author knew, as `major.minor`: newer calls are reached only by statements that name them. */
  readonly kernel?: string;
  /** The ABIs that the policy is for. Absent: the machine's native one. */
  readonly abis?: readonly AbiName[];
  readonly statements: readonly Statement[];
  /** `default ACTION CALL, …`: the default of single calls. They have no conditions. */
  readonly defaults: readonly Statement[];
  /** What holds from main on, beside all the rest, which holds from exec on: it can only narrow. It has no main of its own, and the kernel
   * and the ABIs of the whole. */
  readonly main?: Policy;
  /** Comment lines that stand with directives, and those after the last statement. */
  readonly comments?: readonly string[];
  readonly closing?: readonly string[];
}

export const emptyPolicy: Policy = { statements: [], defaults: [] };

export const number = (value: bigint | number): Value => ({ kind: 'number', number: BigInt(value) });
export const name = (text: string): Value => ({ kind: 'name', name: text });

/** What happens where nothing matches, said or not. */
export function defaultOf(policy: Policy): Action {
  return policy.default ?? { kind: 'kill' };
}

export function unknownOf(policy: Policy): Action {
  if (policy.unknown !== undefined) return policy.unknown;
  const fallback = defaultOf(policy);
  return fallback.kind === 'allow' || fallback.kind === 'log' ? fallback : { kind: 'errno', errno: 'ENOSYS' };
}

export function foreignOf(policy: Policy): Action {
  return policy.foreign ?? { kind: 'kill' };
}
