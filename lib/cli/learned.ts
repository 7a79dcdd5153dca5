// `learn`: run a program while everything that it asks of the kernel is recorded, and write a policy from that; or from
// recordings that were made before. Its program runs in place as in any run, with the recorder beside it, so this must
// not touch process.stdout (run.ts), and is loaded without yargs.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Program } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import { LaunchError, UsageError } from '../errors.ts';
import { rawWords } from '../launch/argv.ts';
import { filtersFor } from '../launch/filters.ts';
import { launchInPlace } from '../launch/in-place.ts';
import { watchScript } from '../native.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import type { Policy } from '../policy/model.ts';
import { parseRecordings, type Recording } from '../supervise/recording.ts';
import { granted } from '../supervise/siblings.ts';
import { encodeJob, type Writes } from '../supervise/wire.ts';
import { isReplaceable } from '../whole.ts';
import { learn as command } from './commands/learn.ts';
import { loadFormats, readPolicyFile } from './files.ts';
import { nativeAbi } from './machine.ts';
import { helpOptions, outputOptions } from './options.ts';
import { report, writeAll } from './report.ts';
import { splitWords } from './words.ts';
import { stabilityText, writeLearnt } from './written.ts';

interface LearnWords {
  readonly output?: string;
  readonly merge?: boolean;
  readonly record?: string;
  readonly replay?: readonly string[];
  readonly stability?: boolean;
  readonly 'names-only'?: boolean;
  readonly within?: string;
  readonly verify?: string;
  readonly fast?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly help?: boolean;
}

/** `words`: those of `learn` alone. Gives the exit status, or becomes the program; `help` shows the help. Errors are told here,
 * since the caller is of another bundle and does not know their classes. */
export async function learn(words: readonly string[], help: () => Promise<number>): Promise<number> {
  try {
    return await learnFrom(words, help);
  } catch (error) {
    return report(error, words.includes('--replay') ? 2 : 125, words.includes('--json'));
  }
}

async function learnFrom(words: readonly string[], help: () => Promise<number>): Promise<number> {
  const table = [...command.options, ...outputOptions, ...helpOptions];
  const split = splitWords(words, table);
  let options = split.options as LearnWords;
  if (options.help === true) return help();
  if (options.merge === true && options.output === undefined)
    throw new UsageError('--merge needs the policy to add to', { advice: 'name it with -o FILE' });
  if (options.replay !== undefined) {
    // `--replay *.rec -o FILE`: the shell has made many words of it.
    const files = [...options.replay];
    for (let rest = split.command; rest.length > 0; ) {
      files.push(rest[0]!);
      const more = splitWords(rest.slice(1), table);
      options = { ...options, ...(more.options as LearnWords) };
      rest = more.command;
    }
    return replay(files, options, writesOf(options));
  }
  if (split.command.length === 0) {
    throw new LaunchError('no program to learn from', 125, {
      advice: 'sandbox-run learn [options] -- PROGRAM [ARG…], or --replay FILE',
    });
  }
  if (options.verify !== undefined && process.env[VERIFYING] === undefined) return verify(words);
  return run(split.command, options, writesOf(options));
}

function writesOf(options: LearnWords): Writes {
  return {
    merge: options.merge === true,
    namesOnly: options['names-only'] === true,
    ...(options.output === undefined ? {} : { output: resolve(options.output) }),
    ...(options.record === undefined ? {} : { record: resolve(options.record) }),
  };
}

function replay(files: readonly string[], options: LearnWords, writes: Writes): number {
  const recordings: Recording[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
    }
    for (const one of parseRecordings(text, file)) recordings.push(one);
  }
  if (options.stability === true) writeAll(1, stabilityText(recordings));
  if (options.stability !== true || writes.output !== undefined)
    writeLearnt(recordings, writes, 1, options.json === true);
  return 0;
}

