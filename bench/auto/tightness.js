// `npm run bench:auto -- tightness`: how many calls are permitted, beside what others have measured on Debian 12: Callander after
// main, and what strace saw in one run (the whole process). `own`: without the programs that it can execute; with them is what --auto permits.

import { ask } from './ask.js';

/** Program; Callander's policy after main; calls of one run. */
const programs = [
  ['true', 41, 17],
  ['cat', 43, 21],
  ['ls', 87, 30],
  ['sort', 70, 31],
  ['grep', 46, 22],
  ['bash', 111, 40],
  ['sqlite3', 118, 25],
  ['nginx', 126, 18],
  ['curl', 128, 63],
  ['redis-server', 133, 30],
  ['rg', 105, 26],
  ['fzf', undefined, 30],
  ['busybox', undefined, 14],
  ['python3.11', 208, 32],
];

/** What a plain Debian 12 has to get for them. */
export const packages = [
  'sqlite3',
  'nginx-light',
  'curl',
  'redis-server',
  'ripgrep',
  'fzf',
  'busybox-static',
  'python3.11-minimal',
  'libpython3.11-stdlib',
];

export async function tightness() {
  console.log('program        own: whole  after main  | with programs  Callander  strace   CPU s   MB');
  for (const [name, callander, traced] of programs) {
    const own = await ask(name, ['@none']);
    if (own.whole === undefined) {
      console.log(`${name.padEnd(15)}${own.error}`);
      continue;
    }
    const all = own.executes ? await ask(name, []) : own;
    const cells = [
      [own.whole.calls, 10],
      [own.main?.calls ?? '-', 12],
      [all.whole?.calls ?? '-', 16],
      [callander ?? '-', 11],
      [traced, 8],
      [own.seconds.toFixed(1), 8],
      [Math.round(own.megabytes), 5],
    ];
    console.log(name.padEnd(15) + cells.map(([value, width]) => String(value).padStart(width)).join(''));
  }
}
