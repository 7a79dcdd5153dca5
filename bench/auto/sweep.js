// `npm run bench:auto -- sweep [--part=1/8] [--only=NAME,…] [--strace]`: programs that nobody chose. Every executable of /usr/bin and
// /usr/sbin, ELF or script, each once, with a few lines that mean no harm to any program, bare and under --auto: output, status and the
// files left behind have to be the same. A line whose bare runs are not the same twice proves nothing and is left out, and counted.
//
// A line that differs because it executes a program that the analysis does not know is asked again with --also naming it: it then has to be
// the same, and is counted apart. All else that differs is listed, and is a fault. `--strace` also holds what strace sees against the
// policy. Needs root, and Debian's bubblewrap and strace.

import { closeSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evaluate, parsePolicy } from '../../dist/lib/index.js';
import { newBox } from './box.js';
import { refusedCalls } from './trace.js';

const FOLDERS = ['/usr/bin', '/usr/sbin'];
const cli = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'sandbox-run.cjs');
const BARE = 5000;
const HELD = 120_000;
/** So often a line is run bare again before it counts as another under --auto. */
const MORE = 5;
const SLOW = 'its analysis takes longer than two minutes here';

const lines = [
  { words: ['--version'] },
  { words: ['--help'] },
  { words: [] },
  { words: [], input: 'text.txt' },
  { words: ['text.txt'] },
  { words: ['--no-such-option'] },
];

/** What is not started at all, by kind, though the box would hold it: what ends or changes the machine, and what starts containers and
 * sandboxes, which the box does not let it. */
const skipped = [
  [
    /^(halt|init|poweroff|reboot|shutdown|telinit|runlevel|kexec|systemd|rtcwake|ctrlaltdel)$/,
    'ends the machine',
  ],
  [
    /^(mkfs|mke2fs|mkswap|fdisk|sfdisk|cfdisk|wipefs|blkdiscard|badblocks|debugfs|resize2fs|tune2fs|fsck|e2fsck)/,
    'writes to disks',
  ],
  [/^(kill|killall5?|pkill|skill|snice|fuser)$/, 'kills'],
  [/^(bwrap|firejail|firemon|firecfg|unshare|runc|crun|podman|buildah|conmon|criu)$/, 'makes sandboxes'],
];
/** Installs, removes or configures: only asked for its help. */
const helpOnly =
  /^(apt|dpkg|deb-|debconf|update-|user|group|add|del|ch?passwd|chfn|chsh|vipw|vigr|systemctl|systemd-|chroot|debootstrap|dd|shred|mount|umount|swap|losetup)/;