// include/uapi/linux/seccomp.h, include/uapi/linux/bpf_common.h.
const RET_TRACE = 0x7ff00000;
const RET_LOG = 0x7ffc0000;
const RET_ALLOW = 0x7fff0000;
const RETURN_CONSTANT = 0x06;
const GATES = ['execve', 'write', 'exit_group', 'seccomp'];

async function run(words: readonly string[], options: LearnWords, writes: Writes): Promise<never> {
  // Afterwards would be too late to say it.
  for (const place of [writes.output, writes.record]) if (place !== undefined) mustBeWritable(place);
  const native = nativeAbi();
  const outside = options.verify ?? options.within;
  if (options.verify !== undefined && (options.within !== undefined || options.fast === true))
    throw new UsageError('--verify goes with neither --within nor --fast');
  let policy: Policy | undefined;
  if (outside !== undefined) {
    await loadFormats();
    policy = readPolicyFile(outside, {});
  }
  const skipped = options.all === true || options.verify !== undefined ? [] : granted;
  const own = recordingFilter(skipped, options.fast === true);
  const served = (policy?.abis ?? [native.name]).includes(native.name) ? [native] : [];
  const filters: readonly Program[] =
    policy === undefined
      ? [own]
      : options.verify !== undefined
        ? filtersFor(policy, served).map(tracing)
        : [...compile(policy, { abis: served, gates: GATES }), own];
  if (options.fast === true && filters.length > 1)
    throw new UsageError('--fast does not go with --within', { advice: 'leave --fast out' });
  return launchInPlace({
    filters: options.fast === true ? [recordingFilter(skipped, false)] : filters,
    command: rawWords(words),
    helper: {
      script: watchScript(),
      words: [],
      ...(options.fast === true ? { watched: own } : {}),
      text: encodeJob({
        kind: 'learn',
        pid: process.pid,
        command: words,
        json: options.json === true,
        fast: options.fast === true,
        granted: skipped,
        writes,
        ...(options.verify === undefined ? {} : { verify: process.env[VERIFYING] ?? '' }),
      }),
    },
  });
}

function mustBeWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK);
    if (!isReplaceable(file)) throw new Error('it is no regular file');
  } catch (error) {
    throw new LaunchError(`cannot write ${file}: ${(error as Error).message}`, 125, {
      advice: 'name a file in a folder that exists and can be written to',
    });
  }
}

/** Everything stops for the recorder but what need not. */
function recordingFilter(skipped: readonly string[], fast: boolean): Program {
  const action = fast ? 'notify' : 'trace';
  const lines = [`default ${action}`, `unknown ${action}`, `foreign ${action}`];
  if (skipped.length > 0) lines.push(`allow ${[...skipped, 'mmap(!(prot & PROT_EXEC))'].join(', ')}`);
  const [program] = compile(parsePolicy(`${lines.join('\n')}\n`, { file: 'recorder' }), {
    abis: [nativeAbi()],
    gates: GATES,
  });
  return program!;
}

/** The proved program with every refusal as a stop for the tracer, which lets it go on. */
function tracing(program: Program): Program {
  return program.map((one) =>
    one.code === RETURN_CONSTANT && one.k !== RET_ALLOW && one.k !== RET_LOG ? { ...one, k: RET_TRACE } : one,
  );
}

const VERIFYING = 'SANDBOX_RUN_VERIFY';

/** The program's own status cannot say what was found, so it runs as a child, and the watcher leaves what it saw in a file. */
function verify(words: readonly string[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-verify-'));
  const file = join(folder, 'refused');
  try {
    const child = spawnSync(process.execPath, [process.argv[1]!, 'learn', ...words], {
      stdio: 'inherit',
      env: { ...process.env, [VERIFYING]: file },
    });
    let found: string;
    try {
      found = readFileSync(file, 'utf8');
    } catch {
      return child.status ?? 125;
    }
    writeAll(2, found);
    if (found !== '') return 1;
    if (child.signal !== null) process.kill(process.pid, child.signal);
    return child.status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
