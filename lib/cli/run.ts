// The main job: `sandbox-run [options] [--] PROGRAM [ARG…]`. Whatever goes wrong ends here with a message and 125 to 127.

import type { Program } from '../bpf/instruction.ts';
import { LaunchError, UsageError } from '../errors.ts';
import { rawWords } from '../launch/argv.ts';
import { type Phases, phasesFor, preloadPhases } from '../launch/filters.ts';
import { type InPlaceLaunch, launchInPlace, prepareLaunch } from '../launch/in-place.ts';
import type { Abi } from '../linux/abi.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { actionText } from '../policy/action.ts';
import { printPolicy } from '../policy/language/print.ts';
import { defaultOf, type Policy } from '../policy/model.ts';
import { type Log, logFor } from './log.ts';
import type { RunWords } from './options.ts';
import { placeWanted, withMainPolicy } from './phases.ts';
import { writeAll } from './report.ts';
import { policyFrom, servedHere } from './sources.ts';
import type { Split } from './words.ts';

/** What the watcher of --explain changes of a launch (explained.ts). */
export type WatcherFor = (
  options: RunWords,
  policy: Policy,
  abis: readonly Abi[],
  phases: Phases,
  command: readonly string[],
) => Partial<InPlaceLaunch> | undefined;

/** Becomes the program; comes back only from a dry run. */
export function run({ options, command }: Split, watcherFor?: WatcherFor, analysed?: Policy): void {
  const words = rawWords(command);
  if (words.length === 0) {
    throw new LaunchError('no program to run', 125, {
      advice: 'sandbox-run [options] -- PROGRAM [ARG…]; see sandbox-run --help',
    });
  }
  const policy = withMainPolicy(policyFrom(options, process.env, analysed), options);
  const abis = servedHere(options, policy);
  const phases =
    options.preload === true
      ? preloadPhases(policy, abis)
      : phasesFor(policy, abis, placeWanted(options, policy));
  const { later, preloaded } = phases;
  const filters = [
    ...phases.filters,
    ...(later?.filters ?? []),
    ...(preloaded === undefined ? [] : [preloaded]),
  ];
  tell(logFor(options), policy, abis, filters);
  if (options.suggest !== undefined && options.explain !== true) {
    throw new UsageError('--suggest needs --explain', { advice: 'add --explain' });
  }
  if (options.explain === true && preloaded !== undefined) {
    throw new UsageError('--explain watches a filter that the launcher installs', {
      advice: 'use --at main in the place of preload, or leave out --explain',
    });
  }
  const launch = { ...phases, command: words };
  if (options['dry-run'] !== true) {
    launchInPlace({ ...launch, ...watcherFor?.(options, policy, abis, phases, command) });
  }
  const found = Buffer.from(prepareLaunch(launch).native.path).toString();
  const sizes = filters.map((filter) => filter.length);
  const served = abis.map((abi) => abi.name);
  writeAll(
    1,
    options.json === true
      ? `${JSON.stringify({ program: found, abis: served, instructions: sizes, default: actionText(defaultOf(policy)), policy: printPolicy(policy) })}\n`
      : `# would run ${found} (${served.join(', ')}; proved, ${sizes.join(' + ')} instructions) under\n${printPolicy(policy)}`,
  );
}

/** What a curious operator may want to know. Nothing of it is worked out unless it is asked for. */
function tell(log: Log, policy: Policy, abis: readonly Abi[], filters: readonly Program[]): void {
  log.debug(
    () => ({ abis: abis.map((abi) => abi.name), instructions: filters.map((filter) => filter.length) }),
    'compiled and proved',
  );
  log.debug(() => ({ calls: skippedCalls(policy, abis) }), 'calls of the policy that no served ABI has');
  if (policy.statements.some((statement) => statement.action.kind === 'notify')) {
    log.info(
      () => ({}),
      'the policy asks a supervisor (notify) and there is none: such calls fail with ENOSYS',
    );
  }
}

/** Names in the policy that only other ABIs have: policies are portable, so they are no errors. */
function skippedCalls(policy: Policy, abis: readonly Abi[]): readonly string[] {
  const named = policy.statements.flatMap(({ calls }) =>
    calls.flatMap(({ target }) => (target.kind === 'name' ? [target.name] : [])),
  );
  return [...new Set(named)].filter((name) => abis.every((abi) => syscallNumber(abi, name) === undefined));
}
