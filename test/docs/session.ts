// A reader at a terminal: one shell in one empty folder, on a real pseudo-terminal (script(1), Debian's bsdutils), so that
// commands print what people see. The shell runs a page's commands one after the other, a marker between them.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';

export interface Printed {
  readonly status: number;
  readonly lines: readonly string[];
}

const run = promisify(execFile);

export interface Session {
  /** Where the commands run, and their HOME. */
  readonly folder: string;
  /** A folder of commands that stands before the system's own. */
  readonly path: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long all commands together may take; 120 if not given. */
  readonly seconds?: number;
}

/** What each command prints, and the status that it leaves. One that waits for input finds none. */
export async function runCommands(
  commands: readonly string[],
  { folder, path, env, seconds = 120 }: Session,
): Promise<Printed[]> {
  const marker = `=====${process.pid}=====`;
  const script = join(folder, '.page.sh');
  // The status of a command is put back behind the marker, for a page that shows `echo $?`. Nobody types faster than that: what a
  // process in the background still says belongs to the command above it.
  const steps = commands.map(
    (text) => `${text}\n_page=$?; sleep 0.4; printf '\\n${marker}%d\\n' $_page; (exit $_page)\n`,
  );
  writeFileSync(script, `stty cols 250 -echo\nexec </dev/null\n${steps.join('')}`);
  const { stdout } = await run('script', ['-qec', `bash --norc --noprofile ${script}`, '/dev/null'], {
    cwd: folder,
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 26,
    env: {
      PATH: `${path}:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: folder,
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      NO_COLOR: '1',
      ...env,
    },
  }).catch((error) => error as { stdout: string });
  // An interactive shell says `Bad system call`, one with a script says where as well.
  // What a line was before it was written over (progress) is not there to be read.
  const parts = stripVTControlCharacters(stdout)
    .replaceAll(/\r+$/gm, '')
    .replaceAll(/^.*\r/gm, '')
    .replaceAll(/^.*\.page\.sh: line \d+: +\d+ (.*?) {2,}.*$/gm, '$1')
    .split(marker);
  return commands.map((_, index) => {
    const text = parts[index];
    const status = Number.parseInt(parts[index + 1] ?? '', 10);
    if (text === undefined || Number.isNaN(status))
      return { status: -1, lines: [...(text ?? '').split('\n'), '(never ended)'] };
    const lines = (index === 0 ? text : text.slice(text.indexOf('\n') + 1)).split('\n');
    return { status, lines: lines.slice(0, -1) };
  });
}
