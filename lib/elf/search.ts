// Which file is meant by a needed library's name. The order is the dynamic loader's (ld.so(8), "DESCRIPTION"): DT_RPATH of the one who
// needs it, of the one that it was loaded for, and so on, where the first has no DT_RUNPATH; LD_LIBRARY_PATH, DT_RUNPATH, the cache, the default folders. Where the loader would choose
// by processor (glibc-hwcaps), all variants are given: an analysis has to hold for each.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ElfError, type Source, text, u32 } from './bytes.ts';
import { EM_X86_64 } from './file.ts';

export const LOADER_CACHE = '/etc/ld.so.cache';
const folders = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];
const folders64 = [
  '/lib/aarch64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];
const hwcaps = ['x86-64-v4', 'x86-64-v3', 'x86-64-v2'];
/** flags of a cache entry (glibc, sysdeps/generic/ldconfig.h): ELF for glibc 2, 64-bit of each machine. */
const cacheFlags: Readonly<Record<number, number>> = { 62: 0x0303, 183: 0x0a03 };

/** Who needs a library. */
export interface Requester {
  readonly file: string;
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  /** The one that it was loaded for, and so on up to the program (glibc, elf/dl-load.c, _dl_map_object). */
  readonly loaders: readonly Pick<Requester, 'file' | 'rpath' | 'runpath'>[];
  readonly machine: number;
  /** The program interpreter of the whole program: musl's has folders of its own, and is its own C library. */
  readonly interpreter: string | undefined;
}

/** The paths it may be loaded from; empty if there is none. `libraryPath` is LD_LIBRARY_PATH. `looked` gets every path that was
 * looked at, there or not: the answer can be another one once one of these changes, or the loader's cache. */
export function findLibrary(
  name: string,
  from: Requester,
  libraryPath: string | undefined,
  looked: Set<string> = new Set(),
): readonly string[] {
  if (name.includes('/')) {
    const path = expand(name, from.file);
    return exists(path, looked) ? [path] : [];
  }
  const interpreter = from.interpreter ?? '';
  const isMusl = basename(interpreter).startsWith('ld-musl');
  if (isMusl && /^libc\.(so|musl-.*)$/.test(name)) return [interpreter];
  const environment = (libraryPath ?? '').split(/[:;]/).filter((folder) => folder !== '');
  // Who has both has no DT_RPATH.
  const rpath = (from.runpath.length > 0 ? [] : [from, ...from.loaders]).flatMap((one) =>
    one.runpath.length > 0 ? [] : one.rpath.map((folder) => expand(folder, one.file)),
  );
  const runpath = from.runpath.map((folder) => expand(folder, from.file));
  for (const folder of [...rpath, ...environment, ...runpath]) {
    const found = inFolder(folder, name, looked);
    if (found.length > 0) return found;
  }
  if (isMusl)
    return muslFolders(interpreter, looked)
      .flatMap((folder) => inFolder(folder, name, looked))
      .slice(0, 1);
  const cached =
    readCache()
      .get(`${cacheFlags[from.machine] ?? 0} ${name}`)
      ?.filter((path) => exists(path, looked)) ?? [];
  if (cached.length > 0) return cached;
  for (const folder of from.machine === EM_X86_64 ? folders : folders64) {
    const found = inFolder(folder, name, looked);
    if (found.length > 0) return found;
  }
  return [];
}

/** In folders and in names (glibc, elf/dl-deps.c, expand_dst). */
const expand = (path: string, file: string) => path.replace(/\$(ORIGIN\b|\{ORIGIN\})/g, dirname(file));

function exists(path: string, looked: Set<string>): boolean {
  looked.add(path);
  return existsSync(path);
}

function inFolder(folder: string, name: string, looked: Set<string>): readonly string[] {
  const plain = join(folder, name);
  const special = join(folder, 'glibc-hwcaps');
  const variants = exists(special, looked)
    ? hwcaps.map((one) => join(special, one, name)).filter((path) => exists(path, looked))
    : [];
  looked.add(plain);
  return isFile(plain) ? [...variants, plain] : variants;
}

/** Not where a folder of the path is none, either. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** musl's ldso/dynlink.c: /etc/ld-musl-ARCH.path, else three folders. */
function muslFolders(interpreter: string, looked: Set<string>): readonly string[] {
  const arch = /^ld-musl-(.*)\.so/.exec(basename(interpreter))?.[1] ?? '';
  const configuration = `/etc/ld-musl-${arch}.path`;
  looked.add(configuration);
  try {
    return readFileSync(configuration, 'utf8')
      .split(/[:\n]/)
      .filter((one) => one !== '');
  } catch {
    return ['/lib', '/usr/local/lib', '/usr/lib'];
  }
}

let cache: ReadonlyMap<string, readonly string[]> | undefined;

function readCache(): ReadonlyMap<string, readonly string[]> {
  if (cache !== undefined) return cache;
  try {
    cache = parseLoaderCache({ file: LOADER_CACHE, bytes: readFileSync(LOADER_CACHE) });
  } catch {
    // No cache, or a damaged one: the loader then goes on with the default folders, and so do we.
    cache = new Map();
  }
  return cache;
}

const MAGIC = 'glibc-ld.so.cache1.1';

/** ld.so.cache (glibc, sysdeps/generic/dl-cache.h): `flags name` → paths. Throws ElfError. */
export function parseLoaderCache(source: Source): ReadonlyMap<string, readonly string[]> {
  const start = source.bytes.indexOf(MAGIC, 0, 'latin1');
  if (start < 0) throw new ElfError(`${source.file}: not a loader cache`, { advice: 'run ldconfig' });
  const count = Math.min(u32(source, start + 20), 1_000_000);
  const found = new Map<string, string[]>();
  for (let index = 0; index < count; index++) {
    const at = start + 48 + index * 24;
    const key = `${u32(source, at)} ${text(source, start + u32(source, at + 4))}`;
    const path = text(source, start + u32(source, at + 8));
    const list = found.get(key);
    if (list === undefined) found.set(key, [path]);
    else list.push(path);
  }
  return found;
}
