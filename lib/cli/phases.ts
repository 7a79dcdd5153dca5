// What --at and --main-policy make of a policy, for a run and for `pack`.

import { PolicyError, UsageError } from '../errors.ts';
import type { At } from '../launch/place.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import { permissive } from '../policy/algebra/permissive.ts';
import { loadPolicy } from '../policy/language/load.ts';
import type { Policy } from '../policy/model.ts';

export interface PhaseWords {
  readonly at?: string | undefined;
  readonly 'main-policy'?: string | undefined;
  readonly permissive?: boolean | undefined;
}

/** With the phase that --main-policy says, beside the one that the policy itself may have: both must permit a call. */
export function withMainPolicy(policy: Policy, options: PhaseWords): Policy {
  const file = options['main-policy'];
  if (file === undefined) return policy;
  const said = loadPolicy(file);
  if (said.main !== undefined) {
    throw new PolicyError(`${file}: a policy for main has no phases`, { advice: 'give it with --policy' });
  }
  const main = policy.main === undefined ? said : intersect(policy.main, said);
  return { ...policy, main: options.permissive === true ? permissive(main) : main };
}

/** Where the policy, or its phase of main, begins. Throws UsageError where --at says otherwise than the policy. */
export function placeWanted(options: PhaseWords, policy: Policy): At {
  const at = options.at as At | undefined;
  if (policy.main === undefined) return at ?? 'exec';
  if (at !== 'exec') return at ?? 'main';
  throw new UsageError('the policy has a phase that begins later, and --at exec says otherwise', {
    advice: 'leave --at out, or give --at entry',
  });
}
