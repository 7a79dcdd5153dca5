// The smallest launcher there can be, for tests of lib/launch alone: `--policy FILE -- COMMAND…`, nothing else.
// Its command line is one that bin/sandbox-run.cjs understands too, so both are faces of the same tests.

import { writeSync } from 'node:fs';
import { compile } from '../../lib/compiler/compile.ts';
import { SandboxError } from '../../lib/errors.ts';
import { rawWords } from '../../lib/launch/argv.ts';
import { launchInPlace } from '../../lib/launch/in-place.ts';
import { abis } from '../../lib/linux/abi.ts';
import { loadPolicy } from '../../lib/policy/language/load.ts';

const [, , , file, , ...words] = process.argv;
process.on('exit', () => {
  if (process.env.TELL_EXIT !== undefined) writeSync(2, 'an exit handler ran\n');
});
setTimeout(() => writeSync(2, 'a timer ran\n'), 1);
try {
  const policy = loadPolicy(file!);
  const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
  const gates = ['execve', 'write', 'exit_group'];
  const options = { abis: policy.abis?.map((name) => abis[name]) ?? [native], gates };
  const one = compile(policy, options);
  const filters = one.length === 1 ? one : compile(policy, { ...options, gates: [...gates, 'seccomp'] });
  launchInPlace({ filters, command: rawWords(words) });
} catch (error) {
  const advice = error instanceof SandboxError && error.advice !== undefined ? `\n  ${error.advice}` : '';
  writeSync(2, `sandbox-run: ${error instanceof Error ? error.message : error}${advice}\n`);
  process.exit(error instanceof SandboxError && 'exitStatus' in error ? Number(error.exitStatus) : 125);
}
