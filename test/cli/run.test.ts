// Running a program, as users meet it: where its words begin, what the options do, and what a dry run tells.

import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandNames } from '../../lib/cli/options.ts';
import { file } from '../kernel/stage.ts';
import { sandboxRun } from './command.ts';

const echo = ['/bin/echo', 'hello'];
/** A program with the name of each of our commands, in a folder of its own. */
const folder = dirname(file('#!/bin/sh\necho "not ours: $*"\n', 'named/check', 0o755));
for (const name of commandNames) file('#!/bin/sh\necho "not ours: $*"\n', `named/${name}`, 0o755);
const mkdir = ['/bin/mkdir', '/nonexistent/folder'];

describe('whose word it is', () => {
  test.for<[string, readonly string[], string]>([
    ['the program without --', ['--deny', 'ptrace', ...echo], 'hello\n'],
    ['the program behind --', ['--deny', 'ptrace', '--', ...echo], 'hello\n'],
    ['its options', ['--deny', 'ptrace', '/bin/echo', '--deny', '--help'], '--deny --help\n'],
    ['its own --', ['--deny', 'ptrace', '--', '/bin/echo', '--', '--json'], '-- --json\n'],
    ['empty words', ['--deny', 'ptrace', '/bin/echo', '', 'x', ''], ' x \n'],
  ])('%s', ([_, words, stdout]) => {
    expect(sandboxRun(words)).toEqual({ status: 0, signal: null, stdout, stderr: '' });
  });

  test.for(commandNames.map((name) => [name] as const))('a program called %s', ([name]) => {
    const env = { PATH: `${folder}:/usr/bin:/bin` };
    expect(sandboxRun(['--deny', 'ptrace', '--', name, 'x'], { env })).toMatchObject({
      status: 0,
      stdout: 'not ours: x\n',
    });
    expect(sandboxRun(['--deny', 'ptrace', `./${name}`], { cwd: folder })).toMatchObject({
      stdout: 'not ours: \n',
    });
  });

  test('options may stand before a command', () => {
    const ending = sandboxRun(['--deny', 'ptrace', 'check', 'ptrace', 'read']);
    expect(ending).toMatchObject({ status: 0, stderr: '' });
    expect(ending.stdout).toBe('ptrace: kill, by kill ptrace (--deny)\nread: allow, by default\n');
  });

  test('--json of the program does not change our messages', () => {
    const ending = sandboxRun(['--deny', 'ptrace', '--', '/nonexistent', '--json']);
    expect(ending).toMatchObject({ status: 127 });
    expect(ending.stderr).toMatch(/^sandbox-run: /);
    expect(sandboxRun(['--frob', '--', 'app', '--json']).stderr).toMatch(/^sandbox-run: /);
  });
});

describe('what the options do', () => {
  test.for<[string, readonly string[], number | string]>([
    ['--deny', ['--deny', 'mkdir'], 'SIGSYS'],
    ['--deny given twice', ['--deny', 'ptrace', '--deny', 'mkdir'], 'SIGSYS'],
    ['--deny with :', ['--deny', 'ptrace:mkdir'], 'SIGSYS'],
    ['--deny of a group', ['--deny', '@file-system'], 'SIGSYS'],
    ['--deny with a condition that holds', ['--deny', 'mkdir(mode == 0o777)'], 'SIGSYS'],
    ['--deny with a condition that does not hold', ['--deny', 'mkdir(mode == 0)'], 1],
    ['--rule', ['--rule', 'default allow', '--rule', 'errno ENOSPC mkdir'], 1],
    ['--rule that kills', ['--rule', 'default allow', '--rule', 'kill mkdir'], 'SIGSYS'],
    ['--allow beside --deny', ['--allow', '@file-system', '--deny', 'mkdir', '--default-action', 'log'], 1],
    ['--default-action in a deny list', ['--deny', 'mkdir', '--default-action', 'errno:ENOSPC'], 1],
    ['--permissive', ['--deny', 'mkdir', '--permissive'], 1],
    ['a policy file', ['--policy', file('default allow\nkill mkdir\n')], 'SIGSYS'],
    [
      'two policy files',
      ['-p', file('default allow\n'), '-p', file('kill mkdir\ndefault allow\n')],
      'SIGSYS',
    ],
    ['--deny beside a policy file', ['-p', file('default allow\n'), '--deny', 'mkdir'], 'SIGSYS'],
  ])('%s', ([_, options, ending]) => {
    const { status, signal } = sandboxRun([...options, '--', ...mkdir]);
    expect(signal ?? status).toBe(ending);
  });

  test('an errno reaches the program', () => {
    for (const [name, words] of [
      ['ENOSPC', /No space left/],
      ['EROFS', /Read-only/],
    ] as const) {
      const ending = sandboxRun(['--deny', 'mkdir', '--default-action', `errno:${name}`, ...mkdir]);
      expect(ending.stderr).toMatch(words);
    }
  });

  test('an allow list refuses the rest, --permissive only logs it', () => {
    expect(sandboxRun(['--allow', 'read,write', ...echo])).toMatchObject({ signal: 'SIGSYS', stdout: '' });
    expect(sandboxRun(['--allow', 'read,write', '--permissive', ...echo])).toMatchObject({
      status: 0,
      stdout: 'hello\n',
    });
  });

  test('an ABI of another machine is an error', () => {
    const ending = sandboxRun(['--deny', 'ptrace', '--abi', 's390x', ...echo]);
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/the policy is for s390x, and this machine runs/);
  });
});

