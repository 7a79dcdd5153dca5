// `--explain`: the run of run.ts with a watcher beside it. Loaded only when it is asked for.

import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { Program } from '../bpf/instruction.ts';
import type { InPlaceLaunch } from '../launch/in-place.ts';
import type { Abi } from '../linux/abi.ts';
import { loadAddon, watchScript } from '../native.ts';
import type { Policy } from '../policy/model.ts';
import { whyNotTraced } from '../supervise/answer.ts';
import { encodeJob } from '../supervise/wire.ts';
import type { RunWords } from './options.ts';
import { writeAll } from './report.ts';

// include/uapi/linux/seccomp.h; include/uapi/linux/bpf_common.h.
const RET_USER_NOTIF = 0x7fc00000;
const RET_KILL_PROCESS = 0x80000000;
const RET_KILL_THREAD = 0x00000000;
const RET_TRAP = 0x00030000;
const RET_ERRNO = 0x00050000;
const RETURN_CONSTANT = 0x06;

const actionOf = (k: number) => (k & 0xffff0000) >>> 0;

/** The proved program with these answers handed to a listener: same tests, same way through them, another answer. */
export function watchedProgram(program: Program, actions: ReadonlySet<number>): Program {
  return program.map((one) =>
    one.code === RETURN_CONSTANT && actions.has(actionOf(one.k)) ? { ...one, k: RET_USER_NOTIF } : one,
  );
}

/** What can be told here: kill-thread and trap only where a watcher can trace (lib/supervise/answer.ts). */
function toldActions(program: Program): ReadonlySet<number> {
  const always = [RET_KILL_PROCESS, RET_ERRNO];
  const traced = [RET_KILL_THREAD, RET_TRAP];
  const needed = program.some((one) => one.code === RETURN_CONSTANT && traced.includes(actionOf(one.k)));
  const why = needed ? whyNotTraced(loadAddon()) : undefined;
  if (why === undefined) return new Set([...always, ...traced]);
  writeAll(2, `sandbox-run: kill-thread and trap cannot be told here: ${why}; they are done all the same\n`);
  return new Set(always);
}

/** The watcher for this launch; undefined where there can be none, which has been said then. */
export function watcherFor(
  options: RunWords,
  policy: Policy,
  abis: readonly Abi[],
  filters: readonly Program[],
  command: readonly string[],
): InPlaceLaunch['helper'] {
  const [only, second] = filters;
  if (only === undefined || second !== undefined) {
    writeAll(
      2,
      `sandbox-run: refusals cannot be explained: the policy needs ${filters.length} filters, and one can have a listener; it applies all the same\n`,
    );
    return undefined;
  }
  return {
    script: watchScript(),
    words: [],
    watched: watchedProgram(only, toldActions(only)),
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
