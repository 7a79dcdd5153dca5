// Policies from disk. What is not plainly a text is refused with its reason: a policy that was read in part would be
// another policy.

import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { PolicyError } from '../../errors.ts';
import type { Policy } from '../model.ts';
import { parsePolicy } from './parse.ts';
import { placeAt } from './source.ts';

/** No policy that a person or a program sensibly writes comes near. Bytes, over all files of one policy. */
export const MAX_BYTES = 16 * 1024 * 1024;

/** Reads a policy file with its includes, whose paths are relative to the file that includes them. Throws PolicyError. */
export function loadPolicy(file: string): Policy {
  const budget = { bytes: MAX_BYTES };
  return parsePolicy(readText(file, budget), {
    file,
    include: (path, from) => {
      const wanted = isAbsolute(path) ? path : join(dirname(from), path);
      return { file: wanted, text: readText(wanted, budget) };
    },
  });
}

/** The bytes of a policy file that need not be a text. Throws PolicyError. */
export function readPolicyBytes(file: string): Uint8Array {
  return readBytes(file, { bytes: MAX_BYTES });
}

/** The text of any one file that is to be read with a policy. Throws PolicyError. */
export function readPolicyText(file: string): string {
  return readText(file, { bytes: MAX_BYTES });
}

function readText(file: string, budget: { bytes: number }): string {
  const bytes = readBytes(file, budget);
  const advice = 'a policy is a text file in UTF-8';
  const text = bytes.toString('utf8');
  const zero = text.indexOf('\0');
  const place = (offset: number) => placeAt({ name: file, text }, offset);
  if (zero >= 0) throw new PolicyError('this is not a text: a byte is 0', { place: place(zero), advice });
  if (isUtf8(bytes)) return text;
  throw new PolicyError('this is not UTF-8', { place: place(firstInvalid(bytes, text)), advice });
}

/** Opened without waiting for the other end of a pipe, and looked at before it is read: a device could be endless. */
function readBytes(file: string, budget: { bytes: number }): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) {
      const what = stat.isDirectory() ? 'a directory' : 'not a regular file';
      throw new PolicyError(`${file} is ${what}`, { advice: 'name a policy file' });
    }
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024);
      const length = readSync(fd, chunk, 0, chunk.length, null);
      if (length === 0) return Buffer.concat(chunks);
      budget.bytes -= length;
      if (budget.bytes < 0) {
        throw new PolicyError(`${file} is too large`, {
          advice: `a policy with all its includes has at most ${MAX_BYTES / 1024 / 1024} MB`,
        });
      }
      chunks.push(chunk.subarray(0, length));
    }
  } catch (cause) {
    throw cause instanceof PolicyError ? cause : cannotRead(file, cause);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const reasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['it does not exist', 'check the path; an include is relative to the file that includes it'],
  EACCES: ['permission denied', 'make it readable'],
  ENOTDIR: ['a part of its path is not a directory', 'check the path'],
  ELOOP: ['its path has too many symbolic links', 'check the path'],
  ENXIO: ['it is not a regular file', 'name a policy file'],
};

function cannotRead(file: string, cause: unknown): PolicyError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const [reason, advice] = reasons[code] ?? [code, 'check the path'];
  return new PolicyError(`cannot read ${file}: ${reason}`, { advice, cause });
}

/** Where in the decoded text the first replacement character stands that the bytes do not have. */
function firstInvalid(bytes: Buffer, text: string): number {
  let byte = 0;
  let unit = 0;
  for (;;) {
    const next = text.indexOf('\ufffd', unit);
    if (next < 0) return text.length;
    byte += Buffer.byteLength(text.slice(unit, next));
    if (bytes.toString('latin1', byte, byte + 3) !== '\xef\xbf\xbd') return next;
    byte += 3;
    unit = next + 1;
  }
}
