// Which ABIs are meant: the machine's own, and those of --abi.

import { UsageError } from '../errors.ts';
import { nativeAbi } from '../launch/machine.ts';
import { type AbiName, abiNames, isAbiName } from '../linux/abi.ts';
import { nearest } from '../linux/nearest.ts';
import type { PolicyWords } from './options.ts';

export { nativeAbi } from '../launch/machine.ts';

/** The names in --abi, each once; undefined if it is not given. */
export function wantedAbis(words: PolicyWords): readonly AbiName[] | undefined {
  if (words.abi === undefined) return undefined;
  const names = words.abi.flatMap((list) => list.split(/[,:]/).map((name) => name.trim()));
  return [...new Set(names)].map((name) => {
    if (name === 'native') return nativeAbi().name;
    if (isAbiName(name)) return name;
    const [close] = nearest(name, abiNames, 1);
    throw new UsageError(`--abi ${name}: there is no such ABI`, {
      advice: close === undefined ? `the ABIs are ${abiNames.join(', ')}` : `did you mean ${close}?`,
    });
  });
}
