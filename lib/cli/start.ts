// Where every start begins, and all that a plain run loads: bundled into one file by scripts/build.js. Commands and help
// load the rest.

import { commandNames, runTable } from './options.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { splitWords } from './words.ts';

/** `words`: the command line without node and the script. `load`: brings in the commands. */
export async function start(
  words: readonly string[],
  load: () => Promise<{ main(words: readonly string[]): Promise<number> }>,
): Promise<void> {
  const isJson = words.includes('--json');
  try {
    const split = splitWords(words, runTable);
    const { options, command, separated } = split;
    const isCommand = !separated && (commandNames as readonly string[]).includes(command[0] ?? '');
    if (isCommand || options.help === true || options.version === true) {
      process.exitCode = await (await load()).main(words);
      return;
    }
    run(split);
  } catch (error) {
    process.exitCode = report(error, 125, isJson);
  }
}
