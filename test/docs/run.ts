// A page held against what its commands print.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, matches, type Page } from './page.ts';
import { runCommands, type Session } from './session.ts';

export interface Different {
  readonly line: number;
  readonly command: string;
  readonly shown: string;
  readonly printed: string;
}

/** Writes the page's files and runs its commands, in order; what was printed otherwise than shown. */
export async function differences(page: Page, session: Session): Promise<readonly Different[]> {
  const found: Different[] = [];
  let commands: Command[] = [];
  const runThem = async () => {
    const printed = await runCommands(
      commands.map(({ text }) => text),
      session,
    );
    for (const [index, { line, text, output }] of commands.entries())
      if (!matches(output, printed[index]!.lines))
        found.push({
          line,
          command: text,
          shown: output.join('\n'),
          printed: printed[index]!.lines.join('\n'),
        });
    commands = [];
  };
  for (const step of page.steps) {
    if (step.kind === 'command') {
      commands.push(step);
      continue;
    }
    // A file is written when the page comes to it: commands above may have been about another one of its name.
    if (commands.length > 0) await runThem();
    const file = join(session.folder, step.name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, step.text);
  }
  if (commands.length > 0) await runThem();
  return found;
}
