// Where a watcher begins: a Node process that a launch has put beside the program (native/core/helper.h). Descriptor 3 is the
// listener or the launcher's socket, 4 the job. Nobody starts this by hand.

import { readFileSync, writeFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { abis } from '../linux/abi.ts';
import { loadAddon } from '../native.ts';
import { printable } from '../supervise/decode.ts';
import { explainRefusals } from '../supervise/explain.ts';
import { record } from '../supervise/record.ts';
import type { RecordedCall } from '../supervise/recording.ts';
import { exactCondition } from '../supervise/shape.ts';
import { decodeJob, type LearnJob } from '../supervise/wire.ts';
import { nativeAbi } from './machine.ts';
import { report, writeAll } from './report.ts';
import { tellerFor } from './teller.ts';
import { writeLearnt } from './written.ts';

const CHANNEL = 3;
const TEXT = 4;

let json = false;
try {
  const job = decodeJob(readFileSync(TEXT, 'utf8'));
  json = job.json;
  if (job.kind === 'learn') {
    watchLearning(job);
  } else {
    explainRefusals({
      addon: loadAddon(),
      listener: CHANNEL,
      policy: job.policy,
      later: job.later,
      untraced: job.untraced,
      abis: job.abis.map((name) => abis[name]),
      main: job.pid,
      suggest: job.suggest,
      teller: tellerFor(job.json, loadAddon(), job.descriptor),
    });
  }
} catch (error) {
  process.exitCode = report(error, 1, json);
}

/** What was seen goes into files; what is said goes to standard error. */
function watchLearning(job: LearnJob): void {
  const progress = isatty(2) && !job.json ? progressLine() : undefined;
  record({
    addon: loadAddon(),
    native: nativeAbi().name,
    channel: CHANNEL,
    process: job.pid,
    command: job.command,
    granted: job.granted,
    fast: job.fast,
    every: progress === undefined ? 0 : 1000,
    tick: (calls, rows) => progress?.show(calls, rows),
    done(recording) {
      progress?.clear();
      if (job.verify === undefined) writeLearnt([recording], job.writes, 2, job.json);
      else writeFileSync(job.verify, refusedText(recording.calls, job.json));
    },
  });
}

/** How many calls, how many different uses, how many of them new in the last second. */
function progressLine() {
  let before = 0;
  let isShown = false;
  return {
    show(calls: number, rows: number) {
      writeAll(2, `\r${calls} calls, ${rows} kinds, ${rows - before} new\u001b[K`);
      before = rows;
      isShown = true;
    },
    clear() {
      if (isShown) writeAll(2, '\r\u001b[K');
      isShown = false;
    },
  };
}

/** For --verify: what was recorded is what would have been refused. */
function refusedText(calls: readonly RecordedCall[], json: boolean): string {
  const kinds = new Map<string, { call: string; count: number; programs: Set<string> }>();
  for (const row of calls) {
    const abi = abis[row.abi];
    const args = Array.from({ length: 6 }, (_, index) => row.args[index] ?? 0n);
    const condition = row.args.length === 0 ? undefined : exactCondition(row.call, abi, args);
    const call = condition === undefined ? row.call : `${row.call}(${condition})`;
    const key = `${row.abi} ${call}`;
    const kind = kinds.get(key) ?? { call, count: 0, programs: new Set<string>() };
    kind.count += row.count;
    kind.programs.add(row.program);
    kinds.set(key, kind);
  }
  const found = [...kinds.values()].sort((a, b) => b.count - a.count);
  return found
    .map(({ call, count, programs }) =>
      json
        ? `${JSON.stringify({ event: 'would-refuse', call, count, programs: [...programs] })}\n`
        : `sandbox-run: would be refused: ${call}, ${count}×, by ${[...programs].map(printable).join(', ')}\n`,
    )
    .join('');
}
