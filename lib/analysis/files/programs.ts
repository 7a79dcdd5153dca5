// Which programs a start means: the program itself, or for a script its interpreter; and what a name means in PATH.

import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ElfError } from '../../elf/bytes.ts';
import { isElf, reading } from '../../elf/file.ts';
import { readShebang } from '../../elf/script.ts';
import { LaunchError, SandboxError } from '../../errors.ts';

export interface Start {
  /** The ELF program that runs in the end. */
  readonly program: string;
  /** The same as it was named: links are not followed. */
  readonly named: string;
  /** Scripts on the way to it, outermost first. */
  readonly scripts: readonly string[];
  /** Programs on the way that execute it, under the same filter: env(1). */
  readonly through: readonly string[];
}

/** Where programs are looked for (exec(3)). */
export function searchPathOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.PATH ?? '/usr/local/bin:/usr/bin:/bin';
}

/** As the kernel has it (fs/exec.c). */
const MAX_SCRIPTS = 5;
const MAX_TEXT = 1024 * 1024;

/** Follows `#!` lines, and `env NAME` in them. Throws SandboxError where there is no program at the end; LaunchError where an interpreter
 * stands in the way that is missing (127) or cannot be executed (126). */
export function startOf(path: string, searchPath: string): Start {
  const scripts: string[] = [];
  const through: string[] = [];
  let at = path;
  for (let depth = 0; depth <= MAX_SCRIPTS; depth++) {
    const script = scripts.at(-1);
    const head = script === undefined ? headOf(at) : headOfInterpreter(script, at);
    if (isElf(head)) return { program: realpathSync(at), named: at, scripts, through };
    const shebang = readShebang(head);
    if (shebang === undefined) {
      // execvp(3): a file without a header is given to the shell.
      if (head.includes(0)) throw notProgram(at);
      scripts.push(at);
      at = '/bin/sh';
      continue;
    }
    scripts.push(at);
    const words = (shebang.argument ?? '')
      .replace(/^-[iv0]*S/, '')
      .split(/[ \t]+/)
      .filter((word) => word !== '' && !word.startsWith('-') && !word.includes('='));
    const isEnv = basename(shebang.interpreter) === 'env' && words[0] !== undefined;
    const meant = isEnv ? inPath(words[0]!, searchPath) : undefined;
    if (meant !== undefined) through.push(shebang.interpreter);
    at = meant ?? shebang.interpreter;
  }
  throw new SandboxError(`${path}: scripts that are started by scripts, more than ${MAX_SCRIPTS} deep`, {
    advice: 'name the program',
  });
}

/** Of an interpreter that the kernel would not execute either: LaunchError, with the status of a start without an analysis. */
function headOfInterpreter(script: string, path: string): Buffer {
  // Quoted: a line that was written elsewhere can end in a carriage return.
  const refused = (what: string, status: 126 | 127, cause?: unknown) =>
    new LaunchError(`${script}: its interpreter ${JSON.stringify(path)} ${what}`, status, {
      advice: 'install it, or correct the #! line',
      cause,
    });
  if (path === '') throw refused('has no name', 126);
  try {
    return headOf(path);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    if (isMissing(error)) throw refused('does not exist', 127, error);
    // It may be executed without being read: then there is only no analysis.
    throw error instanceof ElfError ? error : refused('is no program', 126, error);
  }
}

const isMissing = ({ cause }: SandboxError) =>
  (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';

function notProgram(path: string): SandboxError {
  return new SandboxError(`${path}: neither a program nor a script`, {
    advice: 'name a 64-bit ELF program, or a script',
  });
}

/** The first 256 bytes of a file. */
export function headOf(path: string): Buffer {
  return reading(path, () => {
    // Opening a pipe would wait for its other end.
    if (!statSync(path).isFile()) throw notProgram(path);
    return beginningOf(path, 256);
  });
}

/** The file that a name means in PATH, if it can be executed. */
export function inPath(name: string, searchPath: string): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined;
  if (name === '' || name.length > 64) return undefined;
  return searchPath
    .split(':')
    .map((folder) => join(folder === '' ? '.' : folder, name))
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  // What stands there is of the process that asks: here of this one, and not of the program.
  if (path.startsWith('/proc/')) return false;
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A text; undefined for what is none or too long. Of a script (`#!`) it is what stands before its first NUL, in its first megabyte: an
 * archive can follow that unpacks itself. */
export function scriptText(path: string): string | undefined {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return undefined;
    const bytes = beginningOf(path, Math.min(stat.size, MAX_TEXT));
    const isScript = bytes.subarray(0, 2).toString('latin1') === '#!';
    const end = bytes.indexOf(0);
    if (!isScript && (end >= 0 || stat.size > MAX_TEXT)) return undefined;
    return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
  } catch {
    return undefined;
  }
}

function beginningOf(path: string, size: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}

/** What a shell script calls that is no program of its own project: POSIX's utilities as Debian has them. */
export const shellUtilities = [
  'sh',
  'bash',
  'dash',
  'cat',
  'cp',
  'mv',
  'rm',
  'ln',
  'ls',
  'mkdir',
  'rmdir',
  'mktemp',
  'touch',
  'chmod',
  'chown',
  'chgrp',
  'echo',
  'printf',
  'test',
  '[',
  'expr',
  'true',
  'false',
  'pwd',
  'basename',
  'dirname',
  'readlink',
  'realpath',
  'head',
  'tail',
  'sort',
  'uniq',
  'cut',
  'paste',
  'tr',
  'wc',
  'tee',
  'seq',
  'sleep',
  'date',
  'env',
  'id',
  'uname',
  'hostname',
  'whoami',
  'nproc',
  'stat',
  'du',
  'df',
  'dd',
  'od',
  'sed',
  'grep',
  'egrep',
  'fgrep',
  'awk',
  'find',
  'xargs',
  'cmp',
  'diff',
  'tar',
  'gzip',
  'gunzip',
  'zcat',
  'bzip2',
  'xz',
  'zstd',
  'md5sum',
  'sha1sum',
  'sha256sum',
  'base64',
  'timeout',
  'nice',
  'nohup',
  'install',
  'comm',
  'join',
  'split',
  'fold',
  'fmt',
  'nl',
  'rev',
  'which',
  'getopt',
] as const;
