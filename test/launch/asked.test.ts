// The one filter of a policy that needs several says what the policy says, or asks.

import { expect, test } from 'vitest';
import { interpret } from '../../lib/bpf/interpret.ts';
import { singleFilter } from '../../lib/launch/asked.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { returnValue } from '../../lib/policy/action.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';

const NOTIFY = 0x7fc00000;
const abi = abis.x86_64;
const values = Array.from({ length: 3200 }, (_, index) => 1 + index * 0x51eb3);
const policy = parsePolicy(
  `default errno EPERM
allow @basic-io, @io-event, ioctl(cmd in {${values.join(', ')}}), fcntl(cmd in {F_GETFL, F_SETFL})
kill mkdir
trap ioctl(cmd == 77)
`,
  { file: 'test' },
);

test('no call is permitted that the policy refuses, and few are asked about', () => {
  const program = singleFilter(policy, [abi])!;
  const asked = new Set<string>();
  for (const call of ['ioctl', 'fcntl', 'read', 'close', 'mkdir', 'openat']) {
    for (const arg of [0, 3, 4, 9, 10, 77, values[1]!, values[3199]!, values[1]! + 1]) {
      const nr = syscallNumber(abi, call)!;
      const args = [BigInt(arg), BigInt(arg), 0n, 0n, 0n, 0n];
      const answer = interpret(program, { nr, arch: abi.auditArch, instructionPointer: 0n, args }).value;
      const wanted = returnValue(evaluate(policy, abi, { nr, args }), abi);
      if (answer === NOTIFY) asked.add(call);
      else expect([call, arg, answer]).toEqual([call, arg, wanted]);
    }
  }
  expect([...asked]).toEqual(['ioctl']);
  expect(program.length).toBeLessThan(200);
});
