// Which file is meant by the program's name, before there is a filter that could stand in the way. The rules are
// execvp's (exec(3), POSIX exec): a name with a slash is a path; another is looked for in the folders of PATH, and a
// file there that may not be executed is passed over, but remembered for the message.

import { accessSync, constants, lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { LaunchError } from '../errors.ts';

/** Where to look if PATH is not set: confstr(_CS_PATH) of glibc and musl's default without /usr/local. */
const DEFAULT_PATH = '/bin:/usr/bin';

const SLASH = 0x2f;
const COLON = 0x3a;

/** The path to execute. Throws LaunchError: 127 if there is no such file, 126 if there is one that cannot be executed. */
export function findProgram(name: Uint8Array, searchPath: Uint8Array = environmentPath()): Buffer {
  const program = Buffer.from(name);
  if (program.length === 0)
    throw new LaunchError('the name of the program is empty', 127, {
      advice: 'name a program after the options',
    });
  if (program.includes(SLASH)) {
    const problem = examine(program);
    if (problem === undefined) return program;
    throw toError(program, problem);
  }
  let remembered: { readonly path: Buffer; readonly problem: Problem } | undefined;
  for (const folder of split(searchPath)) {
    // An empty element is the current folder.
    const path = folder.length === 0 ? Buffer.concat([Buffer.from('./'), program]) : join(folder, program);
    const problem = examine(path);
    if (problem === undefined) return path;
    if (problem.status === 126 && problem.code !== 'ENOTDIR') remembered ??= { path, problem };
  }
  if (remembered !== undefined) throw toError(remembered.path, remembered.problem);
  throw notInPath(program);
}

interface Problem {
  readonly status: 126 | 127;
  readonly code: string;
  readonly what: string;
  readonly advice: string;
}

/** Why the file cannot be executed, as far as can be seen from outside; undefined if it looks executable. */
function examine(path: Buffer): Problem | undefined {
  try {
    // Nearly every folder of PATH lacks it, and an exception for each is slow.
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return explain(path, 'ENOENT');
    if (stat.isDirectory())
      return problem(126, 'EISDIR', 'is a directory', 'name a program, not the folder that holds it');
    if (!stat.isFile())
      return problem(126, 'EACCES', 'is not a regular file', 'only regular files can be executed');
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return explain(path, (error as NodeJS.ErrnoException).code ?? 'EIO');
  }
}

function explain(path: Buffer, code: string): Problem {
  switch (code) {
    case 'ENOENT': {
      const target = danglingTarget(path);
      return target === undefined
        ? problem(127, code, 'no such file', 'check the path; a name without a slash is looked for in PATH')
        : problem(127, code, `is a symbolic link to ${target}, which does not exist`, 'correct the link');
    }
    case 'ENOTDIR':
      return problem(126, code, 'a part of the path is not a directory', 'check the path');
    case 'EACCES':
      return problem(
        126,
        code,
        'permission denied',
        'the file needs execute permission (chmod +x), its folders search permission, the file system no noexec',
      );
    case 'ELOOP':
      return problem(126, code, 'too many levels of symbolic links', 'correct the link');
    case 'ENAMETOOLONG':
      return problem(126, code, 'the name is too long', 'check the path');
    default:
      return problem(126, code, `cannot be examined (${code})`, 'check the path and the file system');
  }
}

const problem = (status: 126 | 127, code: string, what: string, advice: string): Problem => ({
  status,
  code,
  what,
  advice,
});

function toError(path: Buffer, { status, what, advice }: Problem): LaunchError {
  return new LaunchError(`${path}: ${what}`, status, { advice });
}

function notInPath(program: Buffer): LaunchError {
  const here = examine(join(Buffer.from('.'), program)) === undefined;
  return new LaunchError(`${program}: not found in PATH`, 127, {
    advice: here ? `write ./${program} for the one in this folder` : 'check its name, or give its path',
  });
}

function danglingTarget(path: Buffer): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.of(SLASH), name]);
}

function split(path: Uint8Array): Buffer[] {
  const bytes = Buffer.from(path);
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(COLON); at >= 0; at = bytes.indexOf(COLON, start)) {
    parts.push(bytes.subarray(start, at));
    start = at + 1;
  }
  return [...parts, bytes.subarray(start)];
}

/** PATH as it was given to this process. Node decodes variables as UTF-8; where that lost something, the original bytes
 * are in /proc/self/environ. */
function environmentPath(): Uint8Array {
  const path = process.env.PATH;
  if (path === undefined) return Buffer.from(DEFAULT_PATH);
  if (!path.includes('\ufffd')) return Buffer.from(path);
  try {
    const entries = readFileSync('/proc/self/environ', 'latin1').split('\0');
    const entry = entries.find((one) => one.startsWith('PATH='));
    if (entry !== undefined) return Buffer.from(entry.slice('PATH='.length), 'latin1');
  } catch {
    // Without /proc the decoded text is all there is; a folder that it misses is not searched.
  }
  return Buffer.from(path);
}
