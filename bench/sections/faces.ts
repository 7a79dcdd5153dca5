// The three ways to put a program into a filter, beside other launchers: what each adds to a bare start, how large it is, what it needs, and when
// its filter begins.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encode } from '../../lib/bpf/instruction.ts';
import { nativeAbi } from '../../lib/cli/sources.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { filtersFor, phasesFor } from '../../lib/launch/filters.ts';
import { packLauncher } from '../../lib/launch/pack.ts';
import { nativeFile, nativePlaces } from '../../lib/native.ts';
import {
  benchPolicy,
  buildHelper,
  hasCommand,
  median,
  needs,
  type Places,
  runHelper,
  type Section,
  table,
} from '../section.ts';

const ROUNDS = 151;
const PROGRAM = '/bin/true';

export const faces: Section = {
  name: 'faces',
  title: `Ways to start ${PROGRAM} inside Docker’s profile`,
  needs: [needs.gcc, needs.bubblewrap],
  run(places) {
    const rows = rowsFor(places);
    const words = rows.flatMap(({ words }) => ['--', ...words.map((word) => (word === '--' ? '---' : word))]);
    const output = runHelper(buildHelper(places, 'starts'), [String(ROUNDS), ...words]);
    const rounds = output
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number));
    const at = (label: string) => rows.findIndex((row) => row.label === label);
    const cells = rows.map(({ label, over, size, needs, begins }, index) => {
      const added =
        over === undefined
          ? undefined
          : median(rounds.map((round) => (round[index]! - round[at(over)]!) / 1e6));
      const time = median(rounds.map((round) => round[index]!)) / 1e6;
      return [
        label,
        added === undefined ? `(${time.toFixed(2)})` : `+${added.toFixed(2)}`,
        size ?? '',
        needs ?? '',
        begins ?? '',
      ];
    });
    return [
      `Medians of ${ROUNDS} rounds in which all commands take turns; each is compared with the start in brackets of the same round.\n`,
      table(['start', 'ms', 'size, bytes', 'needs', 'the filter begins'], cells),
    ].join('\n');
  },
};

interface Row {
  readonly label: string;
  readonly words: readonly string[];
  /** The row whose time it is compared with. */
  readonly over?: string;
  readonly size?: string | number;
  readonly needs?: string;
  readonly begins?: string;
}

const BARE = 'bare';
const BARE_ENV = 'bare, behind env';

function rowsFor(places: Places): readonly Row[] {
  const root = dirname(places.bench);
  const policyFile = join(places.bench, 'policies', 'b-docker.policy');
  const policy = benchPolicy(places, 'b-docker');
  const native = nativeAbi();
  const launcherFile = nativeFile('sandbox-launch', root);
  const packed = join(places.scratch, 'faces-launcher');
  const payload = {
    arch: native.auditArch,
    flags: 0,
    filters: filtersFor(policy, [native]),
    command: [],
    policy: '',
  };
  writeFileSync(packed, packLauncher(readFileSync(launcherFile), payload), { mode: 0o755 });
  const packedLater = join(places.scratch, 'faces-launcher-later');
  const { filters, later } = phasesFor(policy, [native], 'main');
  const main = { place: nativePlaces.mainByStart, offset: 0, filters: later!.filters };
  writeFileSync(packedLater, packLauncher(readFileSync(launcherFile), { ...payload, filters, later: main }), {
    mode: 0o755,
  });
  const raw = join(places.scratch, 'faces.bpf');
  writeFileSync(raw, encode(compile(policy, { abis: [native] })[0]!));
  const library = nativeFile('libsandbox.so', root);
  const sandboxRun = [process.execPath, join(root, 'bin', 'sandbox-run.cjs'), '--policy', policyFile];
  const size = (file: string) => statSync(file).size;
  const names = 'SECCOMP_SYSCALL_ALLOW=@system-service';
  return [
    { label: BARE, words: [PROGRAM] },
    { label: BARE_ENV, words: ['env', PROGRAM] },
    {
      label: 'packed launcher',
      words: [packed, PROGRAM],
      over: BARE,
      size: size(packed),
      needs: 'nothing',
      begins: 'at exec',
    },
    {
      label: 'packed launcher, pack --at main',
      words: [packedLater, PROGRAM],
      over: BARE,
      size: size(packedLater),
      needs: 'ptrace of its own child',
      begins: 'before main',
    },
    {
      label: 'sandbox-launch, list in the environment',
      words: ['env', names, launcherFile, PROGRAM],
      over: BARE_ENV,
      size: size(launcherFile),
      needs: 'nothing',
      begins: 'at exec',
    },
    {
      label: 'libsandbox.so, compiled filter',
      words: ['env', `LD_PRELOAD=${library}`, `SECCOMP_FILTER=${raw}`, PROGRAM],
      over: BARE_ENV,
      size: size(library),
      needs: 'a dynamic program',
      begins: 'before main',
    },
    {
      label: 'libsandbox.so, list in the environment',
      words: ['env', `LD_PRELOAD=${library}`, names, PROGRAM],
      over: BARE_ENV,
      size: size(library),
      needs: 'a dynamic program',
      begins: 'before main',
    },
    {
      label: 'sandbox-run',
      words: [...sandboxRun, '--', PROGRAM],
      over: BARE,
      needs: 'Node',
      begins: 'at exec',
    },
    {
      label: 'sandbox-run --at main',
      words: [...sandboxRun, '--at', 'main', '--', PROGRAM],
      over: BARE,
      needs: 'Node, ptrace of its own child',
      begins: 'before main',
    },
    {
      label: 'bubblewrap',
      words: [`<${raw}`, 'bwrap', '--dev-bind', '/', '/', '--seccomp', '10', PROGRAM],
      over: BARE,
      needs: 'user namespaces or setuid',
      begins: 'at exec, exec permitted',
    },
    ...(hasCommand('minijail0')
      ? [
          {
            label: 'minijail',
            words: ['minijail0', '-n', '--seccomp-bpf-binary', raw, PROGRAM],
            over: BARE,
            needs: 'nothing',
            begins: 'at exec, exec permitted',
          },
        ]
      : []),
    ...(hasCommand('firejail')
      ? [
          {
            label: 'firejail',
            words: ['firejail', '--quiet', '--noprofile', '--seccomp', PROGRAM],
            over: BARE,
            needs: 'setuid',
            begins: 'at exec, exec permitted',
          },
        ]
      : []),
  ];
}