export async function sweep(words, part, parts) {
  const option = (name) =>
    words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? undefined;
  const only = option('only')?.split(',');
  const isTraced = words.includes('--strace');
  const box = newBox();
  const count = { programs: 0, lines: 0, same: 0, also: 0, different: 0, killed: 0, beyond: 0 };
  const leftOut = new Map();
  const leave = (why) => leftOut.set(why, (leftOut.get(why) ?? 0) + 1);
  const named = [];
  const faults = [];
  try {
    const programs = executables().filter((path, index) =>
      only === undefined ? index % parts === part - 1 : only.includes(basename(path)),
    );
    for (const path of programs) {
      const reason = skipped.find(([names]) => names.test(basename(path)))?.[1];
      if (reason !== undefined) {
        for (const _ of lines) leave(`not started: ${reason}`);
        continue;
      }
      const compared = [];
      for (const line of lines) {
        if (helpOnly.test(basename(path)) && !/^--(help|version)$/.test(line.words[0] ?? '')) {
          leave('not started: changes the system');
          continue;
        }
        const found = await compare(box, path, line, compared, isTraced);
        if (found.left !== undefined) {
          leave(found.left);
          if (found.left === SLOW) break;
          continue;
        }
        compared.push(found.bare);
        count.lines++;
        const text = `${path} ${line.words.join(' ')}${line.input === undefined ? '' : `< ${line.input}`}`;
        if (found.beyond.length > 0) {
          count.beyond++;
          faults.push({ text, what: `strace sees, and the policy lacks: ${found.beyond.join(' ')}` });
          show(faults.at(-1));
        }
        count[found.verdict]++;
        if (found.isKilled) count.killed++;
        const needs =
          found.also.length > 0 ? `, --also ${found.also.map((one) => basename(one)).join(' ')}` : '';
        console.log(`${found.verdict.padEnd(9)} ${Math.round(found.held.time)} ms ${text}${needs}`);
        if (found.verdict === 'also') named.push(`${text}: ${found.also.join(' ')}`);
        if (found.verdict === 'different') {
          faults.push({ text: `${text}${needs}`, ...found });
          show(faults.at(-1));
        }
      }
      if (compared.length > 0) count.programs++;
    }
  } finally {
    box.remove();
  }
  for (const one of named) console.log(`named with --also: ${one}`);
  if (faults.length > 0) console.log(`faults:\n${faults.map((one) => `  ${one.text}`).join('\n')}`);
  console.log(
    `\n${count.programs} programs, ${count.lines} lines: ${count.same} the same, ${count.also} the same once --also names what they execute, ${count.different} different (${count.killed} killed)${isTraced ? `, ${count.beyond} with a call that strace sees and the policy lacks` : ''}`,
  );
  for (const [why, lines] of [...leftOut].sort()) console.log(`left out: ${lines} lines, ${why}`);
  process.exitCode = count.different + count.beyond > 0 ? 1 : 0;
}

function show({ text, what, bare, held }) {
  console.log(`\nDIFFERS  ${text}`);
  if (what !== undefined) console.log(`  ${what}`);
  for (const [name, run] of Object.entries({ bare, held }))
    if (run !== undefined)
      console.log(
        `  ${name}: ${run.status} ${JSON.stringify(run.output.slice(-300))} ${JSON.stringify(run.errors.slice(-500))}`,
      );
}

/** Starts what follows in the same process, but with other numbers for the processes that it starts. */
const LATER = ['/usr/bin/perl', '-e', 'for (1..9) { fork || exit; wait } exec @ARGV'];

/** One line, bare and held. `left`: why it is left out. */
async function compare(box, path, line, others, isTraced) {
  const bareWords = [path, ...line.words];
  const run = (words, timeout) => box.start(words, { input: line.input, timeout });
  const held = (also, ...flags) =>
    run(
      [
        process.execPath,
        cli,
        '--auto',
        ...also.flatMap((one) => ['--also', one]),
        ...flags,
        '--',
        ...bareWords,
      ],
      HELD,
    );
  const first = run(bareWords, BARE);
  if (first.status === 'SIGKILL') return { left: 'runs longer than five seconds' };
  if (first.status === 128 + 25) return { left: 'writes without an end' };
  if (/^(setpriv|bwrap|prlimit): /.test(first.errors)) return { left: 'cannot be started' };
  if (others.some((one) => isSame(one, first))) return { left: 'does the same as a line before' };
  if (!isSame(first, run([...LATER, ...bareWords], BARE))) return { left: 'differs from run to run' };
  let answer = held([]);
  if (answer.status === 'SIGKILL') return { left: SLOW };
  let verdict = isSame(first, answer) ? 'same' : 'different';
  let also = [];
  let beyond = [];
  if (verdict === 'different') {
    // Past the second, for clocks; and a few times, for what is seldom another (times in hundredths of seconds).
    await new Promise((resolve) => setTimeout(resolve, 1100));
    for (let more = 0; more < MORE; more++)
      if (!isSame(first, run(bareWords, BARE))) return { left: 'differs from run to run' };
    if (isSame(inOrder(first), inOrder(answer))) return { left: 'writes its lines in any order' };
    also = executed(box, run, bareWords);
    if (also.some(isOther)) return { left: 'executes a program for another processor or ABI' };
    const again = also.length > 0 ? held(also) : answer;
    if (isSame(first, again)) verdict = 'also';
    else answer = again;
  }
  if (isTraced && verdict !== 'different') {
    const beyondWith = (more) => callsBeyond(box, run, bareWords, more, held);
    beyond = beyondWith(verdict === 'also' ? also : []);
    // It went on without the program that it could not execute.
    if (beyond.length > 0 && verdict === 'same') {
      also = executed(box, run, bareWords);
      if (also.length > 0) beyond = beyondWith(also);
      if (beyond.length === 0) verdict = 'also';
    }
  }
  // A number that only a death by SIGSYS has; a shell tells of its commands' deaths.
  const isKilled =
    verdict === 'different' && (answer.status === 128 + 31 || answer.errors.includes('Bad system call'));
  return { bare: first, held: answer, verdict, also, beyond, isKilled };
}

