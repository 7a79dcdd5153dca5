import type { Policy } from '../../lib/policy/model.ts';

export function refusedCalls(policy: Policy, log: string): readonly string[];
