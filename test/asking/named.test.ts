// Numbers as names: what people read, and the same meaning always.

import { expect, test } from 'vitest';
import { named } from '../../lib/asking/named.ts';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { expectedValue, textOf } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const nameIn = (text: string, ...served: readonly Abi[]) =>
  printPolicy(named(parsePolicy(text, { file: 'test' }), served)).trim();

test.each([
  ['allow ioctl(arg1 == 21505 || cmd == 21523)', 'allow ioctl(cmd == TCGETS || cmd == TIOCGWINSZ)'],
  ['allow socket(arg0 in {1, 2..3, 10})', 'allow socket(family in {AF_UNIX, 2..3, AF_INET6})'],
  ['allow mmap(arg2:64 & 4 == 0)', 'allow mmap(prot & PROT_EXEC == 0)'],
  ['allow mprotect(arg2 & 6)', 'allow mprotect(prot & PROT_WRITE|PROT_EXEC)'],
  ['allow openat(arg2:64 == 0x80000)', 'allow openat(flags:64 == O_CLOEXEC)'],
  // Which option it is depends on another argument; an order has no names; what has no name stays as it was written.
  ['allow setsockopt(arg2 == 9)', 'allow setsockopt(optname == 9)'],
  ['allow ioctl(cmd < 21505)', 'allow ioctl(cmd < 21505)'],
  ['allow ioctl(cmd == 0x12345)', 'allow ioctl(cmd == 0x12345)'],
  ['allow #16(arg1 == 21505)', 'allow #16(arg1 == 21505)'],
])('%s is %s', (text, said) => {
  expect(nameIn(text, abis.x86_64)).toBe(said);
});

test('a name is taken only where every ABI means the same number by it', () => {
  expect(nameIn('allow ioctl(cmd == 21505)', abis.x86_64, abis.aarch64)).toBe('allow ioctl(cmd == TCGETS)');
  expect(nameIn('allow ioctl(cmd == 21505)', abis.x86_64, abis.mips64)).toBe('allow ioctl(cmd == 21505)');
});

test('the meaning of random policies stays', () => {
  const random = randomFrom(seed);
  let changed = 0;
  for (let round = 0; round < 60; round++) {
    const served = round % 2 === 0 ? [abis.x86_64] : [abis.x86_64, abis.i386];
    const policy = { ...randomPolicy(random, served), abis: served.map((abi) => abi.name) };
    const other = named(policy, served);
    if (textOf(other) !== textOf(policy)) changed++;
    for (const call of randomCalls(random, policy, served, 100))
      expect(expectedValue(other, served, call), `${seed} ${textOf(call)}\n${textOf(policy)}`).toBe(
        expectedValue(policy, served, call),
      );
  }
  expect(changed).toBeGreaterThan(20);
});
