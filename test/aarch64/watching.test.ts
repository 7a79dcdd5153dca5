// What --explain and learn do with registers, on AArch64: the answers that trace a thread, and the phase of a recorded call.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { type Table, testEndings } from './cases.ts';
import { type Case, crossCompile } from './machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-arm64-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const nr = (name: string) => String(syscallNumber(abis.aarch64, name));
const SIGSYS = 31;

const native = `-I${join(import.meta.dirname, '..', '..', 'native')}`;
const compiled = (name: string, sources: readonly string[], ...options: string[]) =>
  crossCompile(join(folder, name), sources, ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread', ...options]);
const core = (...names: string[]) => names.map((one) => `native/core/${one}.c`);
const files: Record<string, Uint8Array | string> = {
  'bin/watched': compiled(
    'watched',
    ['test/aarch64/programs/watched.c', ...core('answer', 'notify', 'record')],
    '-static',
    native,
  ),
  'bin/recorded': compiled(
    'recorded',
    ['test/aarch64/programs/recorded.c', ...core('breakpoint', 'record', 'trace')],
    '-static',
    native,
  ),
  'bin/answered': compiled('answered', ['test/supervise/programs/answered.c'], '-static'),
  'bin/startup': compiled('startup', ['test/kernel/programs/startup.c'], '-static'),
  'bin/startup-pie': compiled('startup-pie', ['test/kernel/programs/startup.c'], '-static-pie', '-fPIE'),
};

const actions = { kill: '0x80000000', 'kill-thread': '0', trap: '0x30000', 'trap 77': '0x3004d' };
const dispositions = { default: '0', handled: '1', held: '2' };
const answer = (
  what: string,
  action: keyof typeof actions,
  disposition: keyof typeof dispositions,
): Omit<Case, 'name'> => ({
  words: ['/bin/watched', actions[action], dispositions[disposition], '/bin/answered', what],
});

const line = (errno: number) =>
  `signal 31 code 1 errno ${errno} call ${nr('mkdirat')} arch c00000b7 place 1 again 1 register -100\n-100\n`;
const recorded = (program: string): Omit<Case, 'name'> => ({
  words: ['/bin/recorded', `/bin/${program}`, nr('getpgid')],
  env: { STARTUP_CALL: nr('getppid') },
});
const phases = (program: string) =>
  new RegExp(`getppid phase 0 count 1 by /bin/${program}\n[^]*getpgid phase 1 count 1 by /bin/${program}\n`);

const table: Table = [
  ['trap, for a handler', answer('handled', 'trap', 'handled'), { status: 3, output: line(0).repeat(3) }],
  [
    'trap with data, as nobody',
    { ...answer('handled', 'trap 77', 'handled'), user: 65534 },
    { status: 3, output: line(77).repeat(3) },
  ],
  ['trap, blocked', answer('blocked', 'trap', 'held'), { signal: SIGSYS, output: '' }],
  ['trap, ignored', answer('ignored', 'trap', 'held'), { signal: SIGSYS, output: '' }],
  ['trap, not handled', answer('default', 'trap', 'default'), { signal: SIGSYS, output: '' }],
  ['kill, handled', answer('caught', 'kill', 'handled'), { signal: SIGSYS, output: '' }],
  ['kill, blocked', answer('blocked', 'kill', 'held'), { signal: SIGSYS, output: '' }],
  ['kill-thread', answer('thread', 'kill-thread', 'handled'), { status: 6, output: 'joined\n' }],
  ['kill-thread of many', answer('crowd', 'kill-thread', 'default'), { status: 10, output: 'all joined\n' }],
  [
    'a recorded call before main, and one after',
    recorded('startup'),
    { status: 0, output: phases('startup') },
  ],
  ['in a static PIE', recorded('startup-pie'), { status: 0, output: phases('startup-pie') }],
];

describe('on AArch64', () => {
  testEndings(table, files);
});
