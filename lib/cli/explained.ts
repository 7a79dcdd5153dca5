// `--explain`: the run of run.ts with a watcher beside it. Loaded only when it is asked for.

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import { singleFilter } from '../launch/asked.ts';
import type { Phases } from '../launch/filters.ts';
import type { InPlaceLaunch } from '../launch/in-place.ts';
import { watchedProgram } from '../launch/watched.ts';
import { watchedLater } from '../launch/watched-later.ts';
import { type Abi, abis as knownAbis } from '../linux/abi.ts';
import { loadAddon, probeKinds, watchScript } from '../native.ts';
import type { Policy } from '../policy/model.ts';
import { readThread } from '../supervise/process.ts';
import { encodeJob } from '../supervise/wire.ts';
import type { RunWords } from './options.ts';
import { writeAll } from './report.ts';

/** What the watcher changes of this launch; nothing where there can be none, which has been said then. */
export function watcherFor(
  options: RunWords,
  policy: Policy,
  abis: readonly Abi[],
  phases: Phases,
  command: readonly string[],
): Partial<InPlaceLaunch> {
  // This is another bundle than the caller's: its ABIs are other objects.
  const own = abis.map((abi) => knownAbis[abi.name]);
  const { later } = phases;
  const addon = loadAddon();
  // The program will have them, too.
  const filtersNow = later === undefined ? undefined : readThread(process.pid).filters;
  if (later !== undefined) {
    // Nothing has been installed yet, and afterwards would be too late: what begins later is then only a mark.
    const [listener, ended] = addon.probe(probeKinds.listener, 0);
    if (ended !== 0 || listener < 0) return none(`a filter gets no listener here (errno ${-listener})`);
    if (filtersNow === undefined)
      return none(
        'the kernel does not count filters (Linux 5.9, and /proc), and the policy begins later than exec',
      );
  }
  const whole = later === undefined ? undefined : watchedLater(policy, own);
  const [first, second] = phases.filters;
  const only =
    whole?.filter ??
    (later === undefined ? (second === undefined ? first : singleFilter(policy, own)) : undefined);
  if (only === undefined) {
    return none('the policy needs several filters, and one can have a listener');
  }
  const watched = watchedProgram(only, addon);
  if (watched.isUntold) {
    const what = 'refusals by kill-thread and trap cannot be told here';
    writeAll(2, `sandbox-run: ${what}: ${watched.untraced}; the policy applies all the same\n`);
  }
  const job = encodeJob({
    kind: 'explain',
    pid: process.pid,
    command,
    json: options.json === true || !isatty(2),
    policy: whole?.start ?? policy,
    ...(whole === undefined || filtersNow === undefined
      ? {}
      : { later: { policy: whole.main, filters: filtersNow + 1, isPhase: policy.main !== undefined } }),
    abis: abis.map((abi) => abi.name),
    ...(watched.untraced === undefined ? {} : { untraced: watched.untraced }),
    ...(options.suggest === undefined ? {} : { suggest: resolve(options.suggest) }),
  });
  return {
    helper: { script: watchScript(), words: [], watched: watched.program, text: job },
    ...(whole === undefined || later === undefined ? {} : { later: { at: later.at, filters: whole.mark } }),
  };
}

function none(why: string): Partial<InPlaceLaunch> {
  writeAll(2, `sandbox-run: refusals cannot be explained: ${why}; the policy applies all the same\n`);
  return {};
}
