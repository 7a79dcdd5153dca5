import { describe, expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { oci } from '../../lib/formats/oci.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'seccomp.json', abi: abis.x86_64 };
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const object = (rules: string, head = '"defaultAction": "SCMP_ACT_ERRNO"') =>
  `{${head}, "syscalls": [${rules}]}`;
const rule = (names: string, action: string, more = '') =>
  `{"names": ["${names}"], "action": "SCMP_ACT_${action}"${more}}`;
const arg = (index: number, op: string, value: string, two = '0') =>
  `{"index": ${index}, "op": "SCMP_CMP_${op}", "value": ${value}, "valueTwo": ${two}}`;
const read = (text: string, more: Partial<ReadOptions> = {}) => oci.read!(text, { ...options, ...more });

test('it is found in a config.json, too', () => {
  const config = `{"ociVersion": "1.0.2", "linux": {"seccomp": ${object(rule('read', 'ALLOW'))}}}`;
  expect(oci.detect!(config, 'config.json')).toBe(true);
  const { policy } = read(config);
  expect([ask(policy, 0), ask(policy, 1)]).toEqual(['allow', 'errno 1']);
  expect(() => read('{"ociVersion": "1.0.2", "linux": {}}')).toThrow('linux.seccomp is missing');
});

test('actions are those of the specification', () => {
  const names = ['KILL', 'KILL_THREAD', 'KILL_PROCESS', 'TRAP', 'ERRNO', 'TRACE', 'LOG', 'NOTIFY'];
  const answers = names.map((name) => ask(read(object(rule('read', name))).policy, 0));
  expect(answers).toEqual([
    ...['kill-thread', 'kill-thread', 'kill', 'trap', 'errno 1', 'trace 1', 'log', 'notify'],
  ]);
  expect(ask(read(object(rule('read', 'ERRNO', ', "errnoRet": 38'))).policy, 0)).toBe('errno 38');
  expect(() => read(object(rule('read', 'ALLOW', ', "errnoRet": 38')))).toThrow('errnoRet');
});

test('values keep all their 64 bits', () => {
  const value = '18446744073709551557';
  const { policy } = read(object(rule('lseek', 'ALLOW', `, "args": [${arg(1, 'EQ', value)}]`)));
  expect(ask(policy, nr('lseek'), [0n, BigInt(value)])).toBe('allow');
  expect(ask(policy, nr('lseek'), [0n, BigInt(value) + 1n])).toBe('errno 1');
  const written = String(oci.write!(policy, { name: 'x', abis: [abis.x86_64] }).text);
  expect(written).toContain(value);
  expect(() =>
    read(object(rule('lseek', 'ALLOW', `, "args": [${arg(1, 'EQ', '18446744073709551616')}]`))),
  ).toThrow('18446744073709551616');
});

describe('two tests of one argument', () => {
  const text = object(rule('lseek', 'ALLOW', `, "args": [${arg(2, 'GE', '1')}, ${arg(2, 'LE', '2')}]`));
  test('must both hold, as the specification says', () => {
    const { policy, warnings } = read(text);
    expect([0n, 1n, 2n, 3n].map((one) => ask(policy, 8, [0n, 0n, one]))).toEqual([
      'errno 1',
      'allow',
      'allow',
      'errno 1',
    ]);
    expect(warnings.join()).toContain('lseek');
  });
  test('are alternatives to runc', () => {
    const { policy } = read(text, { as: 'runc' });
    expect([0n, 1n, 3n].map((one) => ask(policy, 8, [0n, 0n, one]))).toEqual(['allow', 'allow', 'allow']);
  });
});

test('runc answers ENOSYS above the largest number that is named', () => {
  const { policy } = read(object(rule('statx', 'ALLOW')), { as: 'runc' });
  expect(ask(policy, nr('statx') - 1)).toBe('errno 1');
  expect(ask(policy, nr('clone3'))).toBe('errno 38');
  expect(ask(policy, 4000)).toBe('errno 38');
  const permissive = read(object(rule('statx', 'ERRNO'), '"defaultAction": "SCMP_ACT_ALLOW"'), {
    as: 'runc',
  });
  expect(ask(permissive.policy, nr('clone3'))).toBe('allow');
});

test('a masked comparison', () => {
  const { policy } = read(object(rule('clone', 'ALLOW', `, "args": [${arg(0, 'MASKED_EQ', '2114060288')}]`)));
  expect(ask(policy, nr('clone'), [0x11n])).toBe('allow');
  expect(ask(policy, nr('clone'), [0x10000011n])).toBe('errno 1');
});

test('an unknown call is left out with a warning; what cannot be understood is an error with its place', () => {
  const { policy, warnings } = read(object(`${rule('read', 'ALLOW')}, ${rule('frobnicate', 'ALLOW')}`));
  expect(ask(policy, 0)).toBe('allow');
  expect(warnings.join()).toContain('frobnicate');
  try {
    read(
      '{\n "defaultAction": "SCMP_ACT_ERRNO",\n "syscalls": [{"names": ["read"],\n  "action": "SCMP_ACT_ALOW"}]}',
    );
    expect.fail('accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).place?.line).toBe(4);
    expect((error as PolicyError).message).toContain('syscalls[0].action');
  }
});

test.each([
  ['an operator', object(rule('read', 'ALLOW', `, "args": [${arg(0, 'LIKE', '1')}]`))],
  ['an index', object(rule('read', 'ALLOW', `, "args": [${arg(6, 'EQ', '1')}]`))],
  ['a fraction', object(rule('read', 'ALLOW', `, "args": [${arg(0, 'EQ', '1.5')}]`))],
  ['a negative value', object(rule('read', 'ALLOW', `, "args": [${arg(0, 'EQ', '-1')}]`))],
  ['no names', object('{"names": [], "action": "SCMP_ACT_ALLOW"}')],
  [
    'an architecture',
    object(rule('read', 'ALLOW'), '"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["VAX"]'),
  ],
  ['a flag', object(rule('read', 'ALLOW'), '"defaultAction": "SCMP_ACT_ERRNO", "flags": ["FAST"]')],
  ['a list', '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": {}}'],
  ['the end', '{"defaultAction": "SCMP_ACT_ERRNO"'],
  ['depth', `{"defaultAction": ${'['.repeat(100_000)}`],
])('%s that is wrong is an error', (_, text) => {
  expect(() => read(text)).toThrow(PolicyError);
});

test('what it cannot say is told', () => {
  const policy = parsePolicy(
    'default allow\nerrno EPERM #3000, ptrace\nunknown errno ENOSYS\nforeign allow\n',
    {
      file: 'x',
    },
  );
  const { lost } = oci.write!(policy, { name: 'x', abis: [abis.x86_64] });
  expect(lost.filter((one) => one.restricts).map((one) => one.what.slice(0, 12))).toEqual(
    expect.arrayContaining(['errno EPERM ', 'unknown errn']),
  );
});

test('an argument that the manual calls arg2 is register 1', () => {
  const { policy } = read(object(rule('prctl', 'ALLOW', `, "args": [${arg(1, 'EQ', '7')}]`)));
  expect(ask(policy, nr('prctl'), [0n, 7n, 0n])).toBe('allow');
  expect(ask(policy, nr('prctl'), [0n, 0n, 7n])).toBe('errno 1');
});
