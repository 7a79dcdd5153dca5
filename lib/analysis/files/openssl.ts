// Which functions OpenSSL looks up by name. Its calls of dlsym(3) stand in functions that a table of methods names, and tables are kept in
// memory, so that no following of values finds what is handed to them. Taken from knowledge, the same from 1.1.0 on: only DSO_bind_func and
// DSO_global_lookup call them (crypto/dso/dso_lib.c; no other file can make such a table, or reach into one), and what OpenSSL itself
// hands to these two from memory are the names of two functions of engines, bind_engine and v_check (crypto/engine/eng_dyn.c). What
// others hand to them is followed as any name.

import { functionAt } from '../code/code.ts';
import type { Module, Spot } from './world.ts';

const LIBRARY = /^libcrypto\.so\.(1\.1|3)$/;

/** Its functions that look names up, with the registers that they come in. */
export const DSO_LOOKUPS = [
  ['DSO_bind_func', 6],
  ['DSO_global_lookup', 7],
] as const;

/** Whether a name that is lost there is one of OpenSSL's own. What comes into the two functions themselves from who knows where is not. */
export function isOpenssls({ module, address }: Spot): boolean {
  const starts = DSO_LOOKUPS.map(([name]) => startOf(module, name));
  return (
    LIBRARY.test(module.code.dynamic?.soname ?? '') &&
    !starts.includes(undefined) &&
    !starts.includes(module.code.functionStart[functionAt(module.code, address)])
  );
}

const startOf = ({ code }: Module, name: string): number | undefined =>
  code.dynamic?.symbols.find((one) => one.defined && one.name === name)?.address;
