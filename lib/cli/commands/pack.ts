// `pack`: one executable that carries the proved filter, and if wanted the command, and needs no Node where it runs.

import { readFileSync } from 'node:fs';
import type { Program } from '../../bpf/instruction.ts';
import { SandboxError, UsageError } from '../../errors.ts';
import { rawWords } from '../../launch/argv.ts';
import { phasesFor } from '../../launch/filters.ts';
import { inspectLauncher } from '../../launch/pack.ts';
import type { Payload } from '../../launch/payload.ts';
import { writeLauncher } from '../../launch/written.ts';
import { abis } from '../../linux/abi.ts';
import { nativePlaces } from '../../native.ts';
import { printPolicy } from '../../policy/language/print.ts';
import type { Command, CommandWords } from '../command.ts';
import { policyOptions, runOptions } from '../options.ts';
import { type PhaseWords, placeWanted, withMainPolicy } from '../phases.ts';
import { writeAll } from '../report.ts';
import { nativeAbi, policyFrom, servedHere } from '../sources.ts';

const places = { entry: nativePlaces.entry, main: nativePlaces.mainByStart };

export const pack: Command = {
  name: 'pack',
  usage: '[policy options] -o FILE [-- PROGRAM ARG…]',
  help: 'Make a launcher that carries the filter and needs no Node',
  options: [
    ...policyOptions,
    ...runOptions.filter(({ name }) => name === 'at' || name === 'main-policy'),
    { name: 'output', alias: 'o', value: 'FILE', completes: 'file', help: 'The launcher to write' },
    { name: 'inspect', value: 'FILE', completes: 'file', help: 'Show what a launcher holds' },
  ],
  operands: 'program',
  examples: [
    ['$0 pack -p app.policy -o launcher -- /app', './launcher ARG… then runs /app ARG… inside the filter'],
    ['$0 pack -p app.policy -o launcher', './launcher PROGRAM ARG… runs any program inside it'],
    ['$0 pack -p app.policy --at main -o launcher', 'the filter begins at main of the program'],
    ['$0 pack --inspect launcher', 'what is in it'],
  ],
  run(words) {
    if (words.inspect !== undefined) return inspect(words);
    const file = words.output as string | undefined;
    if (file === undefined)
      throw new UsageError('pack needs a file to write', { advice: 'give it with -o FILE' });
    const policy = withMainPolicy(policyFrom(words, process.env), words as PhaseWords);
    const { filters, later } = phasesFor(
      policy,
      servedHere(words, policy),
      placeWanted(words as PhaseWords, policy),
    );
    const payload: Payload = {
      arch: nativeAbi().auditArch,
      flags: 0,
      filters,
      command: rawWords(words.words),
      policy: printPolicy(policy),
      // Which file will be started is known only then, so main is found by its start code.
      ...(later === undefined
        ? {}
        : { later: { place: places[later.at], offset: 0, filters: later.filters } }),
    };
    writeLauncher(file, payload);
    return 0;
  },
};

function inspect(words: CommandWords): number {
  const file = words.inspect as string;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new SandboxError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  const payload = inspectLauncher(bytes);
  const machine = Object.values(abis).find((abi) => abi.auditArch === payload.arch)?.name ?? 'unknown';
  const command = payload.command.map((word) => word.toString());
  const sizes = (programs: readonly Program[]) => programs.map((program) => program.length);
  const instructions = sizes(payload.filters);
  const { later } = payload;
  const at = later === undefined ? 'exec' : later.place === nativePlaces.entry ? 'entry' : 'main';
  writeAll(
    1,
    words.json === true
      ? `${JSON.stringify({ machine, command, instructions, ...(later === undefined ? {} : { later: { at, instructions: sizes(later.filters) } }), bytes: bytes.length, policy: payload.policy })}\n`
      : `machine       ${machine}\ncommand       ${command.length === 0 ? '(given when it is started)' : command.join(' ')}\ninstructions  ${instructions.join(' + ')}${later === undefined ? '' : `, from ${at} on ${sizes(later.filters).join(' + ')}`}\nbytes         ${bytes.length}\n\n${payload.policy}`,
  );
  return 0;
}
