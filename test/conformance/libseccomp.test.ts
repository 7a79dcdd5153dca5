// Truth from outside: random OCI rules of == and masked == through libseccomp itself, against our reading of the same rules. Its
// inequalities are no truth to hold anything against. Needs gcc and Debian's libseccomp-dev.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { decode } from '../../lib/bpf/instruction.ts';
import { interpret } from '../../lib/bpf/interpret.ts';
import { oci } from '../../lib/formats/oci.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { actionOfReturn } from '../../lib/policy/action.ts';
import { answer, text } from '../formats/meaning.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { missing } from './tools.ts';

const lacking = missing('libseccomp', ['gcc (gcc)']);
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-libseccomp-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const native = abis.x86_64;
const calls = [
  'ioctl',
  'lseek',
  'openat',
  'mmap',
  'prctl',
  'clone',
  'fcntl',
  'read',
  'pwrite64',
  'socket',
  'kill',
];
const actions = [
  ['SCMP_ACT_ALLOW', 0x7fff0000, ''],
  ['SCMP_ACT_ERRNO', 0x00050005, ', "errnoRet": 5'],
  ['SCMP_ACT_KILL_PROCESS', 0x80000000, ''],
  ['SCMP_ACT_LOG', 0x7ffc0000, ''],
] as const;

interface Test {
  readonly index: number;
  readonly isMasked: boolean;
  readonly value: bigint;
  readonly second: bigint;
}

function randomTests(random: Random, indexes: readonly number[]): readonly Test[] {
  return indexes.map((index) => {
    const isMasked = random.chance(0.5);
    const value = random.bits(random.pick([3, 8, 32, 33, 64]));
    return isMasked
      ? { index, isMasked, value, second: value & random.bits(64) }
      : { index, isMasked, value, second: 0n };
  });
}

test.skipIf(lacking !== undefined)('rules of == and masked == mean what libseccomp makes of them', () => {
  const driver = join(folder, 'rules');
  execFileSync('gcc', [
    '-O2',
    '-o',
    driver,
    join(import.meta.dirname, '..', 'support', 'libseccomp-rules.c'),
    '-lseccomp',
  ]);
  let asked = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed);
    const rules: string[] = [];
    const lines = ['default 00050001'];
    for (const name of calls) {
      // One action a call: what libseccomp does with several is in runc.test.ts.
      const [action, number, more] = random.pick(actions);
      for (let count = random.below(4); count > 0; count--) {
        const indexes = [0, 1, 2, 3].filter(() => random.chance(0.4));
        const tests = randomTests(random, indexes);
        const args = tests.map(({ index, isMasked, value, second }) => {
          const op = isMasked ? 'SCMP_CMP_MASKED_EQ' : 'SCMP_CMP_EQ';
          return `{"index": ${index}, "op": "${op}", "value": ${value}, "valueTwo": ${second}}`;
        });
        rules.push(`{"names": ["${name}"], "action": "${action}"${more}, "args": [${args.join(', ')}]}`);
        const words = tests.map(
          (one) =>
            `${one.index} ${one.isMasked ? 7 : 4} ${one.value.toString(16)} ${one.second.toString(16)}`,
        );
        lines.push(
          ['rule', number.toString(16), syscallNumber(native, name)!.toString(16), ...words].join(' '),
        );
      }
    }
    const output = join(folder, 'out.bpf');
    execFileSync(driver, [output], { input: `${lines.join('\n')}\n` });
    const program = decode(readFileSync(output));
    const object = `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [${rules.join(',\n')}]}`;
    const { policy: read } = oci.read!(object, { file: 'x', abi: native, exact: true, as: 'runc' });
    // ENOSYS above the last call is runc's, not libseccomp's.
    const policy = { ...read, defaults: [], unknown: read.default! };
    for (const data of randomCalls(random, policy, [native], 2000)) {
      if (data.nr === 0xffffffff) continue;
      asked++;
      const theirs = text(actionOfReturn(interpret(program, data).value));
      const words = `seed ${seed}, call ${data.nr}(${data.args.map((one) => one.toString(16)).join(', ')})`;
      expect(`${words}: ${answer(policy, data, ['x86_64'])}`).toBe(`${words}: ${theirs}`);
    }
  }
  expect(asked).toBeGreaterThan(100_000);
});
