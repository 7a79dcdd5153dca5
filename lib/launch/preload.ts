// A start with libsandbox.so. Preload libraries are known for doing nothing, and saying nothing, where a program does not load them:
// static and setuid ones. So those are refused here; and the helper of native/core/inject.h stops the program at main and looks
// whether the library's filter is there. Where it is not, the program ends with 125 before it has done anything of its own.

import { mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode, type Program } from '../bpf/instruction.ts';
import { LaunchError } from '../errors.ts';
import { type NativeLater, nativeFile } from '../native.ts';
import { imageOf, placeOf, refusal } from './place.ts';

export interface Preload {
  readonly later: NativeLater;
  readonly variables: readonly Uint8Array[];
  /** The filter, to be handed on; the library closes it. */
  readonly descriptors: readonly number[];
}

const PT_INTERP = 3;
const S_ISUID_OR_GID = 0o6000;

/** Settles a start of this program. Throws LaunchError where it would not load the library. */
export function preloadInto(program: Uint8Array, filter: Program): Preload {
  const { path, file } = imageOf(Buffer.from(program));
  const { place, offset } = placeOf(program, 'main');
  if (!hasLoader(file)) {
    throw refusal(
      path,
      'is a static program, which loads no library',
      'use --at main, which works with static programs',
    );
  }
  if ((statSync(path).mode & S_ISUID_OR_GID) !== 0) {
    throw refusal(
      path,
      'is a setuid or setgid program, which loads no library',
      'use --at main; it starts without those rights',
    );
  }
  const library = libraryPath();
  const others = process.env.LD_PRELOAD;
  // A name in front: the loader looks in this order. This is the C library's environment, which the launch hands on.
  process.env.LD_PRELOAD = others === undefined || others === '' ? library : `${library}:${others}`;
  const descriptor = descriptorOf(encode(filter));
  return {
    later: { place, offset },
    variables: [Buffer.from(`SECCOMP_FILTER_FD=${descriptor}`)],
    descriptors: [descriptor],
  };
}

function hasLoader(file: Buffer): boolean {
  const table = Number(file.readBigUInt64LE(32));
  const count = file.readUInt16LE(56);
  return Array.from({ length: count }, (_, index) => file.readUInt32LE(table + 56 * index)).includes(
    PT_INTERP,
  );
}

function libraryPath(): string {
  try {
    return nativeFile('libsandbox.so');
  } catch (error) {
    throw new LaunchError((error as Error).message, 125, { cause: error });
  }
}

/** An open file with these bytes, to be read from its beginning, that has no name any more. */
function descriptorOf(bytes: Uint8Array): number {
  // As os.tmpdir() finds it, which no other start needs to load.
  const folder = mkdtempSync(join(process.env.TMPDIR || '/tmp', 'sandbox-run-'));
  try {
    const file = join(folder, 'filter');
    writeFileSync(file, bytes, { mode: 0o600 });
    return openSync(file, 'r');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
