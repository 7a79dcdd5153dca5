// Answers that are kept must not outlive what they rest on.

import { expect, test } from 'vitest';
import { KeptWhileReached } from '../../lib/analysis/kept.ts';

test.each([
  'queue',
  'given',
  'modules',
] as const)('an answer is asked for again once there is more in: %s', (grows) => {
  const lists = { queue: [0], given: [0], modules: [0] };
  const reach = { queue: lists.queue, given: lists.given, world: { modules: lists.modules } };
  const kept = new KeptWhileReached<string, number>();
  let asked = 0;
  const ask = () => kept.get(reach, 'key', () => ++asked);
  expect([ask(), ask()]).toEqual([1, 1]);
  lists[grows].push(1);
  expect([ask(), ask()]).toEqual([2, 2]);
});
