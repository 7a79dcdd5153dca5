// The examples of every command's help are run as they stand there, in a folder that holds what they name.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { commands } from '../../lib/cli/commands/index.ts';
import { RUN_EXAMPLES } from '../../lib/cli/help.ts';
import { command, sandboxRun, start } from '../cli/command.ts';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder('examples');
const home = join(folder, 'home');
let other: ChildProcess;

/** What examples write over what others read is put back before each. */
function writeFiles(): void {
  const text = (name: string, content: string) => writeFileSync(join(folder, name), content);
  text('app', '#!/bin/sh\nexec sleep 0.01\n');
  chmodSync(join(folder, 'app'), 0o755);
  text('sandbox-run', `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
  chmodSync(join(folder, 'sandbox-run'), 0o755);
  copyFileSync('/bin/true', join(folder, 'true'));
  const policy = 'default errno EPERM\nallow @system-service, execve, ioctl(cmd == TCGETS)\n';
  for (const name of [
    'app',
    'base',
    'extra',
    'ours',
    'old',
    'approved',
    'reviewed',
    'learnt',
    'learnt-1',
    'learnt-2',
  ])
    text(`${name}.policy`, policy);
  text('new.policy', `${policy}allow mount\n`);
  text('app.table', 'allow read\nerrno EPERM mount\n');
  text(
    'docker.json',
    '{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" }] }\n',
  );
  for (const place of ['.zfunc', '.config/fish/completions'])
    mkdirSync(join(home, place), { recursive: true });
}
beforeEach(writeFiles);

beforeAll(async () => {
  writeFiles();
  const made = [
    ['compile', '-p', 'app.policy', '--format', 'bpf', '-o', 'filter.bpf'],
    ['pack', '-p', 'app.policy', '-o', 'launcher'],
    ['learn', '--record', 'app.rec', '-o', 'x.policy', '--', './app'],
  ];
  for (const words of made) expect(sandboxRun(words, { cwd: folder })).toMatchObject({ status: 0 });
  other = spawn(process.execPath, [command, '--deny', 'ptrace', '--', 'sleep', '600'], { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, 1000));
});
afterAll(() => other?.kill());

/** Runs one in bash: 0, or 1 where the answer is no. */
function run(example: string): void {
  const line = example
    .replaceAll('$0', 'sandbox-run')
    .replaceAll('1234', String(other.pid))
    .replaceAll('~', home);
  const path = [folder, '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);
  const { status, stderr } = start(['/bin/bash', '--norc', '-c', line], {
    cwd: folder,
    env: { PATH: path, HOME: home },
  });
  expect([0, 1], stderr).toContain(status);
}

describe.for(commands.map((one) => [one.name, one] as const))('%s', ([_, { examples }]) => {
  test('has two at least', () => {
    expect(examples.length).toBeGreaterThanOrEqual(2);
  });
  // Reading another process's filters takes root (PTRACE_SECCOMP_GET_FILTER).
  const asked = examples.filter(([example]) => isRoot || !example.includes('1234'));
  test.for(asked.map(([example]) => example))('%s', (example) => run(example));
});

describe('runs', () => {
  test.for(RUN_EXAMPLES.map(([example]) => example))('%s', (example) => {
    // What these lists permit is too little for a script: only that the program was started is asked for.
    const { status, signal, stderr } = start(
      ['/bin/bash', '--norc', '-c', example.replaceAll('$0', 'sandbox-run --dry-run')],
      {
        cwd: folder,
        env: { PATH: [folder, '/usr/bin', '/bin'].join(delimiter) },
      },
    );
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  });
});
