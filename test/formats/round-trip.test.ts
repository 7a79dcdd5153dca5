// What is written and read again, bit for bit (--exact), means the same, for every format that has both: policies with all operators, widths and signs. What a
// format cannot say it must tell; what it then says may be stricter than the policy, never looser, unless it told that it is.

import { expect, test } from 'vitest';
import { difference } from '../../lib/asking/difference.ts';
import { formats } from '../../lib/formats/index.ts';
import { abis } from '../../lib/linux/abi.ts';
import { permits } from '../../lib/policy/action.ts';
import { decideData } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { defaultOf, type Policy } from '../../lib/policy/model.ts';
import { randomFrom } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const native = abis.x86_64;
const both = formats.filter(
  (one) => one.write !== undefined && one.read !== undefined && one.name !== 'policy',
);

function drawn(seed: number): Policy {
  const policy = randomPolicy(randomFrom(seed), [native]);
  const fallback = defaultOf(policy);
  return { ...policy, default: fallback, unknown: fallback, foreign: { kind: 'kill' } };
}

const named = (policy: Policy) => ({ kind: 'policy' as const, name: 'x', policy });

test.each(both.map((one) => [one.name, one] as const))('%s', (name, format) => {
  let exact = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const policy = drawn(seed);
    const { text, lost } = format.write!(policy, { name: 'x', abis: [native] });
    const { policy: again } = format.read!(String(text), { file: 'x', abi: native, exact: true });
    if (lost.length === 0) {
      exact++;
      const { changes } = difference(named(policy), named(again), { native: 'x86_64', abis: ['x86_64'] });
      expect({ seed, changes }).toEqual({ seed, changes: [] });
    } else if (!lost.some((one) => one.restricts)) {
      for (const data of randomCalls(randomFrom(seed), policy, [native], 300)) {
        const [before, after] = [policy, again].map((one) => decideData(one, [native], data).action);
        const isWider = permits(after!) && !permits(before!);
        expect(
          isWider &&
            `${name} ${seed}: ${JSON.stringify({ data: data.nr, args: data.args.map(String), before, after })}`,
        ).toBe(false);
      }
    }
  }
  console.log(`${name}: ${exact} of 40 exactly`);
});

test.each(
  formats
    .filter((one) => one.write !== undefined && !['policy', 'kubernetes-pod'].includes(one.name))
    .map((one) => [one.name, one] as const),
)('%s tells that what holds from main on is lost', (_, format) => {
  const policy = parsePolicy('default errno EPERM\nunknown errno EPERM\nallow @default, @basic-io', {
    file: 'x',
  });
  const main: Policy = { default: { kind: 'kill' }, statements: [], defaults: [] };
  const told = (one: Policy) =>
    format.write!(one, { name: 'x', abis: [native] }).lost.some((loss) => loss.restricts);
  expect([told(policy), told({ ...policy, main })]).toEqual([false, true]);
});
