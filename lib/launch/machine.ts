// Which machine this is, and which of a policy's ABIs a filter on it serves.

import { PolicyError, UsageError } from '../errors.ts';
import { type Abi, type AbiName, abiOfNodeArch, abis, familyOf } from '../linux/abi.ts';

/** The machine's own ABI. */
export function nativeAbi(): Abi {
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  const abi = abiOfNodeArch(process.arch, littleEndian ? 'LE' : 'BE');
  if (abi === undefined) throw new UsageError(`there is no system call table for ${process.arch} machines`);
  return abi;
}

/** The wanted ABIs that this kernel has, the native one first; without a list the native one alone. Throws PolicyError where it has none
 * of them, UsageError where the native one is not among them: the launcher starts the program through it. */
export function servedBy(wanted: readonly AbiName[] | undefined): readonly Abi[] {
  const native = nativeAbi();
  if (wanted === undefined) return [native];
  const here = familyOf(native.name).filter((name) => wanted.includes(name));
  if (here[0] === undefined) {
    throw new PolicyError(
      `the policy is for ${wanted.join(', ')}, and this machine runs ${familyOf(native.name).join(', ')}`,
      {
        advice: `add ${native.name} with --abi or in the policy's abi line`,
      },
    );
  }
  if (here[0] !== native.name) {
    throw new UsageError(
      `the filter must serve ${native.name}, because the launcher starts the program through it`,
      {
        advice: `add ${native.name} with --abi or in the policy's abi line`,
      },
    );
  }
  return here.map((name) => abis[name]);
}
