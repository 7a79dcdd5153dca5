// The widths in our prototypes against the running kernel: garbage in the high half of an argument is ignored exactly where we say
// that the kernel reads 32 bits or fewer, and changes the answer exactly where we say 64.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { parametersOf } from '../../lib/linux/arguments.ts';

const here = process.arch === 'x64';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-run-widths-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

it.skipIf(!here)(`the running kernel reads what the prototypes say${here ? '' : ' (x86_64 only)'}`, () => {
  const program = join(directory, 'widths');
  const source = new URL('programs/widths.c', import.meta.url).pathname;
  const built = spawnSync('gcc', ['-O1', '-w', '-o', program, source], { encoding: 'utf8' });
  expect(built.stderr).toBe('');
  const run = spawnSync(program, [join(directory, 'file')], { encoding: 'utf8', timeout: 10_000 });
  expect(run.status).toBe(0);
  const wrong: string[] = [];
  let asked = 0;
  for (const line of run.stdout.trim().split('\n')) {
    const [name, argument, bits] = line.split(' ');
    if (bits === '?') continue;
    asked++;
    const parameter = parametersOf(name!, abis.x86_64)![Number(argument)]!;
    // Below 32 bits there is nothing to see: what umode_t cuts off, the kernel masks off besides
    const ours = Math.max(32, parameter.bits);
    if (ours !== Number(bits))
      wrong.push(`${name} ${parameter.names[0]}: the kernel ${bits}, ours ${parameter.bits}`);
  }
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(60);
});
