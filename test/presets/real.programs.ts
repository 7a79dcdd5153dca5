// Each preset with its real program and work that it was not learnt from: the same output and status as bare, and --explain has
// nothing to tell. Then what it is for: dangerous calls are refused, by a program that makes them and by the real ones.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { errnoNumber } from '../../lib/linux/errno.ts';
import { groupMembers } from '../../lib/linux/groups.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { presetNames } from '../../lib/presets.ts';
import { program, wholeCommand } from '../kernel/stage.ts';
import { type User, users } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { works } from './workloads.ts';

const CHROMIUM = 'chromium-headless-shell --headless --disable-gpu';
const command = `${process.execPath} ${wholeCommand()}`;
const native = abis.x86_64;

interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder of the user's, and what runs scripts in it; with a file server on the loopback. */
async function place(
  user: User,
): Promise<{ folder: string; sh: (script: string) => Promise<Ending>; close: () => void }> {
  const folder = join(temporaryFolder('preset'), 'work');
  chmodSync(join(folder, '..'), 0o777);
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const server = createServer((request, response) => {
    const file = join(folder, new URL(request.url!, 'http://x').pathname);
    if (!existsSync(file)) return void response.writeHead(404).end();
    if (file.endsWith('.html')) response.setHeader('content-type', 'text/html');
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const PORT = String((server.address() as AddressInfo).port);
  const sh = (script: string) =>
    new Promise<Ending>((resolve) => {
      const child: ChildProcess = spawn('timeout', ['60', 'sh', '-c', script], {
        cwd: folder,
        env: {
          PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
          HOME: folder,
          LANG: 'C.UTF-8',
          PORT,
          CHROMIUM,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid }),
      });
      let [stdout, stderr] = ['', ''];
      child.stdout!.on('data', (bytes: Buffer) => (stdout += bytes.toString('latin1')));
      child.stderr!.on('data', (bytes: Buffer) => (stderr += bytes.toString('latin1')));
      child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
    });
  return {
    ...{ folder, sh },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The line with words in front of its program. */
function within(line: string, words: string): string {
  return line.includes('@') ? line.replace('@', `${words} `) : `${words} ${line}`;
}

/** C libraries try these first and do without: they are meant to be answered with ENOSYS. */
function isProbe({ call, msg }: { call: string; msg: string }): boolean {
  return msg.startsWith('errno ENOSYS: ') && groupMembers('@probe')!.includes(call);
}

/** What --explain told in a file of its own. A report can still be on its way when the program has ended. */
async function refusals(file: string): Promise<readonly string[]> {
  const read = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  for (let waits = 0; waits < 100 && !/(^|\n)$/.test(read()); waits++) await wait(20);
  return read()
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { event: string; call: string; msg: string })
    .filter((one) => one.event === 'refused' && !isProbe(one))
    .map((one) => one.msg);
}

/** Chromium's own sandbox does not work for root, here as anywhere. */
const usersOf = (name: string) =>
  name === 'chromium' ? users.filter((user) => user.uid !== undefined) : users;

describe.each(presetNames)('%s', (name) => {
  const { needs, prepare, lines } = works[name]!;
  if (!existsSync(needs[0])) throw new Error(`this needs ${needs[0]}, of Debian's package ${needs[1]}`);

  test.each(usersOf(name))('other work, as $name: as without it, and nothing is refused', async (user) => {
    const [bare, inside] = [await place(user), await place(user)];
    try {
      for (const one of [bare, inside]) expect((await one.sh(prepare)).status).toBe(0);
      const work = lines.trim().split('\n');
      for (const line of work) {
        const said = join(inside.folder, '..', 'said');
        // The reports of --explain go to descriptor 2; the program's own words go with them and are not looked at.
        const sandboxed = within(line, `${command} --explain --json --preset ${name} --`);
        const [expected, ending] = await Promise.all([
          bare.sh(line.replace('@', '')),
          inside.sh(`exec 2>${said}; ${sandboxed.replaceAll('2>/dev/null', '')}`),
        ]);
        const where = (one: Ending, folder: string) =>
          one.stdout.replaceAll(folder, '').replaceAll(/127\.0\.0\.1:\d+/g, '');
        expect({ line, refused: await refusals(said) }).toEqual({ line, refused: [] });
        expect({ line, status: ending.status, stdout: where(ending, inside.folder) }).toEqual({
          ...{ line, status: expected.status, stdout: where(expected, bare.folder) },
        });
      }
      const files = (folder: string) => readdirSync(folder).sort();
      expect(files(inside.folder)).toEqual(files(bare.folder));
    } finally {
      bare.close();
      inside.close();
    }
  });

  const probe = program('presets/probe', 'static');
  const call = (one: string, ...words: number[]) =>
    `${probe} ${[syscallNumber(native, one)!, ...words].join(' ')}`;
  const [AF_INET, AF_PACKET, SOCK_STREAM, CLONE_NEWUSER, TIOCSTI] = [2, 17, 1, 0x10000000, 0x5412];
  const withoutNetwork = ['ffmpeg', 'ghostscript', 'imagemagick'].includes(name);
  const denied: Readonly<Record<string, string>> = {
    perf_event_open: call('perf_event_open'),
    'socket(AF_PACKET)': call('socket', AF_PACKET, 3),
    'ioctl(TIOCSTI)': call('ioctl', 0, TIOCSTI),
    keyctl: call('keyctl'),
    ...(name === 'chromium'
      ? {}
      : { 'unshare(CLONE_NEWUSER)': call('unshare', CLONE_NEWUSER), setns: call('setns') }),
    ...(withoutNetwork
      ? { 'socket(AF_INET)': call('socket', AF_INET, SOCK_STREAM), execve: call('execve') }
      : {}),
  };
  const deadly = [
    'ptrace',
    'process_vm_writev',
    'mount',
    'pivot_root',
    'bpf',
    'kexec_load',
    'init_module',
    'reboot',
  ];

  test('dangerous calls are refused', async () => {
    const { sh, close } = await place(users[0]!);
    try {
      for (const [what, line] of Object.entries(denied)) {
        const { stdout } = await sh(`${command} --preset ${name} -- ${line}`);
        expect([what, stdout.trim()]).toEqual([what, String(errnoNumber('EPERM', native))]);
      }
      for (const one of deadly) {
        const ending = await sh(`${command} --preset ${name} -- ${call(one)}; echo $?`);
        expect([one, ending.stdout.trim()]).toEqual([one, '159']);
      }
    } finally {
      close();
    }
  });
});

test('ghostscript, told to be unsafe, starts no program all the same', async () => {
  const { sh, close } = await place(users[0]!);
  const line =
    "gs -q -dNODISPLAY -dNOSAFER -c '(%pipe%echo started > proof) (w) file closefile quit' >&2; ls";
  expect((await sh(line)).stdout).toContain('proof');
  expect((await sh(`rm -f proof; ${command} --preset ghostscript -- ${line}`)).stdout).not.toContain('proof');
  close();
});

test('ffmpeg fetches nothing', async () => {
  const { sh, close } = await place(users[0]!);
  await sh('ffmpeg -v error -f lavfi -i testsrc -t 1 -y a.avi');
  const line = 'ffmpeg -v error -i http://127.0.0.1:$PORT/a.avi -f null -';
  expect((await sh(line)).status).toBe(0);
  const ending = await sh(`${command} --preset ffmpeg -- ${line}`);
  expect(ending.status).not.toBe(0);
  expect(ending.stderr).toContain('Operation not permitted');
  close();
});

test.skipIf(usersOf('chromium').length === 0)(
  'Chromium’s own sandbox is on inside: a renderer has filters of its own, and namespaces',
  async () => {
    const { sh, folder, close } = await place(usersOf('chromium')[0]!);
    const running = sh(
      `exec ${command} --preset chromium -- ${CHROMIUM} --remote-debugging-port=0 --user-data-dir=${folder}/own about:blank`,
    );
    const processes = () =>
      readdirSync('/proc')
        .filter((pid) => /^\d+$/.test(pid))
        .flatMap((pid) => {
          try {
            const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
            return words.startsWith('/usr/lib/chromium/') ? [{ pid, words, parent: fields(pid).PPid! }] : [];
          } catch {
            return [];
          }
        });
    const isBrowser = (one: { words: string }) =>
      one.words.includes(`${folder}/own`) && !one.words.includes('--type=');
    try {
      const [browser, renderer] = await eventually(() => {
        const all = processes();
        const first = all.find(isBrowser);
        const isOurs = (pid: string): boolean =>
          pid === first?.pid || all.some((one) => one.pid === pid && isOurs(one.parent));
        const isReady = ({ pid, words }: { pid: string; words: string }) =>
          words.includes('--type=renderer') && isOurs(pid) && fields(pid).Seccomp_filters !== '1';
        const found = all.find(isReady);
        return first === undefined || found === undefined ? undefined : ([first, found] as const);
      });
      expect(fields(browser.pid).Seccomp_filters).toBe('1');
      expect(fields(renderer.pid).Seccomp_filters).toBe('2');
      for (const kind of ['user', 'pid', 'net'])
        expect(readlinkSync(`/proc/${renderer.pid}/ns/${kind}`)).not.toBe(
          readlinkSync(`/proc/${browser.pid}/ns/${kind}`),
        );
      process.kill(Number(browser.pid), 'SIGTERM');
      await running;
    } finally {
      for (const one of processes()) if (isBrowser(one)) process.kill(Number(one.pid), 'SIGKILL');
      close();
    }
  },
);

function fields(pid: string): Readonly<Record<string, string>> {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Object.fromEntries([...text.matchAll(/^(\w+):\s*(\S+)/gm)].map(([, name, value]) => [name, value]));
}

async function eventually<T>(look: () => T | undefined): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const found = look();
    if (found !== undefined) return found;
    await wait(100);
  }
  throw new Error('it never came');
}
