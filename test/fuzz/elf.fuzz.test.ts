// Whatever a file says of itself, reading it and analysing it end soon, within memory, in an answer or in an error of the family.
// Files are real ones, and some made by hand, with fields, tables and code overwritten, or cut off. FUZZ_SECONDS sets how long (30), SEED what is
// tried; a case that fails stays beside the message.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { strange } from '../elf/strange.ts';
import { seed } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 30) / 3;
/** Without a word for this long it hangs: other work on the machine is allowed for. */
const SILENCE = 60_000;
const folder = temporaryFolder('elf-fuzz');
const runner = join(folder, 'runner.cjs');

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'elf.runner.ts')],
    outfile: runner,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['iced-x86'],
    logLevel: 'error',
  });
});

/** A program without a C library, with data that points to code, a jump table, and unwind tables; and a plug-in like it. */
function compiled(name: string, ...flags: string[]): string {
  const source = join(folder, 'seed.c');
  writeFileSync(
    source,
    `static long call(long n, long a) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a) : "rcx", "r11", "memory"); return r; }
     static long one(long x) { return call(39, x); }
     static long two(long x) { return call(102, x); }
     long (*table[])(long) = { one, two };
     long plug(long x) { switch (x) { case 0: return one(x); case 1: return two(x); case 2: return call(96, x); case 3: return call(97, x); case 4: return call(98, x); case 5: return table[x & 1](x); } return call(x, 0); }
     #ifndef PLUG
     void begin(long *stack) { call(231, plug(*stack)); }
     __asm__(".globl _start\\n_start: mov %rsp, %rdi\\nand $-16, %rsp\\ncall begin\\nhlt\\n");
     #endif
    `,
  );
  const file = join(folder, name);
  const made = spawnSync(
    'gcc',
    ['-O1', '-nostdlib', '-fasynchronous-unwind-tables', '-o', file, source, ...flags],
    { encoding: 'utf8' },
  );
  expect(made.stderr).toBe('');
  return file;
}

/** The small ones of the files that are made by hand, and can be read. */
function made(): readonly string[] {
  return strange
    .filter(({ bytes, expected }) => bytes.length < 1 << 16 && !(expected instanceof RegExp))
    .map(({ bytes }, index) => {
      const file = join(folder, `made${index}`);
      writeFileSync(file, bytes, { mode: 0o755 });
      return file;
    });
}

function run(mode: string, seeds: readonly string[]): Promise<{ fine: number; refused: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        '--expose-gc',
        '--max-old-space-size=1024',
        runner,
        mode,
        String(seed),
        String(SECONDS),
        folder,
        ...seeds,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_PATH: join(import.meta.dirname, '..', '..', 'node_modules') },
      },
    );
    let last = '';
    let errors = '';
    const fail = (why: string) => {
      const kept = join(tmpdir(), `sandbox-run-elf-fuzz-${seed}`);
      if (existsSync(join(folder, 'case'))) copyFileSync(join(folder, 'case'), kept);
      reject(new Error(`${why}: ${last}; the file is kept as ${kept}\n${errors.slice(-2000)}`));
    };
    let timer = setTimeout(() => {}, 0);
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail('no end');
      }, SILENCE);
    };
    wait();
    child.stdout.on('data', (text: Buffer) => {
      wait();
      last = text.toString().trimEnd().split('\n').at(-1)!;
    });
    child.stderr.on('data', (text: Buffer) => (errors += text));
    child.on('close', (status) => {
      clearTimeout(timer);
      const counts = /^done (.*)$/.exec(last)?.[1];
      if (status === 0 && counts !== undefined) resolve(JSON.parse(counts));
      else fail(`it ended with ${status}`);
    });
  });
}

test('reading ELF files', async () => {
  const { fine, refused } = await run('read', [
    '/bin/true',
    '/lib64/ld-linux-x86-64.so.2',
    '/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so',
    compiled('static', '-static'),
    compiled('plug.so', '-shared', '-fPIC', '-DPLUG'),
    compiled('relr', '-static-pie', '-fPIE', '-Wl,-z,pack-relative-relocs'),
    ...made(),
  ]);
  expect(fine).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(10);
});

test('reading the loader’s cache', async () => {
  const { fine, refused } = await run('cache', ['/etc/ld.so.cache']);
  expect(fine).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(10);
});

test('analysing programs and plug-ins', async () => {
  const { fine, refused } = await run('analyse', [
    compiled('program', '-static'),
    compiled('pie', '-static-pie', '-fPIE'),
    compiled('plugged.so', '-shared', '-fPIC', '-DPLUG'),
    ...made(),
  ]);
  expect(fine).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(3);
});
