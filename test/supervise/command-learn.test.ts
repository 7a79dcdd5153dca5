// learn as a command: what it writes, what it says, and with which status it ends.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allBut } from '../kernel/policies.ts';
import { file, program, wholeCommand } from '../kernel/stage.ts';
import { isRoot, users } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe.each(users)('as $name', (user) => {
  const folder = temporaryFolder('learning');
  spawnSync('chmod', ['0777', folder]);
  const at = (name: string) => join(folder, name);
  const run = (...words: string[]) => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [wholeCommand(), ...words], {
      encoding: 'utf8',
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin' },
      timeout: 30_000,
      ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid }),
    });
    return { status, signal, stdout, stderr };
  };

  test('the policy is there when the program’s end is known, even if it was killed', () => {
    const ending = run('learn', '-o', at('killed'), '--', '/bin/sh', '-c', 'kill -KILL $$');
    expect(ending.signal).toBe('SIGKILL');
    expect(readFileSync(at('killed'), 'utf8')).toMatch(/allow kill\b/);
  });

  test('a recording, replayed, is the same policy', () => {
    expect(run('learn', '-o', at('direct'), '--record', at('rec'), '--', 'ls', '/').status).toBe(0);
    expect(run('learn', '--replay', at('rec'), '-o', at('replayed')).status).toBe(0);
    expect(readFileSync(at('replayed'), 'utf8')).toBe(readFileSync(at('direct'), 'utf8'));
    const stability = run('learn', '--replay', at('rec'), at('rec'), '--stability').stdout;
    expect(stability.split('\n')[1]).toContain('0 new uses');
  });

  test('phases and programs are told', () => {
    run('learn', '--record', at('phases'), '--', '/bin/sh', '-c', 'ls / > /dev/null; exit 0');
    const rows = readFileSync(at('phases'), 'utf8')
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line) as { call: string; program: string; phase: string });
    const of = (call: string, name: string) =>
      rows.filter((row) => row.call === call && row.program.endsWith(name)).map((row) => row.phase);
    expect(of('arch_prctl', '/ls')).toEqual(process.arch === 'x64' ? ['start'] : of('arch_prctl', '/ls'));
    expect(of('getdents64', '/ls')).toEqual(process.arch === 'x64' ? ['main'] : of('getdents64', '/ls'));
    expect(new Set(rows.map((row) => row.program.split('/').at(-1)))).toEqual(new Set(['dash', 'ls']));
  });

  test('--fast sees the same calls', () => {
    const calls = (name: string) =>
      [
        ...new Set(
          readFileSync(at(name), 'utf8')
            .split('\n')
            .slice(1, -1)
            .map((line) => (JSON.parse(line) as { call: string }).call),
        ),
      ].sort();
    run('learn', '--all', '--record', at('traced'), '--', 'ls', '/');
    const fast = run('learn', '--all', '--fast', '--record', at('fast'), '--', 'ls', '/');
    expect(fast.status).toBe(0);
    for (let wait = 0; wait < 50 && !existsSync(at('fast')); wait++) spawnSync('sleep', ['0.1']);
    expect(calls('fast')).toEqual(calls('traced'));
  });

  test('--fast marks what it may have disturbed', () => {
    run(
      'learn',
      '--all',
      '--fast',
      '--record',
      at('disturbed'),
      '--',
      program('supervise/programs/storm'),
      '10',
    );
    for (let wait = 0; wait < 50 && !existsSync(at('disturbed')); wait++) spawnSync('sleep', ['0.1']);
    expect(readFileSync(at('disturbed'), 'utf8')).toContain('"reliable":false');
  });

  test('--within is an upper bound', () => {
    const within = file(allBut('errno EXDEV mkdir'));
    const ending = run(
      'learn',
      '--within',
      within,
      '-o',
      at('within'),
      '--',
      program('supervise/programs/refused'),
      'open',
      '/x',
    );
    expect(ending).toMatchObject({ status: 7, stdout: '-18\n' });
    expect(readFileSync(at('within'), 'utf8')).not.toMatch(/allow mkdir/);
  });

  test('--verify refuses nothing and says what would have been', () => {
    const policy = file(allBut('kill mkdir'));
    const place = at('verified');
    const found = run('learn', '--verify', policy, '--', 'mkdir', place);
    expect(found.status).toBe(1);
    expect(found.stderr).toContain('would be refused: mkdir, 1×, by /usr/bin/mkdir');
    expect(existsSync(place)).toBe(true);
    expect(run('learn', '--verify', policy, '--', '/bin/sh', '-c', 'exit 4')).toMatchObject({
      status: 4,
      stderr: '',
    });
  });

  test('errors', () => {
    expect(run('learn')).toMatchObject({ status: 125 });
    expect(run('learn', '-o', at('none'), '--', '/does/not/exist')).toMatchObject({ status: 127 });
    const unwritable = run('learn', '-o', '/does/not/exist/policy', '--', 'echo', 'started');
    expect(unwritable).toMatchObject({ status: 125, stdout: '' });
    expect(unwritable.stderr).toContain('/does/not/exist');
    for (const place of ['/dev/null', '/dev/stdout'])
      expect(run('learn', '-o', place, '--', 'true').stderr).toMatch(/no regular file|EACCES/);
    for (const words of [[], ['--merge']])
      expect(run('learn', ...words, '-o', folder, '--', 'echo', 'started')).toMatchObject({
        status: 125,
        stdout: '',
      });
    expect(run('learn', '--merge', '--', 'true').stderr).toContain('-o FILE');
    writeFileSync(at('bad'), 'not a recording\n');
    const bad = run('learn', '--replay', at('bad'));
    expect(bad.status).toBe(2);
    expect(bad.stderr).toContain(`${at('bad')}:1: not a line of JSON`);
  });
});

