// `npm run bench:auto [-- WORD …]`: each command line bare and under --auto, in fresh copies of the same folder. Output, exit status
// and signal have to be the same, and every call that strace sees has to be permitted with the arguments that it had. WORDs choose lines that contain one.
// `servers` leaves out all lines but servers (server-list.js); `warm` alone measures starts whose answer is kept (warm.js); `tightness` and `usr-bin` count calls (tightness.js, usr-bin.js);
// `sweep` compares programs that nobody chose (sweep.js).
// Needs Debian's strace, and the programs of lines.js; a program that is missing is said. `--at=main`: the filter of each line's
// own program gets narrower when main begins. `--part=2/3`: only the second of each three lines.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parsePolicy } from '../../dist/lib/index.js';
import { lines } from './lines.js';
import { inPlainDebian } from './plain.js';
import { furtherServers, servers } from './server-list.js';
import { compareServer, lacking } from './servers.js';
import { sweep } from './sweep.js';
import { packages, tightness } from './tightness.js';
import { refusedCalls } from './trace.js';
import { usrBin } from './usr-bin.js';
import { warmTable } from './warm.js';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '..', '..', 'bin', 'sandbox-run.cjs');
const scratch = mkdtempSync(join(tmpdir(), 'sandbox-run-auto-'));
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: scratch,
  LC_ALL: 'C.UTF-8',
  XDG_CACHE_HOME: join(scratch, 'cache'),
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'a'],
      [`GIT_${who}_EMAIL`, 'a@b'],
      [`GIT_${who}_DATE`, '2020-01-01T00:00:00Z'],
    ]),
  ),
};
const wanted = process.argv.slice(2);
const traced = !wanted.includes('--no-strace');
const [part = 1, parts = 1] = (wanted.find((word) => word.startsWith('--part=')) ?? '')
  .slice('--part='.length)
  .split('/')
  .filter((word) => word !== '')
  .map(Number);
const place = wanted.includes('--at=main') ? ['--at', 'main'] : [];
const isServersOnly = wanted[0] === 'servers';
const chosen = (isServersOnly ? [] : lines)
  .filter((line) => wanted.every((word) => word.startsWith('--') || line.words.join(' ').includes(word)))
  .filter((_, index) => index % parts === part - 1);

const others = {
  tightness,
  'usr-bin': () => usrBin(part, parts),
  sweep: () => sweep(wanted, part, parts),
};
if (Object.hasOwn(others, wanted[0] ?? '')) {
  rmSync(scratch, { recursive: true });
  if (wanted.includes('--plain'))
    inPlainDebian(
      wanted.filter((word) => word !== '--plain'),
      wanted[0] === 'tightness' ? packages : [],
    );
  else await others[wanted[0]]();
  process.exit();
}

/** Calls that differ from run to run are no difference: addresses, times and numbers of processes in the output. */
const settle = (text) => text.replaceAll(/sandbox-run-auto-\w+/g, 'FOLDER');

function start(words, line, folder) {
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(scratch, 'data'), folder, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
  });
  const [program, ...rest] = words.map((word) => word.replaceAll('@PWD@', folder));
  const before = performance.now();
  const result = spawnSync(program, rest, {
    cwd: folder,
    env: environment,
    input: line.input === undefined ? '' : readFileSync(join(folder, line.input)),
    timeout: 120_000,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
  });
  return {
    status: result.signal ?? result.status,
    output: settle(result.stdout?.toString('latin1') ?? ''),
    errors: settle(result.stderr?.toString('latin1') ?? ''),
    time: performance.now() - before,
  };
}

