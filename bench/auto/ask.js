// What `sandbox-run analyze` finds for one program, as figures: for the tables of tightness.js and usr-bin.js.

import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { evaluate, parsePolicy } from '../../dist/lib/index.js';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '..', '..', 'bin', 'sandbox-run.cjs');
const usage = join(here, 'usage.js');
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** `also`: as --also. `main` is undefined where start-up is not told apart; an `error` stands where there is no answer. */
export async function ask(name, also) {
  try {
    const words = [
      '--import',
      usage,
      cli,
      'analyze',
      '--json',
      ...also.flatMap((one) => ['--also', one]),
      '--',
      name,
    ];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words, {
      timeout: 120_000,
      maxBuffer: 256 * 1024 * 1024,
      env: { PATH },
    });
    const found = JSON.parse(stdout);
    const { policy, notices, programs, execRefused } = found;
    const { main, ...whole } = parsePolicy(policy, { file: name });
    return {
      name,
      whole: shape(whole, found.arguments),
      main: main === undefined ? undefined : shape(main, found.afterMain.arguments),
      isUnknown: notices.some((one) => one.includes('number of a call is not known')),
      executes: execRefused || programs.length > 1,
      ...JSON.parse(stderr.trim().split('\n').at(-1)),
    };
  } catch (error) {
    const why = error.killed === true ? 'takes more than two minutes' : (error.stderr ?? error.message);
    return { name, error: why.trim().split('\n')[0] };
  }
}

/** Calls by name, rules, calls of which each use has a condition, whether memory can be made executable, and such that can be
 * written (any of a few usual uses of mmap and mprotect with PROT_EXEC is permitted), and how many arguments are held. */
function shape(policy, args) {
  const allowed = policy.statements.filter((one) => one.action.kind === 'allow');
  const calls = allowed.flatMap((one) => one.calls);
  const names = new Set(calls.map((call) => call.target.name));
  const free = new Set(calls.filter((call) => call.when === undefined).map((call) => call.target.name));
  const permits = (call, args) => evaluate(policy, { call, args }).kind === 'allow';
  // PROT_EXEC with and without the others; private and shared mappings of files, and mappings of nothing.
  const [CODE, FILES, OTHERS] = [
    [4, 5, 6, 7],
    [0x02, 0x802, 0x812],
    [0x01, 0x11, 0x22, 0x32],
  ];
  const maps = (prot, flags) => permits('mmap', [0, 4096, prot, flags, 3, 0]);
  const runsWritten = CODE.some(
    (prot) =>
      permits('mprotect', [0x1000, 4096, prot, 0, 0, 0]) ||
      OTHERS.some((flags) => maps(prot, flags)) ||
      ((prot & 2) !== 0 && FILES.some((flags) => maps(prot, flags))),
  );
  const mapsExecutable = runsWritten || CODE.some((prot) => FILES.some((flags) => maps(prot, flags)));
  return {
    calls: names.size,
    rules: allowed.length,
    conditioned: names.size - free.size,
    mapsExecutable,
    runsWritten,
    args,
  };
}
