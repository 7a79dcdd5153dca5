import { expect, test } from 'vitest';
import type { ReadOptions } from '../../lib/formats/format.ts';
import { seccompiler } from '../../lib/formats/seccompiler.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'x.json', abi: abis.x86_64 };
const read = (text: string, more: Partial<ReadOptions> = {}) =>
  seccompiler.read!(text, { ...options, ...more });
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const text = `{ "vmm": { "mismatch_action": {"errno": 1}, "match_action": "allow", "filter": [
  {"syscall": "read", "comment": "all of them"},
  {"syscall": "accept4", "args": [{"index": 3, "type": "dword", "op": "eq", "val": 1, "comment": "AF_UNIX"}]},
  {"syscall": "lseek", "args": [{"index": 1, "type": "dword", "op": "le", "val": 7}]},
  {"syscall": "futex", "args": [{"index": 1, "type": "dword", "op": {"masked_eq": 127}, "val": 128}]},
  {"syscall": "futex", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 1},
    {"index": 2, "type": "qword", "op": "ne", "val": 18446744073709551615}]}]}}`;

test('the documented form', () => {
  expect(seccompiler.detect!(text, 'x')).toBe(true);
  const { policy } = read(text);
  expect([0, 1].map((one) => ask(policy, one))).toEqual(['allow', 'errno 1']);
  expect(ask(policy, nr('accept4'), [0n, 0n, 0n, 1n])).toBe('allow');
  expect(ask(policy, nr('futex'), [0n, 128n])).toBe('allow');
  expect(ask(policy, nr('futex'), [0n, 1n, 5n])).toBe('allow');
});

test('a dword of a 64-bit argument stays one', () => {
  const { policy } = read(text);
  expect(ask(policy, nr('lseek'), [0n, 0xffffffff00000007n])).toBe('allow');
  expect(ask(policy, nr('lseek'), [0n, 8n])).toBe('errno 1');
});

test('of several threads one must be named', () => {
  const two = `{"a": {"default_action": "trap", "filter_action": "allow", "filter": [{"syscall": "read"}]},
    "b": {"default_action": "kill_process", "filter_action": "allow", "filter": []}}`;
  expect(() => read(two)).toThrow('filters for a, b');
  expect(ask(read(two, { part: 'a' }).policy, 1)).toBe('trap');
  expect(ask(read(two, { part: 'b' }).policy, 0)).toBe('kill');
});

test('a rule without args beside one with them counts for nothing, as it does there', () => {
  const mixed = `{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": [{"syscall": "close"},
    {"syscall": "close", "args": [{"index": 0, "type": "dword", "op": "eq", "val": 3}]}]}}`;
  const { policy, warnings } = read(mixed);
  expect([3n, 4n].map((fd) => ask(policy, nr('close'), [fd]))).toEqual(['allow', 'trap']);
  expect(warnings.join()).toContain('close');
});

test.each([
  ['the same actions', '{"a": {"mismatch_action": "allow", "match_action": "allow", "filter": []}}'],
  ['a call', '{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": [{"syscall": "nope"}]}}'],
  ['an action', '{"a": {"mismatch_action": "stop", "match_action": "allow", "filter": []}}'],
  [
    'a width',
    '{"a": {"mismatch_action": "trap", "match_action": "allow", "filter": [{"syscall": "read", "args": [{"index": 0, "type": "byte", "op": "eq", "val": 1}]}]}}',
  ],
  ['no thread', '{}'],
])('%s that is wrong is an error', (_, bad) => {
  expect(() => read(bad)).toThrow();
});