try {
  if (wanted[0] === 'warm') {
    warmTable();
    process.exit();
  }
  const prepared = join(scratch, 'data');
  spawnSync('mkdir', ['-p', prepared]);
  const made = spawnSync('sh', [join(here, 'prepare.sh'), prepared], { env: environment, stdio: 'inherit' });
  if (made.status !== 0) throw new Error('the data could not be prepared');
  let same = 0;
  let killed = 0;
  let missing = 0;
  let outside = 0;
  const failures = [];
  for (const line of chosen) {
    const text = `${line.flags.length > 0 ? `[${line.flags.join(' ')}] ` : ''}${line.words.join(' ')}`;
    const folder = join(scratch, 'here');
    const bare = start(line.words, line, folder);
    if (bare.status === null || bare.status === 127) {
      missing++;
      console.log(`missing  ${text}`);
      continue;
    }
    const held = start(
      [process.execPath, cli, '--auto', ...place, ...line.flags, '--', ...line.words],
      line,
      folder,
    );
    const isSame = bare.status === held.status && bare.output === held.output && bare.errors === held.errors;
    // A line whose output changes by itself proves nothing; it is run once more bare.
    const again = isSame ? bare : start(line.words, line, folder);
    const isUnsteady =
      !isSame &&
      (again.output !== bare.output || again.errors !== bare.errors) &&
      bare.status === held.status;
    let beyond = [];
    if (traced) beyond = callsBeyond(line, folder);
    if (held.status === 'SIGSYS') killed++;
    if (beyond.length > 0) outside++;
    if (isSame || isUnsteady) same++;
    const verdict =
      held.status === 'SIGSYS' ? 'KILLED' : isSame ? 'same' : isUnsteady ? 'unsteady' : 'DIFFERS';
    console.log(
      `${verdict.padEnd(8)} ${Math.round(held.time)} ms ${text}${beyond.length > 0 ? `  NOT PERMITTED: ${beyond.join(' ')}` : ''}`,
    );
    if (!isSame && !isUnsteady) failures.push({ text, bare, held });
  }
  const served = [...servers, ...furtherServers].filter((server) =>
    wanted.slice(isServersOnly ? 1 : 0).every((word) => word.startsWith('--') || server.name.includes(word)),
  );
  let sameServers = 0;
  let allServers = 0;
  for (const server of served) {
    const without = lacking(server);
    if (without.length > 0) {
      missing++;
      console.log(`missing  serving: ${server.name} (${without.join(', ')})`);
      continue;
    }
    for (const { name, same: isSame, bare, held } of await compareServer(server)) {
      allServers++;
      if (isSame) sameServers++;
      else
        failures.push({
          text: name,
          bare: { status: JSON.stringify(bare), errors: '' },
          held: { status: JSON.stringify(held), errors: '' },
        });
      console.log(`${(isSame ? 'same' : 'DIFFERS').padEnd(8)} serving: ${name}`);
    }
  }
  for (const { text, bare, held } of failures) {
    console.log(
      `\n${text}\n  bare: ${bare.status} ${bare.errors.slice(0, 300)}\n  held: ${held.status} ${held.errors.slice(0, 500)}`,
    );
  }
  console.log(
    `\n${chosen.length - missing} lines: ${same} the same, ${killed} killed, ${outside} with a call that strace sees and the policy lacks; ${missing} programs missing; ${sameServers} of ${allServers} servers the same`,
  );
  process.exitCode = failures.length + outside > 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Calls of a bare run that the policy does not permit, with their arguments as strace saw them. */
function callsBeyond(line, folder) {
  const log = join(scratch, 'trace');
  start(
    ['strace', '-f', '-qq', '-e', 'raw=all', '-e', 'signal=none', '-o', log, ...line.words],
    line,
    folder,
  );
  const answer = start(
    [process.execPath, cli, '--auto', ...line.flags, '--dry-run', '--json', '--', ...line.words],
    line,
    folder,
  );
  let policy;
  try {
    policy = parsePolicy(JSON.parse(answer.output).policy, { file: line.words[0] });
  } catch (error) {
    return [`(no policy: ${answer.errors.trim()} ${error.message})`];
  }
  return refusedCalls(policy, readFileSync(log, 'latin1'));
}
