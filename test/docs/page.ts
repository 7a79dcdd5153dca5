// Documentation that is run: the commands and files that a Markdown page shows, in their order. What counts:
//
// - a fenced block `console`: a line that begins with `$ ` is a command (`> ` continues it), and what follows up to the next
//   one is all that it prints, on either stream. In it `…` stands for anything within the line, and a line that is
//   just `…` for any lines, or none.
// - a fenced block of any language with `file=NAME` behind the language: the page's reader writes that file.
// - `in=NAME` behind the language: another suite, which has what it needs (containers), runs it.

export interface Command {
  readonly kind: 'command';
  readonly line: number;
  readonly text: string;
  readonly output: readonly string[];
}
export interface File {
  readonly kind: 'file';
  readonly line: number;
  readonly name: string;
  readonly text: string;
}
export interface Page {
  readonly steps: readonly (Command | File)[];
  /** Lines of blocks and indented text that look like commands, and that nothing would run. */
  readonly notRun: readonly { readonly line: number; readonly text: string }[];
}

const shells = new Set(['sh', 'bash', 'shell', 'zsh']);
const looksLikeACommand =
  /^(\$ |(sudo )?(npx )?sandbox-run\b|npm |podman |docker |kubectl |apt-get |LD_PRELOAD=|SECCOMP_\w+=)/;

/** Reads a page; `suite` chooses the blocks with `in=SUITE`, else those without. */
export function readPage(markdown: string, suite?: string): Page {
  const steps: (Command | File)[] = [];
  const notRun: { line: number; text: string }[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(`{3,})(\S*)\s*(.*)$/.exec(lines[at]!);
    if (fence === null) {
      if (/^ {4}/.test(lines[at]!) && looksLikeACommand.test(lines[at]!.trim()))
        notRun.push({ line: at + 1, text: lines[at]!.trim() });
      continue;
    }
    const [, ticks, language, rest] = fence;
    const end = lines.indexOf(ticks!, at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: this block is never closed`);
    const words = new Map(
      rest!.split(/\s+/).map((word) => word.split('=', 2) as [string, string | undefined]),
    );
    const body = lines.slice(at + 1, end);
    if (words.get('in') === suite) {
      const name = words.get('file');
      if (name !== undefined) steps.push({ kind: 'file', line: at + 1, name, text: `${body.join('\n')}\n` });
      else if (language === 'console') steps.push(...commandsOf(body, at + 2));
    }
    if (shells.has(language!) && !words.has('file'))
      for (const [index, text] of body.entries())
        if (text.trim() !== '' && !text.trim().startsWith('#')) notRun.push({ line: at + 2 + index, text });
    at = end;
  }
  return { steps, notRun };
}

function commandsOf(body: readonly string[], firstLine: number): Command[] {
  const commands: { kind: 'command'; line: number; text: string; output: string[] }[] = [];
  for (const [index, text] of body.entries()) {
    const last = commands.at(-1);
    if (text.startsWith('$ '))
      commands.push({ kind: 'command', line: firstLine + index, text: text.slice(2), output: [] });
    else if (last === undefined) throw new Error(`line ${firstLine + index}: output before any command`);
    else if (text.startsWith('> ') && last.output.length === 0) last.text += `\n${text.slice(2)}`;
    else last.output.push(text);
  }
  return commands;
}

/** Whether what was printed is what the page shows; see above for `…`. Trailing blanks and blank lines at the end do not count. */
export function matches(shown: readonly string[], printed: readonly string[]): boolean {
  const pattern = trimmed(shown).map((line) =>
    line.trim() === '…' ? '(?:[^\n]*\n)*?' : `${line.split('…').map(quoted).join('[^\n]*')}\n`,
  );
  const text = trimmed(printed).map((line) => `${line}\n`);
  return new RegExp(`^${pattern.join('')}$`, 'u').test(text.join(''));
}

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');

function trimmed(lines: readonly string[]): string[] {
  const all = lines.map((line) => line.trimEnd());
  while (all.at(-1) === '') all.pop();
  return all;
}
