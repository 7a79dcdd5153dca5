// Policy files of any format. Our own language is tried first, and what is neither that nor recognised as another format stays an
// error of our language. The other formats' code is loaded only for a file that needs it: a plain start never does.

import { isUtf8 } from 'node:buffer';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyError, UsageError } from '../errors.ts';
import type { Files, ReadOptions } from '../formats/format.ts';
import { type AbiName, abis } from '../linux/abi.ts';
import { loadPolicy, MAX_BYTES, readPolicyBytes } from '../policy/language/load.ts';
import type { Policy } from '../policy/model.ts';
import { logFor } from './log.ts';
import { nativeAbi, wantedAbis } from './machine.ts';
import type { OutputWords, PolicyWords } from './options.ts';

type Formats = typeof import('../formats/index.ts');

let formats: Formats | undefined;

/** A file needs the other formats' code: load it with loadFormats, and do the same again. */
export class FormatsNeeded extends Error {}

export async function loadFormats(): Promise<Formats> {
  formats ??= await import('../formats/index.ts');
  return formats;
}

/** Reads a policy file of any format, with its includes. Warnings go to the log, and to `onWarning`. Throws PolicyError; FormatsNeeded
 * where that has not been loaded. */
export function readPolicyFile(
  file: string,
  words: PolicyWords & OutputWords,
  onWarning: (warning: string) => void = () => {},
): Policy {
  if (words.from === 'policy') return loadPolicy(file);
  if (formats !== undefined) return readForeign(formats, file, words, onWarning);
  if (words.from !== undefined) throw new FormatsNeeded();
  try {
    return loadPolicy(file);
  } catch (error) {
    throw error instanceof PolicyError ? new FormatsNeeded() : error;
  }
}

function readForeign(
  loaded: Formats,
  file: string,
  words: PolicyWords & OutputWords,
  onWarning: (warning: string) => void,
): Policy {
  const wanted = words.from === undefined ? undefined : loaded.formatNamed(words.from, 'read');
  const bytes = readPolicyBytes(file);
  const text = isUtf8(bytes) && !bytes.includes(0) ? Buffer.from(bytes).toString('utf8') : undefined;
  const format = wanted ?? loaded.detectFormat(bytes, text, file);
  if (format === undefined) return loadPolicy(file);
  const { policy, warnings } = loaded.readAs(format, bytes, text, optionsOf(loaded, file, words));
  const log = logFor(words);
  log.debug(() => ({ format: format.name }), `${file}: read`);
  for (const warning of warnings) {
    log.warn(() => ({}), `${file}: ${warning}`);
    onWarning(warning);
  }
  return policy;
}

function optionsOf(loaded: Formats, file: string, words: PolicyWords): ReadOptions {
  const [first] = wantedAbis(words) ?? ([] as readonly AbiName[]);
  if (words.kernel !== undefined && !/^\d{1,4}\.\d{1,4}/.test(words.kernel)) {
    throw new UsageError(`--kernel ${words.kernel}: this is not a version`, { advice: 'write --kernel 6.1' });
  }
  return {
    file,
    abi: first === undefined ? nativeAbi() : abis[first],
    exact: words.exact,
    as: words.as === 'runc' ? 'runc' : undefined,
    kernel: words.kernel,
    part: words.part,
    ...(words.cap === undefined ? {} : { capabilities: loaded.capabilitiesOf(words.cap) }),
    files: diskFiles(),
  };
}

/** Includes and drop-ins from disk; all of one policy share the limit on bytes. */
function diskFiles(): Files {
  let left = MAX_BYTES;
  return {
    text(path) {
      const bytes = readPolicyBytes(path);
      left -= bytes.length;
      if (left < 0) throw new PolicyError('the policy with all its includes is too large');
      if (!isUtf8(bytes) || bytes.includes(0)) throw new PolicyError(`${path} is not a text in UTF-8`);
      return Buffer.from(bytes).toString('utf8');
    },
    list(folder) {
      try {
        return readdirSync(folder)
          .sort()
          .map((name) => join(folder, name));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR') return [];
        throw new PolicyError(`cannot read the folder ${folder}: ${code}`, { advice: 'make it readable' });
      }
    },
  };
}
