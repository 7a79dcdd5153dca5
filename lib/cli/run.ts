// The main job: `sandbox-run [options] [--] PROGRAM [ARG…]`. Whatever goes wrong ends here with a message and 125 to 127.

import { LaunchError } from '../errors.ts';
import { rawWords } from '../launch/argv.ts';
import { filtersFor } from '../launch/filters.ts';
import { launchInPlace, prepareLaunch } from '../launch/in-place.ts';
import { actionText } from '../policy/action.ts';
import { printPolicy } from '../policy/language/print.ts';
import { defaultOf } from '../policy/model.ts';
import { writeAll } from './report.ts';
import { policyFrom, servedHere } from './sources.ts';
import type { Split } from './words.ts';

/** Becomes the program; comes back only from a dry run. */
export function run({ options, command }: Split): void {
  const words = rawWords(command);
  if (words.length === 0) {
    throw new LaunchError('no program to run', 125, {
      advice: 'sandbox-run [options] -- PROGRAM [ARG…]; see sandbox-run --help',
    });
  }
  const policy = policyFrom(options, process.env);
  const abis = servedHere(options, policy);
  const filters = filtersFor(policy, abis);
  if (options['dry-run'] !== true) launchInPlace({ filters, command: words });
  const found = Buffer.from(prepareLaunch({ filters, command: words }).native.path).toString();
  const sizes = filters.map((filter) => filter.length);
  const served = abis.map((abi) => abi.name);
  writeAll(
    1,
    options.json === true
      ? `${JSON.stringify({ program: found, abis: served, instructions: sizes, default: actionText(defaultOf(policy)), policy: printPolicy(policy) })}\n`
      : `# would run ${found} (${served.join(', ')}; proved, ${sizes.join(' + ')} instructions) under\n${printPolicy(policy)}`,
  );
}
