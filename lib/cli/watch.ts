// Where a watcher begins: a Node process that a launch has put beside the program (native/core/helper.h). Descriptor 3 is the
// listener or the launcher's socket, 4 the job. Nobody starts this by hand.

import { readFileSync } from 'node:fs';
import { abis } from '../linux/abi.ts';
import { loadAddon } from '../native.ts';
import { explainRefusals } from '../supervise/explain.ts';
import { decodeJob } from '../supervise/wire.ts';
import { report } from './report.ts';
import { tellerFor } from './teller.ts';

const CHANNEL = 3;
const TEXT = 4;

let json = false;
try {
  const job = decodeJob(readFileSync(TEXT, 'utf8'));
  json = job.json;
  if (job.kind === 'explain') {
    explainRefusals({
      addon: loadAddon(),
      listener: CHANNEL,
      policy: job.policy,
      abis: job.abis.map((name) => abis[name]),
      main: job.pid,
      suggest: job.suggest,
      teller: tellerFor(job.json),
    });
  }
} catch (error) {
  process.exitCode = report(error, 1, json);
}
