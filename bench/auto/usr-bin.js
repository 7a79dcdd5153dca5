// `npm run bench:auto -- usr-bin [--part=1/8] [--plain]`: all ELF programs of /usr/bin, or the first of each eight: how many calls are
// permitted, in the whole process and after main, each program for itself (what it executes would have to be named with --also).
// `--plain`: those of a fresh Debian 12 (plain.js).
// Callander, which refuses programs that execute others, on 319 programs of Debian 12: mean 56, median 48.

import { closeSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './ask.js';

const FOLDER = '/usr/bin';

export async function usrBin(part, parts) {
  const programs = elfPrograms().filter((_, index) => index % parts === part - 1);
  const found = [];
  const failures = new Map();
  const queue = [...programs];
  const work = async () => {
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const one = await ask(path, ['@none']);
      if (one.whole === undefined) {
        const why = one.error.replaceAll(/\/\S+/g, 'FILE');
        failures.set(why, [...(failures.get(why) ?? []), path]);
      } else found.push(one);
    }
  };
  await Promise.all([work(), work()]);
  console.log(`${programs.length} ELF programs in ${FOLDER}, ${found.length} analysed`);
  for (const [why, paths] of failures) console.log(`not analysed: ${paths.length}, ${why} (${paths[0]})`);
  summary('all', found);
  summary(
    'those that execute no other program',
    found.filter((one) => !one.executes),
  );
  line('CPU seconds', found, (one) => one.seconds);
  line('MB', found, (one) => one.megabytes);
}

function summary(what, found) {
  const later = (one) => one.main ?? one.whole;
  const told = found.filter((one) => one.main !== undefined);
  const share = (count, of) => `${Math.round((100 * count) / Math.max(of, 1))} %`;
  const sum = (pick) => found.reduce((total, one) => total + pick(later(one)), 0);
  console.log(`\n${what}: ${found.length}, start-up told apart in ${told.length}`);
  line('calls, whole process', found, (one) => one.whole.calls);
  line('calls after main', found, (one) => later(one).calls);
  line('rules after main', found, (one) => later(one).rules);
  console.log(
    `arguments held to values after main: ${share(
      sum((one) => one.args.constrained),
      sum((one) => one.args.asked),
    )} of those with named values, ${share(
      sum((one) => one.args.constrained),
      sum((one) => one.args.all),
    )} of all`,
  );
  console.log(
    `no memory can be mapped executable after main: ${share(found.filter((one) => !later(one).mapsExecutable).length, found.length)}`,
  );
  console.log(
    `no memory that was written can be executed after main: ${share(found.filter((one) => !later(one).runsWritten).length, found.length)}`,
  );
  console.log(
    `a number that is not known: ${share(found.filter((one) => one.isUnknown).length, found.length)}`,
  );
}

/** Each once, whatever its names. */
function elfPrograms() {
  const paths = new Set();
  for (const name of readdirSync(FOLDER)) {
    try {
      const path = realpathSync(join(FOLDER, name));
      const fd = openSync(path, 'r');
      const head = Buffer.alloc(20);
      readSync(fd, head, 0, 20, 0);
      closeSync(fd);
      if (head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2) paths.add(path);
    } catch {
      // Links to nothing.
    }
  }
  return [...paths].sort();
}

function line(what, list, pick) {
  const values = list.map(pick).sort((a, b) => a - b);
  if (values.length === 0) return;
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  const at = (share) => values[Math.min(values.length - 1, Math.floor(values.length * share))];
  const text = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1));
  console.log(
    `${what}: mean ${text(mean)}, median ${text(at(0.5))}, from ${text(values[0])} to ${text(values.at(-1))}, nine of ten at most ${text(at(0.9))}`,
  );
}
