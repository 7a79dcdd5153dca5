// Which policy a start has: the ways to say one on the command line and in the environment, and that without a policy
// that can be understood nothing is started.

import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { commandLine, run } from './face.ts';
import { minimal } from './policies.ts';
import { program, stagedCommand } from './stage.ts';
import { users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const getppid = ['call', String(syscallNumber(native, 'getppid'))];
const say = ['say', 'started'];
const needed = [...minimal.matchAll(/^allow (.*)$/gm)].flatMap((line) =>
  line[1]!.split(',').map((name) => name.trim()),
);
const list = (separator: string, ...more: string[]) => [...needed, ...more].join(separator);

describe.each(users)('sandbox-run as $name', (user) => {
  const start = (options: readonly string[], words: readonly string[], env: Record<string, string> = {}) =>
    run(commandLine, {
      command: [process.execPath, stagedCommand(), ...options, '--', program('probe'), ...words],
      env,
      user,
    });
  const ALLOW = 'SECCOMP_SYSCALL_ALLOW';
  const DENY = 'SECCOMP_SYSCALL_DENY';
  const ACTION = 'SECCOMP_DEFAULT_ACTION';

  const started = { status: 0, signal: null, stdout: 'started\n', stderr: '' };
  const killed = { status: null, signal: 'SIGSYS', stdout: '' };
  const refused = { status: 0, signal: null, stdout: '-1\n' };

  test.each([
    ['--allow', ['--allow', list(',')], {}],
    ['--allow with colons, repeated', ['--allow', list(':'), '--allow', 'getuid'], {}],
    ['the environment, with colons', [], { [ALLOW]: list(':') }],
    ['the environment, with commas and blanks', [], { [ALLOW]: ` ${list(' , ')} ` }],
  ])('an allow list: %s', async (_, options, env: Record<string, string>) => {
    expect(await start(options, say, env)).toMatchObject(started);
    expect(await start(options, getppid, env)).toMatchObject(killed);
  });

  test.each([
    ['--deny', ['--deny', 'getppid,getpgrp'], {}],
    ['the environment', [], { [DENY]: 'getpgrp: getppid' }],
  ])('a deny list: %s', async (_, options, env: Record<string, string>) => {
    expect(await start(options, say, env)).toMatchObject(started);
    expect(await start(options, getppid, env)).toMatchObject(killed);
  });

  test.each([
    ['on the command line', ['--allow', list(',', 'getppid'), '--deny', 'getppid'], {}],
    ['in the environment', [], { [ALLOW]: list(':', 'getppid'), [DENY]: 'getppid' }],
    ['one in each', ['--deny', 'getppid'], { [ALLOW]: list(':', 'getppid') }],
    ['one in each, the other way round', ['--allow', list(',', 'getppid')], { [DENY]: 'getppid' }],
  ])('both lists, what is denied is refused: %s', async (_, options, env: Record<string, string>) => {
    expect(await start(options, say, env)).toMatchObject(started);
    expect(await start(options, getppid, env)).toMatchObject(killed);
  });

  test('options and environment must both permit a call', async () => {
    const more = { [ALLOW]: list(':', 'getppid') };
    expect(await start(['--allow', list(',')], getppid, more)).toMatchObject(killed);
    expect(await start(['--allow', list(',', 'getppid')], getppid, { [ALLOW]: list(':') })).toMatchObject(
      killed,
    );
    expect((await start(['--allow', list(',', 'getppid')], getppid, more)).status).toBe(0);
  });

  test.each([
    ['errno', refused],
    ['errno:EPERM', refused],
    ['errno:EAGAIN', { status: 0, stdout: '-11\n' }],
    ['kill', killed],
    ['trap', killed],
    ['kill-thread', killed],
  ])('SECCOMP_DEFAULT_ACTION=%s', async (action, expected) => {
    expect(await start([], getppid, { [ALLOW]: list(':'), [ACTION]: action })).toMatchObject(expected);
    expect(await start([], getppid, { [DENY]: 'getppid', [ACTION]: action })).toMatchObject(expected);
  });

  test('SECCOMP_DEFAULT_ACTION=log lets it go on', async () => {
    const ending = await start([], getppid, { [ALLOW]: list(':'), [ACTION]: 'log' });
    expect(ending).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\n$/) });
  });

  test('none of our variables reaches the program', async () => {
    const env = { [ALLOW]: list(':'), [DENY]: 'getppid', [ACTION]: 'kill', OTHER: 'stays' };
    expect((await start([], ['environment'], env)).stdout).toMatch(/own 0\n$/);
    expect((await start([], ['variable', 'OTHER'], env)).stdout).toBe('stays\n');
    for (const name of [ALLOW, DENY, ACTION]) {
      expect((await start([], ['variable', name], env)).stdout).toBe('(not set)\n');
    }
  });

  test.each([
    ['no policy at all', [], {}, /no policy/],
    ['an empty --allow', ['--allow', ''], {}, /--allow/],
    ['an empty list in the environment', [], { [ALLOW]: '' }, /SECCOMP_SYSCALL_ALLOW/],
    ['blanks only', [], { [DENY]: ' : ' }, /SECCOMP_SYSCALL_DENY/],
    ['an unknown name', ['--allow', 'raed'], {}, /raed[\s\S]*read/],
    ['an unknown name in the environment', [], { [DENY]: 'getpid:gettppid' }, /gettppid[\s\S]*getppid/],
    ['an unknown group', ['--allow', '@basic-oi'], {}, /@basic-oi/],
    ['a bad action', ['--allow', 'read', '--default-action', 'kil'], {}, /kil/],
    ['a bad action in the environment', [], { [ALLOW]: 'read', [ACTION]: 'allow' }, /SECCOMP_DEFAULT_ACTION/],
    ['an action without a list', [], { [ACTION]: 'kill' }, /SECCOMP_DEFAULT_ACTION/],
    ['an unknown option', ['--alow', 'read'], {}, /--allow/],
    ['a policy file that is not there', ['--policy', '/nonexistent.policy'], {}, /nonexistent\.policy/],
  ] as const)('%s: 125, and nothing is started', async (_, options, env: Record<string, string>, message) => {
    const ending = await start(options, say, env);
    expect(ending).toMatchObject({ status: 125, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(/^sandbox-run: /);
    expect(ending.stderr).toMatch(message);
  });
});
