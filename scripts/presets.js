// Makes presets/*.policy anew: `npm run presets [NAME …]`. Needs root (it runs the programs as nobody) and Debian's packages of the
// programs. A preset permits
//
// - what the recordings of scripts/presets/workloads.js show, calls by name; the few calls that are a door to everything
//   (ioctl, prctl, clone, socket …) with the argument values that were seen;
// - what an analysis finds in the program's code and did not see run, if it is of a harmless kind: files, memory, time, signals.
//   Those are error paths and other people's inputs. Processes, programs, the network, users: only if they were seen.
//
// What no preset permits, whatever was seen, is `never` in scripts/presets/kinds.js.

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { release, tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { abis, parsePolicy, printPolicy, syscallNumber } from '../dist/lib/index.js';
import { always, deadly, exceptions, following, harmless, never, shaped } from './presets/kinds.js';
import { presets } from './presets/workloads.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NOBODY = 65534;
const command = [process.execPath, join(root, 'bin', 'sandbox-run.cjs')];
const CHROMIUM = 'chromium-headless-shell --headless --disable-gpu';

/** Of the file server. */
const types = { html: 'text/html', txt: 'text/plain' };

/** Runs each line of the preset's work in a folder of its own. Gives the recordings' files. */
async function record(name, preset, folder) {
  const work = join(folder, 'work');
  const recordings = join(folder, 'recordings');
  for (const one of [work, recordings]) {
    mkdirSync(one);
    chownSync(one, NOBODY, NOBODY);
  }
  chownSync(folder, NOBODY, NOBODY);
  const server = createServer((request, response) => {
    try {
      const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
      response.setHeader('content-type', types[path.split('.').at(-1)] ?? 'application/octet-stream');
      response.end(readFileSync(join(work, path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = server.address().port;
  const env = {
    HOME: work,
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    LANG: 'C.UTF-8',
    PORT: port,
    PORT2: port + 1,
    CHROMIUM,
  };
  const sh = (script) =>
    new Promise((resolve) => {
      const child = spawn('timeout', ['120', 'sh', '-c', script], {
        ...{ cwd: work, env, uid: NOBODY, gid: NOBODY },
        stdio: ['ignore', 'ignore', process.env.PRESETS_VERBOSE ? 'inherit' : 'ignore'],
      });
      child.once('close', resolve);
    });
  await sh(preset.prepare);
  const lines = preset.learn.trim().split('\n');
  for (const [index, line] of lines.entries()) {
    const recorder = `${command.join(' ')} learn --record ${join(recordings, `${index}.rec`)} -- `;
    const status = await sh(line.includes('@') ? line.replace('@', recorder) : recorder + line);
    console.error(`${name}: ${String(status).padStart(3)}  ${line.slice(0, 110)}`);
  }
  await sh('test -e daemon.pid && kill "$(cat daemon.pid)"; sleep 1');
  server.close();
  server.closeAllConnections();
  return readdirSync(recordings).map((file) => join(recordings, file));
}

function run(...words) {
  const result = spawnSync(command[0], [...command.slice(1), ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.status !== 0) throw new Error(`sandbox-run ${words.slice(0, 3).join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** Call → the statements that permit it, of a policy that `learn` or `analyze` has written. */
function statementsOf(file) {
  const found = new Map();
  for (const { action, calls } of parsePolicy(readFileSync(file, 'utf8'), { file }).statements) {
    if (action.kind !== 'allow') continue;
    for (const call of calls) {
      const text = printPolicy({ statements: [{ action, calls: [call] }], defaults: [] });
      found.set(call.target.name, [...(found.get(call.target.name) ?? []), text.trim()]);
    }
  }
  return found;
}

function lines(title, names) {
  const text = [];
  let line = '';
  for (const name of [...new Set(names)].sort()) {
    if (line !== '' && `${line}, ${name}`.length > 116) {
      text.push(line);
      line = '';
    }
    line = line === '' ? `allow ${name}` : `${line}, ${name}`;
  }
  if (line !== '') text.push(line);
  return text.length === 0 ? [] : ['', `# ${title}`, ...text];
}

async function make(name, preset, folder) {
  const recordings = await record(name, preset, folder);
  const learntFile = join(folder, 'learnt.policy');
  run('learn', '--replay', ...recordings, '-o', learntFile);
  const learnt = statementsOf(learntFile);
  const isBanned = (call) => never.includes(call) && !(preset.permits ?? []).includes(call);
  const banned = [...learnt.keys()].filter(isBanned);
  if (banned.length > 0) console.error(`${name}: seen, and not permitted: ${banned.join(', ')}`);
  const possible = new Set();
  for (const program of preset.programs) {
    const file = join(folder, 'analysed.policy');
    run('analyze', program, '-o', file);
    for (const call of statementsOf(file).keys()) possible.add(call);
  }
  const exists = (call) => syscallNumber(abis.x86_64, call) !== undefined;
  const direct = [...learnt.keys()].filter((call) => !isBanned(call));
  const seen = [
    ...direct,
    ...Object.entries(following).flatMap(([call, calls]) => (direct.includes(call) ? calls : [])),
  ];
  const plain = seen.filter((call) => !shaped.includes(call) && exists(call));
  const added = [...possible].filter(
    (call) =>
      harmless.includes(call) &&
      !exceptions.includes(call) &&
      !never.includes(call) &&
      !seen.includes(call) &&
      exists(call),
  );
  const doors = shaped.flatMap((call) => learnt.get(call) ?? []);
  if (doors.some((text) => text.includes('AF_INET'))) doors.push(RESOLVING);
  const installed = spawnSync('dpkg-query', ['-W', preset.debian, 'libc6'], { encoding: 'utf8' }).stdout;
  const versions = installed.trim().replaceAll('\t', ' ').replaceAll('\n', ', ');
  const work = preset.learn.trim().split('\n');
  return `# ${name}: ${preset.about}.
#
# Learnt from ${work.length} runs, and widened by analysis: scripts/presets.js, which makes this file; do not edit it, merge with it
# (--preset ${name} --allow …). The runs are in scripts/presets/workloads.js; other runs are tested in test/presets.
# ${versions}, Linux ${release().split('.', 2).join('.')}.

default errno EPERM
kernel ${KERNEL}
default errno ENOSYS @probe
kill ${deadly.map((one) => (one === '@mount' && preset.permits ? `@mount except {${preset.permits.join(', ')}}` : one)).join(', ')}
${lines('Seen in the runs, and what another C library or the next version would choose in its place.', plain).join('\n')}
${lines("Not seen, but in the program's code, and of harmless kinds: error paths, other inputs.", added).join('\n')}

# Doors to much else: as they were seen; threads, and what every program may ask of its terminal.
${[...doors, ...always].join('\n')}
`;
}

/** C libraries ask the kernel for the machine's addresses when they look up a name, where there is a network. 0: NETLINK_ROUTE. */
const RESOLVING = 'allow socket(family == AF_NETLINK && protocol == 0)';
/** Newer calls are answered with ENOSYS. */
const KERNEL = '6.1';

const wanted = process.argv.slice(2);
for (const [name, preset] of Object.entries(presets)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-presets-'));
  try {
    const text = await make(name, preset, folder);
    mkdirSync(join(root, 'presets'), { recursive: true });
    writeFileSync(join(root, 'presets', `${name}.policy`), text);
  } finally {
    if (process.env.PRESETS_KEEP) console.error(folder);
    else rmSync(folder, { recursive: true, force: true });
  }
}
