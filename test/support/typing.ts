// A shell on a terminal of its own, and somebody who types: what stands on its line afterwards, and what it showed meanwhile.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { temporaryFolder } from './temporary.ts';

/** How a shell is started, and told to write its line to a file when ^T is typed. */
export interface Typist {
  readonly command: string;
  /** Lines that it reads first. `file`: where the line goes. */
  prepare(file: string): readonly string[];
}

export const typists = {
  bash: {
    command: 'bash --norc --noprofile -i',
    prepare: (file) => [
      "bind 'set show-all-if-ambiguous on' 'set page-completions off' 'set bell-style none'",
      "bind 'set completion-query-items 0'; bind 'set enable-bracketed-paste off'",
      `bind -x '"\\C-t": printf "%s" "$READLINE_LINE" >${file}.new; mv ${file}.new ${file}'`,
    ],
  },
  zsh: {
    command: 'zsh -f -i',
    prepare: (file) => [
      'autoload -U compinit; compinit -u -D; LISTMAX=10000; unsetopt beep; PS1="> "',
      `dump() { print -rn -- "$BUFFER" >${file}.new; mv ${file}.new ${file} }; zle -N dump; bindkey '^T' dump`,
    ],
  },
} as const satisfies Record<string, Typist>;

export interface Seen {
  /** The line after the last key. */
  readonly line: string;
  /** What the terminal got since the first. */
  readonly screen: string;
}

export interface Typing {
  /** Types onto an empty line. */
  keys(text: string): Promise<Seen>;
  end(): void;
}

/** Starts the shell in an environment of PATH alone, and has it read the lines. */
export async function typing(typist: Typist, lines: readonly string[], path: string): Promise<Typing> {
  const folder = temporaryFolder('typing');
  const file = join(folder, 'line');
  const child: ChildProcessWithoutNullStreams = spawn('script', ['-qefc', typist.command, '/dev/null'], {
    env: { PATH: path, TERM: 'xterm', HOME: folder, COLUMNS: '200', LINES: '60' },
    cwd: folder,
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  child.stdin.on('error', () => {});
  const until = async (isDone: () => boolean, what: string) => {
    for (let waited = 0; !isDone(); waited += 20) {
      if (waited > 20_000) throw new Error(`${typist.command}: ${what} did not come; the screen: ${screen}`);
      await after(20);
    }
  };
  // In pieces that it is told of, because what is typed before a shell reads may be lost.
  const tell = async (line: string, number: number) => {
    child.stdin.write(`${line}; echo READ=${number}=\n`);
    await until(() => new RegExp(`[\\r\\n]READ=${number}=`).test(screen), `the answer to ${line}`);
  };
  await after(200);
  for (const [number, line] of [...typist.prepare(file), ...lines].entries()) await tell(line, number);
  return {
    async keys(text) {
      rmSync(file, { force: true });
      screen = '';
      child.stdin.write(`${text}\x14`);
      await until(() => existsSync(file), `the line after ${JSON.stringify(text)}`);
      const line = readFileSync(file, 'utf8');
      // Throws the line away.
      child.stdin.write('\x05\x15');
      await after(50);
      return { line, screen };
    },
    end() {
      child.kill('SIGKILL');
      child.stdin.destroy();
    },
  };
}
