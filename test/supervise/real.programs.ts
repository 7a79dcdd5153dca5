// Real programs: learn, run under what was learnt (same output, no refusal), take one statement out (--explain names just
// that call), take its suggestion (it runs again). `npm run test:programs`; what each needs is named with its Debian package.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { program, wholeCommand } from '../kernel/stage.ts';
import { type User, users } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Case {
  readonly name: string;
  /** Its file, and the Debian package that brings it. */
  readonly needs: readonly [file: string, debian: string];
  readonly command: (folder: string) => readonly string[];
  /** The call to take out. */
  readonly removed: string;
  /** What is done with a server while it runs; then it gets SIGTERM. */
  readonly during?: (folder: string) => Promise<void>;
}

let http: ReturnType<typeof createServer>;
let port = 0;
beforeAll(async () => {
  http = createServer((_, answer) => answer.end('hello from the loopback\n'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  port = (http.address() as { port: number }).port;
});
afterAll(() => http.close());

const cases: readonly Case[] = [
  {
    name: 'curl',
    needs: ['/usr/bin/curl', 'curl'],
    command: () => ['/usr/bin/curl', '-s', `http://127.0.0.1:${port}/`],
    removed: 'connect',
  },
  {
    name: 'sqlite3',
    needs: ['/usr/bin/sqlite3', 'sqlite3'],
    command: (folder) => [
      '/usr/bin/sqlite3',
      join(folder, 'db'),
      'drop table if exists t; create table t(a); insert into t values (1),(2); select sum(a) from t;',
    ],
    removed: 'fdatasync',
  },
  {
    name: 'git',
    needs: ['/usr/bin/git', 'git'],
    command: (folder) => [
      '/bin/sh',
      '-c',
      `export HOME=${folder}; rm -rf ${folder}/r; git init -q ${folder}/r; cd ${folder}/r; echo 1 > f; git add f; git -c user.name=a -c user.email=a@b commit -qm one; git log --format=%s`,
    ],
    removed: 'rename',
  },
  {
    name: 'python3',
    needs: ['/usr/bin/python3', 'python3'],
    command: () => [
      '/usr/bin/python3',
      '-c',
      'import os, json, socket; a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1), json.dumps({"a": 1}))',
    ],
    removed: 'socketpair',
  },
  {
    name: 'node',
    needs: [process.execPath, 'nodejs'],
    command: () => [
      process.execPath,
      '-e',
      'console.log(require("node:fs").readdirSync("/etc").includes("hostname"))',
    ],
    removed: 'getdents64',
  },
  {
    name: 'ripgrep',
    needs: ['/usr/bin/rg', 'ripgrep'],
    command: () => ['/usr/bin/rg', '-c', '--sort', 'path', 'root', '/etc/passwd', '/etc/group'],
    removed: 'statx',
  },
  {
    name: 'nginx',
    needs: ['/usr/sbin/nginx', 'nginx-light'],
    command: (folder) => {
      writeFileSync(
        join(folder, 'nginx.conf'),
        `pid ${folder}/pid; error_log stderr crit; worker_processes 1; daemon off;
events {} http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
server { listen unix:${folder}/socket; location / { return 200 served; } } }`,
      );
      return ['/usr/sbin/nginx', '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
    },
    removed: 'listen',
    during: (folder) => ask(join(folder, 'socket'), 'GET / HTTP/1.0\r\n\r\n', /served/),
  },
  {
    name: 'redis',
    needs: ['/usr/bin/redis-server', 'redis-server'],
    command: (folder) => [
      '/usr/bin/redis-server',
      '--port',
      '0',
      '--unixsocket',
      join(folder, 'socket'),
      '--save',
      '',
      '--dir',
      folder,
      '--logfile',
      '/dev/null',
      '--loglevel',
      'warning',
      '--ignore-warnings',
      'ARM64-COW-BUG',
    ],
    removed: 'bind',
    during: (folder) => ask(join(folder, 'socket'), 'SET a 1\r\nGET a\r\n', /\$1/),
  },
  {
    name: 'threads',
    needs: ['/usr/bin/gcc', 'gcc'],
    command: () => [program('supervise/programs/crowd'), 'threads'],
    removed: 'sync_file_range',
  },
  {
    name: 'garbage pointers',
    needs: ['/usr/bin/gcc', 'gcc'],
    command: () => [program('supervise/programs/crowd'), 'garbage'],
    removed: 'connect',
  },
  {
    name: 'a bomb with a limit',
    needs: ['/usr/bin/gcc', 'gcc'],
    command: () => [program('supervise/programs/crowd'), 'bomb'],
    removed: 'wait4',
  },
];

/** Sends to a server's socket as soon as there is one, and waits for the answer. Gives up silently: the run shows it. */
async function ask(socket: string, text: string, wanted: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt++) {
    const answered = await new Promise<boolean>((resolve) => {
      const client = connect(socket, () => client.write(text));
      let seen = '';
      client.on('data', (bytes) => {
        seen += bytes.toString();
        if (wanted.test(seen)) {
          client.destroy();
          resolve(true);
        }
      });
      client.on('error', () => resolve(false));
      client.on('close', () => resolve(wanted.test(seen)));
      client.setTimeout(500, () => client.destroy());
    });
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(one: Case, words: readonly string[], folder: string, user: User): Promise<Ending> {
  // What an interrupted server leaves behind keeps the next one from starting.
  rmSync(join(folder, 'socket'), { force: true });
  const child: ChildProcess = spawn(words[0]!, words.slice(1), {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (bytes: Buffer) => (stdout += bytes.toString('latin1')));
  child.stderr!.on('data', (bytes: Buffer) => (stderr += bytes.toString('latin1')));
  const ended = new Promise<Ending>((resolve) =>
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout, stderr });
    }),
  );
  if (one.during !== undefined) {
    await Promise.race([one.during(folder), ended]);
    child.kill('SIGTERM');
  }
  return ended;
}

const refusalsIn = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line) as { event: string; call: string })
    .filter((one) => one.event === 'refused')
    .map((one) => one.call);