test('as PID 1, whose end is everybody’s, the policy is written before', () => {
  if (!isRoot) return;
  const place = join(temporaryFolder('init'), 'policy');
  const ending = spawnSync(
    'unshare',
    [
      '--pid',
      '--fork',
      '--mount-proc',
      process.execPath,
      wholeCommand(),
      'learn',
      '-o',
      place,
      '--',
      '/bin/sh',
      '-c',
      'ls / > /dev/null; exit 6',
    ],
    { encoding: 'utf8', timeout: 30_000 },
  );
  expect(ending.status).toBe(6);
  expect(readFileSync(place, 'utf8')).toContain('allow getdents64');
});

test('where there can be no tracer it says so, and nothing is started', () => {
  const inside = spawnSync(
    process.execPath,
    [
      wholeCommand(),
      '--rule',
      'default allow',
      '--rule',
      'errno EPERM ptrace',
      '--',
      process.execPath,
      wholeCommand(),
      'learn',
      '--',
      'echo',
      'started',
    ],
    { encoding: 'utf8', timeout: 30_000 },
  );
  expect(inside).toMatchObject({ status: 125, stdout: '' });
  expect(inside.stderr).toContain('cannot be traced');
});

test('on a terminal a line tells how it goes, and is gone at the end', () => {
  const folder = temporaryFolder('progress');
  const words = [
    'learn',
    '-o',
    join(folder, 'p'),
    '--',
    '/bin/sh',
    '-c',
    'ls / > /dev/null; sleep 1.3; echo done',
  ];
  const { stdout } = spawnSync(program('pty'), ['', process.execPath, wholeCommand(), ...words], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', TERM: 'dumb' },
    timeout: 30_000,
  });
  expect(stdout).toMatch(/\r\d+ calls, \d+ kinds, \d+ new/);
  expect(stdout.replaceAll('\u001b[K', '<clear>')).toMatch(/done\r\n[\s\S]*\r<clear>[\s\S]*learnt /);
  expect(stdout).toContain('exit 0');
});
