// Whether a file is still what it was. Its content says so for certain; what the file system says of it (device, inode, size,
// and the times of its last changes to the nanosecond) says so without reading it, for every change moves the time that no
// program can set (ctime). That holds only once the clock has moved on since the last change (git's "racy" rule), so a file
// that changed just now is not known this way.

import { readdirSync, readFileSync, statSync } from 'node:fs';

/** A file or folder as it was: what the file system said, and a hash of its content ('' for both: there is none); or, of a
 * text, only of what matters in it. */
export type KnownFile = readonly [path: string, identity: string, content: string, isText?: true];

/** What matters in a text: files that are words of a command line, of which most are data. */
export type Meaning = (path: string) => string;

/** Steps of time, in ns, within which a second change need not show: two ticks of the slowest kernel clock; the coarsest file
 * system's (FAT) where the time is of a whole second. */
const TICKS = 20_000_000n;
const COARSE = 2_000_000_000n;

/** Entries that come and go by themselves, and bring no library. */
const IGNORED = '__pycache__';

/** What cannot be looked at, or is neither a file nor a folder (reading a pipe would never end). */
const HIDDEN = 'hidden';

interface Seen {
  readonly identity: string;
  readonly changed: bigint;
  readonly kind: 'file' | 'folder' | 'none' | 'other';
}

function look(path: string): Seen {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return { identity: '', changed: 0n, kind: 'none' };
    return {
      identity: [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' '),
      changed: stat.ctimeNs,
      kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other',
    };
  } catch {
    // In a folder that may not be entered, for example: an analysis could not read it either.
    return { identity: HIDDEN, changed: 0n, kind: 'other' };
  }
}

/** SHA-256 of a file's bytes, of a folder's list of names, or of what a text means. */
function contentOf(path: string, kind: Seen['kind'], meaning: Meaning | undefined): string {
  // What is no text means nothing, as one that is not there.
  if (meaning !== undefined) return hash(meaning(path));
  if (kind === 'none') return '';
  if (kind === 'other') return HIDDEN;
  try {
    if (kind === 'file') return hash(readFileSync(path));
    const names = readdirSync(path, 'latin1').filter((name) => name !== IGNORED);
    return hash(names.sort().join('\0'));
  } catch {
    return HIDDEN;
  }
}

/** The module is loaded only where it is needed: a plain run must not pay for it. */
export function hash(content: string | Uint8Array): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(content).digest('base64url');
}

/** What is now known of a file that was read since `start` (ns since 1970); undefined if it changed since, or so shortly
 * before that nothing would show a second change. */
export function knownFile(path: string, start: bigint, meaning?: Meaning): KnownFile | undefined {
  const { identity, changed, kind } = look(path);
  const step = changed % 1_000_000_000n === 0n ? COARSE : TICKS;
  if (changed > start - step) return undefined;
  const content = contentOf(path, kind, meaning);
  if (look(path).identity !== identity) return undefined;
  return meaning === undefined ? [path, identity, content] : [path, identity, content, true];
}

/** The same files if all are as they were: the very same list where none had to be read, a new one where some were touched and
 * have the same content. undefined: something is different. */
export function stillTheSame(
  files: readonly KnownFile[],
  meaning: Meaning,
): readonly KnownFile[] | undefined {
  let touched = false;
  const now: KnownFile[] = [];
  for (const file of files) {
    const [path, identity, content, isText] = file;
    const seen = look(path);
    if (seen.identity === identity) {
      now.push(file);
      continue;
    }
    const read = isText === true ? meaning : undefined;
    if (contentOf(path, seen.kind, read) !== content) return undefined;
    const fresh = knownFile(path, BigInt(Date.now()) * 1_000_000n, read);
    const isKnown = fresh?.[2] === content;
    now.push(isKnown ? fresh : file);
    touched ||= isKnown;
  }
  return touched ? now : files;
}
