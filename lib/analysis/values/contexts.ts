// What is known of a call's arguments: values that were found together, and where they come from.

import type { Parameter } from '../../linux/arguments.ts';
import type { Bits } from './bits.ts';
import type { CallSite } from './numbers.ts';
import type { Lost } from './values.ts';

/** An argument that is asked for. */
export interface Asked {
  /** 0 … 5. */
  readonly index: number;
  readonly parameter: Parameter;
}

/** Values that were found together. */
export interface ArgumentContext {
  readonly site: CallSite;
  /** By argument asked for; `unknownBits` where it can be anything. */
  readonly values: readonly Bits[];
  readonly lost: readonly (Lost | undefined)[];
  /** Where the values come from: most often a caller of the C library. */
  readonly from: Lost | { readonly module: CallSite['module']; readonly address: number };
}

/** What is known of a call's arguments. */
export interface CallArguments {
  readonly asked: readonly Asked[];
  readonly contexts: readonly ArgumentContext[];
}
