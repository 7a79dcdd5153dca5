// Trying a policy out: everything goes on, and what would have been refused is logged.

import { permits } from '../action.ts';
import { type Action, defaultOf, foreignOf, type Policy, type Statement } from '../model.ts';

/** The same policy with `log` in the place of every refusal, calls through other ABIs included. */
export function permissive(policy: Policy): Policy {
  const statement = (one: Statement): Statement => ({ ...one, action: softened(one.action) });
  return {
    ...policy,
    default: softened(defaultOf(policy)),
    // Not said, it follows from the default: ENOSYS, a refusal, becomes log as the default does.
    ...(policy.unknown !== undefined && { unknown: softened(policy.unknown) }),
    foreign: softened(foreignOf(policy)),
    statements: policy.statements.map(statement),
    defaults: policy.defaults.map(statement),
    ...(policy.main !== undefined && { main: permissive(policy.main) }),
  };
}

function softened(action: Action): Action {
  return permits(action) ? action : { kind: 'log' };
}