describe.each(users)('as $name', (user) => {
  test.each(cases)('$name', async (one) => {
    if (!existsSync(one.needs[0]))
      throw new Error(`this needs ${one.needs[0]}, of Debian's package ${one.needs[1]}`);
    const folder = temporaryFolder('real');
    mkdirSync(join(folder, 'work'));
    spawnSync('chmod', ['-R', '0777', folder]);
    const command = one.command(join(folder, 'work'));
    const tool = (...words: string[]) => [process.execPath, wholeCommand(), ...words];
    const at = (name: string) => join(folder, name);
    const start = (words: readonly string[]) => run(one, words, join(folder, 'work'), user);

    const bare = await start(command);
    // Twice: what depends on the moment is in one of them.
    for (const merge of [[], ['--merge']]) {
      const learning = await start(
        tool('learn', '--names-only', ...merge, '-o', at('learnt'), '--', ...command),
      );
      expect([learning.status, learning.signal, learning.stdout]).toEqual([
        bare.status,
        bare.signal,
        bare.stdout,
      ]);
    }
    const shaped = await start(tool('learn', '-o', at('shaped'), '--', ...command));
    expect(shaped.status).toBe(bare.status);

    for (const policy of ['learnt', 'shaped']) {
      const inside = await start(tool('--explain', '--policy', at(policy), '--', ...command));
      expect(refusalsIn(inside.stderr)).toEqual([]);
      expect([inside.status, inside.signal, inside.stdout]).toEqual([bare.status, bare.signal, bare.stdout]);
    }

    const without = readFileSync(at('learnt'), 'utf8').replace(
      new RegExp(`^allow ${one.removed} .*\n`, 'm'),
      '',
    );
    expect(without).not.toBe(readFileSync(at('learnt'), 'utf8'));
    let text = without.replace('default kill', 'default errno EPERM');
    for (let round = 0; ; round++) {
      writeFileSync(at('less'), text);
      const refused = await start(
        tool('--explain', '--suggest', at('more'), '--policy', at('less'), '--', ...command),
      );
      const calls = [...new Set(refusalsIn(refused.stderr))];
      if (calls.length === 0) {
        expect(round).toBeGreaterThan(0);
        expect([refused.status, refused.signal, refused.stdout]).toEqual([
          bare.status,
          bare.signal,
          bare.stdout,
        ]);
        break;
      }
      // The refusal may lead a program to what it does not do otherwise, so the first one counts.
      if (round === 0) expect(calls[0]).toBe(one.removed);
      expect(round).toBeLessThan(10);
      text = readFileSync(at('more'), 'utf8');
    }
  }, 120_000);
});
