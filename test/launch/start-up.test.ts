// What holds up to main under libsandbox.so, against the meaning of policies: all that the policy permits, what a start asks for, and
// nothing else.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startUpPolicy } from '../../lib/launch/start-up.ts';
import { actionText, permits } from '../../lib/policy/action.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { emptyPolicy } from '../../lib/policy/model.ts';
import { callData, policies, someAbis } from '../policy/arbitraries.ts';

/** Without a policy's own: what any start is permitted. */
const anyStart = startUpPolicy({ ...emptyPolicy, default: { kind: 'kill' } });

test('is wider than the policy by what a start asks for, and by nothing else', () => {
  const situations = fc
    .constantFrom(...someAbis)
    .chain((abi) =>
      fc.tuple(
        fc.constant(abi),
        policies({ numbers: false, decorated: false }),
        fc.array(callData(abi), { minLength: 20, maxLength: 20 }),
      ),
    );
  fc.assert(
    fc.property(situations, ([abi, policy, calls]) => {
      const start = startUpPolicy(policy);
      for (const call of calls) {
        const [whole, wide] = [evaluate(policy, abi, call), evaluate(start, abi, call)];
        const what = `${abi.name} ${call.nr} ${call.args}: ${actionText(whole)} became ${actionText(wide)}`;
        const asked = evaluate(anyStart, abi, call);
        if (permits(whole) || permits(asked)) expect(permits(wide), what).toBe(true);
        else if (asked.kind !== 'errno') expect(actionText(wide), what).toBe(actionText(whole));
      }
    }),
    { numRuns: 100 },
  );
});

test('clone3 is not there for a start, whoever refuses it, unless the policy permits it', () => {
  const clone3 = { nr: 435, args: [0n, 0n, 0n, 0n, 0n, 0n] };
  const answer = (text: string) =>
    actionText(evaluate(startUpPolicy(parsePolicy(text, { file: 'test' })), someAbis[0]!, clone3));
  for (const refused of ['', 'kill clone3\n', 'errno EPERM @process\n', 'default errno EPERM clone3\n'])
    expect(answer(`default kill\n${refused}`)).toBe('errno ENOSYS');
  expect(answer('default allow\nkill @process\n')).toBe('errno ENOSYS');
  expect(answer('default allow\n')).toBe('allow');
  expect(answer('default kill\nallow clone3\n')).toBe('allow');
});
