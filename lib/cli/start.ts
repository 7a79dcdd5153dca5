// Where every start begins, and all that a plain run loads: bundled into one file by scripts/build.js. Commands and help
// load the rest.

import { commandNames, runTable } from './options.ts';
import { filtersFor } from '../launch/filters.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { nativeAbi, policyFrom } from './sources.ts';
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

/** For the build: does what a run does up to the launch, then hands over, so that V8's code for it can be kept. */
export function warmUp(done: () => void): void {
  const words = splitWords(['--allow', 'read,write', '--rule', WARM_UP_RULE, '--', 'true'], runTable);
  filtersFor(policyFrom(words.options, {}), [nativeAbi()]);
  done();
}

const WARM_UP_RULE = 'errno EPERM clone(flags & CLONE_NEWUSER), socket(domain in {1, 2..4, 10}), lseek(offset < -1)';
