// examples/hijack: a program with a memory-safety fault, and a client that makes it start a program and open a connection. Bare, the
// attack works; under --auto it is stopped, while the program's own work goes on as before.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const cli = join(root, 'bin', 'sandbox-run.cjs');
const example = join(root, 'examples', 'hijack');
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-hijack-'));
const program = join(folder, 'server');

beforeAll(() => {
  const made = spawnSync('gcc', ['-O1', '-U_FORTIFY_SOURCE', '-o', program, join(example, 'server.c')], {
    encoding: 'utf8',
  });
  expect(made.status, made.stderr).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly ended: Promise<{ status: number | null; signal: string | null }>;
}

function start(words: readonly string[], errors: 'inherit' | 'pipe' = 'inherit'): Promise<Running> {
  const [name, ...rest] = words;
  const child = spawn(name!, rest, {
    cwd: folder,
    stdio: ['ignore', 'pipe', errors],
    env: { ...process.env, XDG_CACHE_HOME: folder },
  });
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve) => {
    child.on('exit', (status, signal) => resolve({ status, signal }));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error('it ended before it listened')));
    child.stdout!.once('data', (text: Buffer) => resolve({ child, port: Number(text.toString()), ended }));
  });
}

/** What the server answers to a name. */
function ask(port: number, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (data) => {
      text += data;
      if (text.endsWith('?\n')) socket.write(name);
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

const attack = (port: number, command: string) =>
  spawn(process.execPath, [join(example, 'attack.js'), String(port), command], { stdio: 'inherit' });
const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));
const until = async (holds: () => boolean) => {
  for (let left = 100; left > 0 && !holds(); left--) await new Promise((resolve) => setTimeout(resolve, 50));
};

describe.each([
  ['bare', [program], true],
  ['under --auto', [process.execPath, cli, '--auto', '--', program], false],
] as const)('%s', (_, words, works) => {
  test('its own work is done', async () => {
    const { port, ended } = await start(words);
    expect(await ask(port, 'Ada')).toMatch(/hello Ada\n$/);
    await ask(port, 'stop\n');
    expect(await ended).toEqual({ status: 0, signal: null });
  }, 60_000);

  test(`starting a program ${works ? 'works' : 'is stopped'}`, async () => {
    const marker = join(folder, 'owned');
    rmSync(marker, { force: true });
    const { child, port } = await start(words);
    const client = attack(port, 'touch owned');
    try {
      if (works) {
        await until(() => existsSync(marker));
        expect(existsSync(marker)).toBe(true);
      } else {
        // Where the C library's objects are known, making a process is refused already; else the process made is killed at execve.
        await pause(1500);
        expect(existsSync(marker)).toBe(false);
      }
    } finally {
      child.kill('SIGKILL');
      client.kill('SIGKILL');
    }
  }, 60_000);

  test(`opening a second connection ${works ? 'works' : 'is stopped'}`, async () => {
    let connections = 0;
    const listener: Server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port: wanted } = listener.address() as { port: number };
    const { child, port } = await start(words);
    // 31 bytes are few: the rest is in a file beside the server.
    spawnSync('sh', ['-c', `echo 'exec 3<>/dev/tcp/127.0.0.1/${wanted}' > ${join(folder, 'call')}`]);
    const client = attack(port, 'bash ./call');
    try {
      if (works) {
        await until(() => connections > 0);
        expect(connections).toBe(1);
      } else {
        await pause(1500);
        expect(connections).toBe(0);
      }
    } finally {
      child.kill('SIGKILL');
      client.kill('SIGKILL');
      listener.close();
    }
  }, 60_000);
});

test('--explain says at which call it is stopped', async () => {
  const marker = join(folder, 'owned');
  rmSync(marker, { force: true });
  const { child, port } = await start([process.execPath, cli, '--auto', '--explain', '--', program], 'pipe');
  let told = '';
  child.stderr!.on('data', (text: Buffer) => {
    told += text;
  });
  const client = attack(port, 'touch owned');
  try {
    await until(() => told.includes('\n'));
    const event = JSON.parse(told.split('\n')[0]!);
    expect(event).toMatchObject({
      event: 'refused',
      program,
      call: expect.stringMatching(/^(clone3|execve)$/),
      action: 'kill',
      code: { file: expect.stringMatching(/libc\.so\.6$/) },
    });
    expect(existsSync(marker)).toBe(false);
    // With the debug symbols of the C library (libc6-dbg) its server ends before there is a child.
    if (event.call === 'clone3') return;
    expect(event.arguments[0].text).toBe('"/bin/sh"');
    expect(event.arguments[1].text).toBe('["sh", "-c", "touch owned"]');
    // The server itself goes on: it was its child that died.
    expect(await ask(port, 'Ada')).toMatch(/hello Ada\n$/);
  } finally {
    child.kill('SIGKILL');
    client.kill('SIGKILL');
  }
}, 60_000);
