// Completion in real shells: bash and zsh sit on a terminal where somebody types, fish is asked as its own completion asks.

import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasCommand } from '../../bench/section.ts';
import { command, sandboxRun, start } from '../cli/command.ts';
import { file } from '../kernel/stage.ts';
import { notTried } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Typing, type Typist, typing, typists } from '../support/typing.ts';

// The command under its name.
const bin = temporaryFolder('bin');
writeFileSync(join(bin, 'sandbox-run'), `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
chmodSync(join(bin, 'sandbox-run'), 0o755);
const path = [bin, '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

const TYPED: readonly (readonly [typed: string, line: string])[] = [
  ['--dry', '--dry-run '],
  ['interse', 'intersect '],
  ['--allow getrand', '--allow getrandom'],
  ['--allow read,getrand', '--allow read,getrandom'],
  ['--allow=read,getrand', '--allow=read,getrandom'],
  ['--default-action errno:ENOSY', '--default-action errno:ENOSYS '],
  ['--log-level=deb', '--log-level=debug '],
  ['lint /etc/hostn', 'lint /etc/hostname '],
  ['--policy=/etc/hostn', '--policy=/etc/hostname '],
  ['--allow read -- /bin/basena', '--allow read -- /bin/basename '],
];
const QUOTED: readonly (readonly [typed: string, line: string])[] = [
  ["--allow 'ioctl(cmd == TIOCGWI", "--allow 'ioctl(cmd == TIOCGWINSZ"],
  ["--rule 'errno EPERM ptra", "--rule 'errno EPERM ptrace"],
  ["check 'openat(AT_FDCWD, 0, O_CRE", "check 'openat(AT_FDCWD, 0, O_CREAT"],
];

describe.for(['bash', 'zsh'] as const)('%s', (shell) => {
  const isThere = hasCommand(shell);
  if (!isThere) notTried(`completion in ${shell}`, `it needs Debian package ${shell}`);
  const typist: Typist = typists[shell];
  let typed: Typing;
  beforeAll(async () => {
    if (!isThere) return;
    const script = file(sandboxRun(['completion', shell]).stdout, `completion.${shell}`);
    expect(start([shell, '-n', script])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    typed = await typing(typist, [`source ${script}`], path);
  });
  afterAll(() => typed?.end());

  test.runIf(isThere).for(TYPED)('%s', async ([keys, line]) => {
    expect((await typed.keys(`sandbox-run ${keys}\t`)).line).toBe(`sandbox-run ${line}`);
  });

  // Whether a shell closes the quote is its own affair.
  test.runIf(isThere).for(QUOTED)('%s', async ([keys, line]) => {
    const seen = await typed.keys(`sandbox-run ${keys}\t`);
    expect(seen.line.replace(/'? ?$/, '')).toBe(`sandbox-run ${line}`);
  });

  test.runIf(isThere)('several are listed', async () => {
    const { line, screen } = await typed.keys('sandbox-run --allow read,wri\t\t');
    expect(line).toBe('sandbox-run --allow read,write');
    expect(screen).toContain('writev');
  });
});

describe('fish', () => {
  const isThere = hasCommand('fish');
  if (!isThere) notTried('completion in fish', 'it needs Debian package fish');
  const script = file(sandboxRun(['completion', 'fish']).stdout, 'completion.fish');
  const offers = (line: string) => {
    const { status, stdout, stderr } = start(
      ['fish', '--no-config', '-c', `source ${script}; complete -C "$argv[1]"`, line],
      {
        env: { PATH: path, HOME: temporaryFolder('fish') },
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout.split('\n').map((one) => one.split('\t')[0]!);
  };

  test.runIf(isThere).for([...TYPED, ...QUOTED])('%s', ([keys, line]) => {
    const last = line.trim().split(' ').at(-1)!;
    const found = offers(`sandbox-run ${keys}`).filter((one) => one !== '');
    expect(found.length).toBe(1);
    // It may give the whole word, or what is new of it.
    expect(line.trim().replaceAll("'", '').endsWith(found[0]!) || found[0]!.endsWith(last)).toBe(true);
  });

  test.runIf(isThere)('what words mean is said', () => {
    expect(
      start(['fish', '--no-config', '-c', `source ${script}; complete -C 'sandbox-run --dry'`], {
        env: { PATH: path, HOME: temporaryFolder('fish') },
      }).stdout,
    ).toMatch(/^--dry-run\tCompile, prove/);
  });
});
