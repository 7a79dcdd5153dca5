// `completion`: a script for a shell, and the answers that such a script asks for while somebody types.

import { UsageError } from '../../errors.ts';
import type { Command } from '../command.ts';
import { completeLine } from '../complete/line.ts';
import { answerText, type Shell, scripts, shells } from '../complete/shells.ts';
import { loadFormats } from '../files.ts';
import { writeAll } from '../report.ts';

/** `commands`: all of them, this one too. */
export const completion = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  usage: `${shells.join('|')} | answer -- WORD…`,
  help: 'Print a completion script for a shell, or what may stand in the place of the last word',
  options: [],
  operands: shells,
  examples: [
    ['source <($0 completion bash)', 'in ~/.bashrc'],
    ['$0 completion zsh > ~/.zfunc/_sandbox-run', 'a folder of your $fpath'],
    ['$0 completion fish > ~/.config/fish/completions/sandbox-run.fish', 'is found there'],
  ],
  async run({ words }) {
    const [shell, ...more] = words;
    if (shell === 'answer') {
      const { formats } = await loadFormats();
      const names = formats.map(({ name }) => name);
      writeAll(1, answerText(completeLine(more, commands(), names)));
      return 0;
    }
    if (more.length > 0 || !(shells as readonly (string | undefined)[]).includes(shell)) {
      throw new UsageError(
        `completion: expected ${shells.slice(0, -1).join(', ')} or ${shells.at(-1)}, found ${words.join(' ') || 'nothing'}`,
      );
    }
    writeAll(1, scripts[shell as Shell]);
    return 0;
  },
});
