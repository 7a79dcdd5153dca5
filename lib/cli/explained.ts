// `--explain`: the run of run.ts with a watcher beside it. Loaded only when it is asked for.

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { Program } from '../bpf/instruction.ts';
import { singleFilter } from '../launch/asked.ts';
import type { InPlaceLaunch } from '../launch/in-place.ts';
import { watchedProgram } from '../launch/watched.ts';
import { type Abi, abis as knownAbis } from '../linux/abi.ts';
import { loadAddon, watchScript } from '../native.ts';
import type { Policy } from '../policy/model.ts';
import { encodeJob } from '../supervise/wire.ts';
import type { RunWords } from './options.ts';
import { writeAll } from './report.ts';

/** The watcher for this launch; undefined where there can be none, which has been said then. */
export function watcherFor(
  options: RunWords,
  policy: Policy,
  abis: readonly Abi[],
  filters: readonly Program[],
  command: readonly string[],
): InPlaceLaunch['helper'] {
  const [first, second] = filters;
  // This is another bundle than the caller's: its ABIs are other objects.
  const own = abis.map((abi) => knownAbis[abi.name]);
  const only = second === undefined ? first : singleFilter(policy, own);
  if (only === undefined) {
    writeAll(
      2,
      `sandbox-run: refusals cannot be explained: the policy needs ${filters.length} filters, and one can have a listener; it applies all the same\n`,
    );
    return undefined;
  }
  const watched = watchedProgram(only, loadAddon());
  if (watched.untold !== undefined) {
    const what = 'refusals by kill-thread and trap cannot be told here';
    writeAll(2, `sandbox-run: ${what}: ${watched.untold}; the policy applies all the same\n`);
  }
  return {
    script: watchScript(),
    words: [],
    watched: watched.program,
    text: encodeJob({
      kind: 'explain',
      pid: process.pid,
      command,
      json: options.json === true || !isatty(2),
      policy,
      abis: abis.map((abi) => abi.name),
      ...(options.suggest === undefined ? {} : { suggest: resolve(options.suggest) }),
    }),
  };
}
