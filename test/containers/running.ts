// Containers that live for a while, and what is read of them.

import { readFileSync } from 'node:fs';
import { type Ending, podman, runOptions, shell } from './image.ts';

/** Docker's default profile as Debian's golang-github-containers-common has it. */
export const dockerProfile = '/usr/share/containers/seccomp.json';

/** /proc/PID/status by its fields. */
export function fieldsOf(status: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    status.split('\n').flatMap((line) => {
      const [name, value] = line.split(/:\t?(.*)/, 2);
      return value === undefined ? [] : [[name, value.trim()]];
    }),
  );
}

/** Docker's profile, which answers these calls with EPERM. */
export function profileWithout(...calls: readonly string[]): string {
  const profile = JSON.parse(readFileSync(dockerProfile, 'utf8')) as {
    syscalls: { names: string[]; action: string }[];
  };
  for (const rule of profile.syscalls) rule.names = rule.names.filter((name) => !calls.includes(name));
  profile.syscalls = profile.syscalls.filter((rule) => rule.names.length > 0);
  return JSON.stringify({
    ...profile,
    syscalls: [...profile.syscalls, { names: calls, action: 'SCMP_ACT_ERRNO', errnoRet: 1, args: [] }],
  });
}

export interface Stopped {
  readonly status: number;
  /** What the program wrote. */
  readonly output: string;
  /** What podman complained about while it stopped it: nothing where SIGTERM was enough. */
  readonly signals: string;
  /** Of each command run inside meanwhile. */
  readonly answers: readonly string[];
}

const SEPARATOR = '\x1e';

/** Starts it in the background, waits for the line `ready`, runs commands inside, and stops it with `podman stop`. */
export function runUntilStopped(
  image: string,
  words: readonly string[],
  options: readonly string[],
  commands: readonly (readonly string[])[],
  runtime: string,
): Stopped {
  const tool = podman(runtime).join(' ');
  const name = `stopped-${process.pid}-${Math.floor(performance.now())}`;
  const inside = commands.map(
    (command) => `${tool} exec ${name} ${command.map(quoted).join(' ')} 2>&1; printf '${SEPARATOR}'`,
  );
  const script = [
    `"$@" >/dev/null || exit 99`,
    `for i in $(seq 100); do ${tool} logs ${name} 2>&1 | grep -q ready && break; sleep 0.1; done`,
    ...inside,
    `${tool} stop --time 30 ${name} 2>&1 >/dev/null; printf '${SEPARATOR}'`,
    `${tool} logs ${name}; printf '${SEPARATOR}'`,
    `${tool} inspect --format '{{.State.ExitCode}}' ${name}`,
    `${tool} rm --force ${name} >/dev/null`,
  ].join('\n');
  const start = [
    ...podman(runtime),
    'run',
    '--detach',
    '--name',
    name,
    ...runOptions,
    ...options,
    image,
    ...words,
  ];
  const ending: Ending = shell(script, start);
  const parts = ending.stdout.split(SEPARATOR);
  const [signals = '', output = '', status = ''] = parts.slice(commands.length);
  if (status === '') throw new Error(`the container did not run: ${ending.stdout}${ending.stderr}`);
  return { status: Number(status), output, signals, answers: parts.slice(0, commands.length) };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
