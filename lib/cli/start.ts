// Where every start begins, and all that a plain run loads: bundled into one file by scripts/build.js. Commands and help
// load the rest.

import { type Answerer, analysedPolicy } from './auto.ts';
import { FormatsNeeded, loadFormats } from './files.ts';
import { commandNames, runTable } from './options.ts';
import { report } from './report.ts';
import { run, type WatcherFor } from './run.ts';
import { splitWords } from './words.ts';

/** What is loaded on demand: the commands, the watcher of --explain, and the analysis of --auto. */
export interface Parts {
  main: { main(words: readonly string[]): Promise<number> };
  explained: { watcherFor: WatcherFor };
  learned: { learn(words: readonly string[], help: () => Promise<number>): Promise<number> };
  analyzed: { answer: Answerer };
}

/** `words`: the command line without node and the script. `load`: brings in a part; the commands get the command's name first
 * and then its options, also those that stood before it; or no name, where help or the version is asked for. */
export async function start(
  words: readonly string[],
  load: <Name extends keyof Parts>(part: Name) => Parts[Name],
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
      const help = async () => load('main').main(own);
      // A command that becomes a program has to leave the streams alone.
      const isLearning = isCommand && command[0] === 'learn' && options.help !== true;
      if (isCommand && command[0] === 'preload' && options.help !== true) {
        const inner = splitWords(own.slice(1), runTable);
        if (inner.options.help !== true)
          return await runWithFormats({ ...inner, options: { ...inner.options, preload: true } });
      }
      process.exitCode = isLearning ? await load('learned').learn(own.slice(1), help) : await help();
      return;
    }
    const watcherFor = options.explain === true ? load('explained').watcherFor : undefined;
    const analysed = options.auto === true ? analysedPolicy(split, () => load('analyzed').answer) : undefined;
    await runWithFormats(split, watcherFor, analysed);
  } catch (error) {
    process.exitCode = report(error, 125, isJson);
  }
}

/** Runs; other formats than our own are loaded where a policy turns out to need them. */
async function runWithFormats(...words: Parameters<typeof run>): Promise<void> {
  try {
    run(...words);
  } catch (error) {
    if (!(error instanceof FormatsNeeded)) throw error;
    await loadFormats();
    run(...words);
  }
}
