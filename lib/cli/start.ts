// Where every start begins, and all that a plain run loads: bundled into one file by scripts/build.js. Commands and help
// load the rest.

import { FormatsNeeded, loadFormats } from './files.ts';
import { commandNames, runTable } from './options.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { splitWords } from './words.ts';

/** `words`: the command line without node and the script. `load`: brings in the commands, which get the command's name first
 * and then its options, also those that stood before it; or no name, where help or the version is asked for. */
export async function start(
  words: readonly string[],
  load: () => Promise<{ main(words: readonly string[]): Promise<number> }>,
): Promise<void> {
  // Until it is known where our own words end: those of a program may contain --json, too.
  let isJson = words.includes('--json') && !words.includes('--');
  try {
    const split = splitWords(words, runTable);
    const { options, command, separated } = split;
    isJson = options.json === true;
    const isCommand = !separated && (commandNames as readonly string[]).includes(command[0] ?? '');
    if (isCommand || options.help === true || options.version === true) {
      const before = words.slice(0, words.length - command.length);
      const own = isCommand ? [command[0]!, ...before, ...command.slice(1)] : before;
      process.exitCode = await (await load()).main(own);
      return;
    }
    try {
      run(split);
    } catch (error) {
      if (!(error instanceof FormatsNeeded)) throw error;
      await loadFormats();
      run(split);
    }
  } catch (error) {
    process.exitCode = report(error, 125, isJson);
  }
}
