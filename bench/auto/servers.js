// Servers on the loopback (server-list.js), bare and under --auto: each serves real requests of clients, and must answer the same, end the
// same when it is told to, and say the same. As root and as nobody.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'sandbox-run.cjs');
const NOBODY = 65534;
/** The system's own: a version manager's stand-ins are scripts that find out what to start. */
const PATH = '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Tools that are missing here. */
export function lacking({ needs }) {
  return needs.filter((one) => spawnSync('sh', ['-c', `command -v ${one} || test -e ${one}`]).status !== 0);
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function listens(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => done(socket.destroy() !== undefined));
    socket.on('error', () => done(false));
  });
}

/** Each user's folder for answers that are kept: one analysis of a client does for all servers. */
const caches = new Map();
process.on('exit', () => {
  for (const folder of caches.values()) rmSync(folder, { recursive: true, force: true });
});

function cacheOf(user) {
  let folder = caches.get(user);
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'sandbox-run-servers-cache-'));
    if (user !== undefined) chownSync(folder, user, user);
    caches.set(user, folder);
  }
  return folder;
}

/** What the clients are told, and how the server ends. Clients run as the server's user, and under --auto, too, where `held`. */
async function served(server, held, user) {
  const here = mkdtempSync(join(tmpdir(), 'sandbox-run-server-'));
  const port = await freePort();
  const filled = (text) => text.replaceAll('@HERE@', here).replaceAll('@PORT@', String(port));
  for (const [name, text] of Object.entries(server.files)) {
    mkdirSync(dirname(join(here, name)), { recursive: true });
    writeFileSync(join(here, name), filled(text));
  }
  chmodSync(here, 0o755);
  if (user !== undefined) chownSync(here, user, user);
  const env = { PATH, HOME: here, XDG_CACHE_HOME: cacheOf(user), LC_ALL: 'C.UTF-8' };
  const options = { cwd: here, env, ...(user === undefined ? {} : { uid: user, gid: user }) };
  for (const command of server.prepare ?? []) {
    const [name, ...more] = command.map(filled);
    const { status, stderr } = spawnSync(name, more, { ...options, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  }
  const words = (command) => [
    ...(held ? [process.execPath, cli, '--auto', '--'] : []),
    ...command.map(filled),
  ];
  const [program, ...rest] = words(server.command);
  const child = spawn(program, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stdout.resume();
  child.stderr.on('data', (text) => (errors += text));
  const ended = new Promise((done) => child.on('close', (status, signal) => done(signal ?? status)));
  const settle = (text) => text.replaceAll(here, 'HERE').replaceAll(String(port), 'PORT');
  try {
    const answers = [];
    // The first start analyses, beside whatever else the machine does.
    for (let left = 240; left > 0; left--) {
      if ((await listens(port)) || child.exitCode !== null || child.signalCode !== null) break;
      await new Promise((done) => setTimeout(done, 250));
    }
    for (const client of server.clients) {
      const [name, ...more] = words(client);
      const { status, signal, stdout } = spawnSync(name, more, {
        ...options,
        encoding: 'latin1',
        maxBuffer: 1e8,
        timeout: 60_000,
      });
      answers.push(`${signal ?? status} ${settle(stdout ?? '')}`);
    }
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const end = await ended;
    clearTimeout(timer);
    // Log lines with times and numbers of processes differ from run to run; that there are any does not.
    return { answers, end, complains: /SIGSYS|signal 31|sandbox-run/.test(settle(errors + log(here))) };
  } finally {
    child.kill('SIGKILL');
    rmSync(here, { recursive: true, force: true });
  }
}

function log(here) {
  try {
    return readFileSync(join(here, 'error.log'), 'utf8');
  } catch {
    return '';
  }
}

/** Both ways, as root and (where we are root) as nobody: `same`, and what was told. */
export async function compareServer(server) {
  const results = [];
  const users = process.getuid() === 0 ? [undefined, NOBODY] : [undefined];
  for (const user of users) {
    if (user === undefined ? server.isNobodys === true && process.getuid() === 0 : server.isRoots === true)
      continue;
    const bare = await served(server, false, user);
    const held = await served(server, true, user);
    // Two that serve nothing prove nothing.
    const isServed = bare.answers.some((answer) => /^0 ./s.test(answer));
    const same = isServed && JSON.stringify(bare) === JSON.stringify(held);
    results.push({ name: `${server.name}${user === undefined ? '' : ' (nobody)'}`, same, bare, held });
  }
  return results;
}