describe('a dry run', () => {
  test('says what would happen, and starts nothing', () => {
    const ending = sandboxRun(['--dry-run', '--deny', 'ptrace', '--', ...echo]);
    expect(ending).toMatchObject({ status: 0, stderr: '' });
    expect(ending.stdout).toMatch(
      /^# would run \/bin\/echo \([a-z0-9_]+; proved, \d+ instructions\) under\n/,
    );
    expect(ending.stdout).toMatch(/default allow\n\nkill ptrace\n$/);
  });

  test('its policy can be run as it stands', () => {
    const { stdout } = sandboxRun(['--dry-run', '--deny', 'mkdir', '--', ...echo]);
    expect(sandboxRun(['--policy', file(stdout), ...mkdir])).toMatchObject({ signal: 'SIGSYS' });
  });

  test('for machines', () => {
    const { status, stdout } = sandboxRun(['--dry-run', '--json', '--deny', 'ptrace', '--', ...echo]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      program: '/bin/echo',
      abis: [expect.any(String)],
      instructions: [expect.any(Number)],
      default: 'allow',
      policy: 'default allow\n\nkill ptrace\n',
    });
  });

  test('fails where a start would fail', () => {
    expect(sandboxRun(['--dry-run', '--deny', 'ptrace', '/nonexistent'])).toMatchObject({
      status: 127,
      stdout: '',
    });
    expect(sandboxRun(['--dry-run', '--deny', 'ptrace', '/etc'])).toMatchObject({ status: 126, stdout: '' });
    expect(sandboxRun(['--dry-run', '--deny', 'ptrace'])).toMatchObject({ status: 125, stdout: '' });
  });
});

describe('logs', () => {
  test('nothing is said without being asked', () => {
    expect(sandboxRun(['--deny', 'ptrace', ...echo]).stderr).toBe('');
    expect(sandboxRun(['--deny', 'ptrace', '--log-level', 'info', ...echo]).stderr).toBe('');
  });

  test('for people', () => {
    const { status, stdout, stderr } = sandboxRun([
      '--log-level',
      'debug',
      '--deny',
      'ptrace,chown32',
      ...echo,
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'hello\n' });
    expect(stderr).toMatch(/^sandbox-run: debug: compiled and proved \(abis: \S+, instructions: \d+\)$/m);
    expect(stderr).toMatch(/calls: chown32\)$/m);
  });

  test('for machines', () => {
    const { stderr } = sandboxRun(['--log-level', 'debug', '--json', '--deny', 'ptrace', ...echo]);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({
      level: 20,
      name: 'sandbox-run',
      msg: 'compiled and proved',
      instructions: [expect.any(Number)],
    });
  });

  test('a policy that asks a supervisor is spoken of from info on', () => {
    const words = ['--rule', 'default allow', '--rule', 'notify mkdir', ...echo];
    const told = /^sandbox-run: info: .*notify.*\n$/;
    expect(sandboxRun(['--log-level', 'info', ...words])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(told),
    });
    for (const level of ['warn', 'silent'])
      expect(sandboxRun(['--log-level', level, ...words])).toMatchObject({ status: 0, stderr: '' });
  });
});
