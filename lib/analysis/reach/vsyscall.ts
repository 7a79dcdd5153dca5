// Functions that stand at fixed addresses in every process, so that programs can call them there; the kernel then asks the filter as
// for the call itself (arch/x86/entry/vsyscall/vsyscall_64.c). Old programs do, static ones above all.

import { PT_LOAD } from '../../elf/file.ts';
import { functionAt } from '../code/code.ts';
import type { Module } from '../files/world.ts';
import { keptFor } from '../kept.ts';
import { isFunctionReached, type Reach } from './reach.ts';

/** The low half of each address, which instructions have without the other, all ones: these four bytes, of which the second tells
 * them apart. */
const page = new Map([
  [0x00, 'gettimeofday'],
  [0x04, 'time'],
  [0x08, 'getcpu'],
]);
const shared = Buffer.from([0x60, 0xff]);

const ones = Buffer.alloc(4, 0xff);

interface OldCall {
  readonly address: number;
  readonly name: string;
}

/** Where these addresses stand in what is loaded of a file, in code or in data. */
const oldCalls = keptFor((module: Module): readonly OldCall[] => {
  const { bytes, segments } = module.code.elf;
  const list = new Map<string, OldCall>();
  // The two bytes that all have, for they are rarer than the first ones.
  for (let end = bytes.indexOf(shared); end >= 0; end = bytes.indexOf(shared, end + 1)) {
    const at = end - 2;
    const name = at < 0 || bytes[at] !== 0 ? undefined : page.get(bytes[at + 1]!);
    if (name === undefined) continue;
    const segment = segments.find(
      (one) => one.type === PT_LOAD && at >= one.offset && at < one.offset + one.fileSize,
    );
    if (segment === undefined) continue;
    const address = segment.address + (at - segment.offset);
    // One in each function is enough, and one in all data.
    const index = functionAt(module.code, address);
    if (index < 0 && !bytes.subarray(at + 4, at + 8).equals(ones)) continue;
    const key = `${name} ${index}`;
    if (!list.has(key)) list.set(key, { name, address });
  }
  return [...list.values()];
});

/** Whoever reads data may have the address; a function that was reached has it. */
export function reachedOldCalls(reach: Reach, module: Module): readonly OldCall[] {
  return oldCalls(module).filter(({ address }) => {
    const index = functionAt(module.code, address);
    return index < 0 || isFunctionReached(reach, module, index);
  });
}
