// Completion as the shells do it: bash's function is called with the words that bash would give it, zsh's script is read by zsh.

import { describe, expect, test } from 'vitest';
import { hasCommand } from '../../bench/section.ts';
import { commands } from '../../lib/cli/commands/index.ts';
import { commandNames, runTable } from '../../lib/cli/options.ts';
import { file } from '../kernel/stage.ts';
import { notTried } from '../kernel/users.ts';
import { sandboxRun, start } from './command.ts';

const bash = file(sandboxRun(['completion', 'bash']).stdout, 'completion.bash');
const zsh = file(sandboxRun(['completion', 'zsh']).stdout, '_sandbox-run');

/** compopt works only while bash itself completes. */
const CALL = `source "$1"; shift; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sandbox_run; printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash offers for the last of these words, as it cuts them: also at = and :. */
function offers(...words: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = start([
    '/bin/bash',
    '--norc',
    '-c',
    CALL,
    'bash',
    bash,
    'sandbox-run',
    ...words,
  ]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return [...new Set(stdout.split('\n').filter((word) => word !== ''))].sort();
}

describe('bash', () => {
  test('reads the script', () => {
    expect(start(['/bin/bash', '--norc', '-n', bash])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const asked = start(['/bin/bash', '--norc', '-c', 'source "$1"; complete -p sandbox-run', 'bash', bash]);
    expect(asked.stdout).toBe('complete -F _sandbox_run sandbox-run\n');
  });

  test.for<[readonly string[], readonly string[]]>([
    [['--all'], ['--allow']],
    [
      ['--allow', 'readl'],
      ['readlink', 'readlinkat'],
    ],
    [
      ['--allow', 'read,writ'],
      ['read,write', 'read,writev'],
    ],
    [
      ['--allow', 'read', ':', 'writ'],
      ['write', 'writev'],
    ],
    [
      ['--allow', '=', 'readl'],
      ['readlink', 'readlinkat'],
    ],
    [['--deny', '@kernel'], ['@kernel-code']],
    [['--abi', 'x86_64,aa'], ['x86_64,aarch64']],
    [
      ['--default-action', 'ki'],
      ['kill', 'kill-thread'],
    ],
    [['--default-action', 'errno', ':', 'EP'], ['EPERM']],
    [['--log-level', 'de'], ['debug']],
    [
      ['--log-level', '='],
      ['debug', 'error', 'info', 'silent', 'trace', 'warn'],
    ],
    [['-p', '/etc/hostn'], ['/etc/hostname']],
    [['--policy', '=', '/etc/hostn'], ['/etc/hostname']],
    [['comple'], ['completion']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['check', '--exp'], ['--expect']],
    [
      ['check', '--expect', 'tra'],
      ['trace', 'trap'],
    ],
    [
      ['compile', '--format', ''],
      ['bpf', 'c', 'json', 'listing'],
    ],
    [['syscalls', '@io-u'], ['@io-uring']],
    [
      ['--allow', 'read', '--', '/bin/bas'],
      ['/bin/bash', '/bin/basename'],
    ],
    [['--', '--al'], []],
    [['--rule', 'al'], []],
  ])('%j', ([words, expected]) => {
    const found = offers(...words);
    // Programs and folders of this machine may be among them.
    if (words.at(-1)!.startsWith('/') || words.at(-1) === 'comple')
      expect(found).toEqual(expect.arrayContaining([...expected]));
    else expect(found).toEqual(expected);
  });

  test('every option and command is offered, and no option where it is none', () => {
    expect(offers('--')).toEqual(runTable.map((option) => `--${option.name}`).sort());
    expect(offers('')).toEqual(expect.arrayContaining([...commandNames]));
    for (const command of commands) {
      const found = offers(command.name, '--');
      for (const option of command.options) expect(found).toContain(`--${option.name}`);
      expect(found).not.toContain('--dry-run');
    }
  });
});

describe('zsh', () => {
  const isThere = hasCommand('zsh');
  if (!isThere) notTried('completion in zsh', 'it needs Debian package zsh');

  test.runIf(isThere)('reads the script', () => {
    expect(start(['zsh', '-n', zsh])).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('every option is in it', () => {
    const { stdout } = sandboxRun(['completion', 'zsh']);
    expect(stdout).toMatch(/^#compdef sandbox-run$/m);
    for (const option of runTable) expect(stdout).toContain(`'--${option.name}[`);
    for (const name of commandNames) expect(stdout).toContain(`'${name}:`);
  });
});