const isSame = (a, b) =>
  a.status === b.status && a.output === b.output && a.errors === b.errors && a.files === b.files;

/** Children that run at the same time write in the order that they come. */
const inOrder = (run) => ({ ...run, output: run.output.split('\n').sort().join('\n') });

/** Executed in place of a program that is not there. */
const ANY = '/usr/bin/true';

/** The programs and scripts that a bare run executes, but the first; `ANY` where it looked for some and found none. */
function executed(box, run, words) {
  run(
    [
      'strace',
      '-f',
      '-qq',
      '-s',
      '4096',
      '-e',
      'trace=execve',
      '-e',
      'signal=none',
      '-o',
      'trace.log',
      ...words,
    ],
    4 * BARE,
  );
  const log = box.read('trace.log');
  const paths = [...log.matchAll(/execve\("([^"]+)",.* = 0$/gm)].map(([, path]) => path);
  const found = [...new Set(paths.slice(1))].filter((path) => path.startsWith('/'));
  // Where no program is known the answer is EACCES, whatever it looks for: it is told so only where another can be executed.
  return found.length === 0 && / = -1 ENOENT/.test(log) ? [ANY] : found;
}

/** Calls of a bare run that the policy does not permit. */
function callsBeyond(box, run, words, also, held) {
  run(['strace', '-f', '-qq', '-e', 'raw=all', '-e', 'signal=none', '-o', 'trace.log', ...words], 4 * BARE);
  const log = box.read('trace.log');
  const policy = also.length === 0 && settled?.path === words[0] ? settled.policy : undefined;
  const answer = policy === undefined ? held(also, '--dry-run', '--json') : undefined;
  try {
    const found = policy ?? parsePolicy(JSON.parse(answer.output).policy, { file: words[0] });
    if (
      also.length === 0 &&
      evaluate(found, { call: 'execve', args: [0n, 0n, 0n, 0n, 0n, 0n] }).kind !== 'allow'
    )
      settled = { path: words[0], policy: found };
    return refusedCalls(found, log);
  } catch (error) {
    return [`(no policy: ${answer?.errors.trim()} ${error.message})`];
  }
}

/** The program asked for last, and its policy: the same for all its lines where it starts no other. */
let settled;

/** Programs and scripts, each once, whatever its names. */
function executables() {
  const paths = new Set();
  for (const name of FOLDERS.flatMap((folder) => readdirSync(folder).map((one) => join(folder, one)))) {
    try {
      const path = realpathSync(name);
      const stat = statSync(path);
      if (stat.isFile() && (stat.mode & 0o111) !== 0 && isProgram(path)) paths.add(path);
    } catch {
      // Links to nothing.
    }
  }
  return [...paths].sort();
}

const isElf = (head) => head.readUInt32BE(0) === 0x7f454c46;

function isProgram(path) {
  const head = headOf(path);
  return isElf(head) || head.toString('latin1', 0, 2) === '#!';
}

/** An ELF program that is not one for x86-64, as i386 ones are. */
function isOther(path) {
  const head = headOf(path);
  return isElf(head) && (head[4] !== 2 || head.readUInt16LE(18) !== 62);
}

function headOf(path) {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(20);
    readSync(fd, head, 0, 20, 0);
    return head;
  } finally {
    closeSync(fd);
  }
}
