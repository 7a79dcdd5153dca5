// What only a face without Node can promise: everything arrives exactly as it would by a bare exec. And what is its own: lists
// from the environment, a filter from a descriptor, a payload that must be whole.

import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packLauncher } from '../../lib/launch/pack.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { byDescriptor, packed, run } from './face.ts';
import { packedLauncher, payloadOf } from './packed.ts';
import { allBut, minimal } from './policies.ts';
import { file, program, stagedLauncher } from './stage.ts';
import { expectBareExec } from './transparent.ts';
import { users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const getppid = ['call', String(syscallNumber(native, 'getppid'))];
const needed = [...minimal.matchAll(/^allow (.*)$/gm)].flatMap((line) =>
  line[1]!.split(',').map((name) => name.trim()),
);
const list = (separator: string, ...more: string[]) => [...needed, ...more].join(separator);

describe.each(users)('the launcher as $name', (user) => {
  test('every line of status, limits and fdinfo is a bare exec’s', () => expectBareExec(packed, user));

  const start = (words: readonly string[], env: Record<string, string>, launcher = stagedLauncher()) =>
    run(packed, { command: [launcher, program('probe'), ...words], env, user });
  const say = ['say', 'started'];
  const ALLOW = 'SECCOMP_SYSCALL_ALLOW';
  const DENY = 'SECCOMP_SYSCALL_DENY';
  const ACTION = 'SECCOMP_DEFAULT_ACTION';
  const started = { status: 0, signal: null, stdout: 'started\n', stderr: '' };
  const killed = { status: null, signal: 'SIGSYS', stdout: '' };

  test.each([
    ['colons', { [ALLOW]: list(':') }],
    ['commas and blanks', { [ALLOW]: ` ${list(' , ')} ` }],
    ['groups', { [ALLOW]: '@system-service', [DENY]: 'getppid' }],
    ['both lists', { [ALLOW]: list(':', 'getppid'), [DENY]: '@basic-io:getppid'.replace('@basic-io:', '') }],
    ['a deny list', { [DENY]: 'getpgrp: getppid' }],
    ['a name of another architecture', { [ALLOW]: list(':', 'socketcall', '_llseek') }],
  ])('lists from the environment: %s', async (_, env) => {
    expect(await start(say, env)).toMatchObject(started);
    expect(await start(getppid, env)).toMatchObject(killed);
  });

  test.each([
    ['errno', { status: 0, stdout: '-1\n' }],
    ['errno:EAGAIN', { status: 0, stdout: '-11\n' }],
    ['kill', killed],
    ['trap', killed],
    ['kill-thread', killed],
    ['log', { status: 0, stdout: expect.stringMatching(/^\d+\n$/) }],
  ])('SECCOMP_DEFAULT_ACTION=%s', async (action, expected) => {
    expect(await start(getppid, { [ALLOW]: list(':'), [ACTION]: action })).toMatchObject(expected);
    expect(await start(getppid, { [DENY]: 'getppid', [ACTION]: action })).toMatchObject(expected);
  });

  test('none of its variables reaches the program, all others do', async () => {
    const env = { [ALLOW]: list(':'), [DENY]: 'getppid', [ACTION]: 'kill', OTHER: 'stays' };
    expect((await start(['environment'], env)).stdout).toMatch(/own 0\n$/);
    expect((await start(['variable', 'OTHER'], env)).stdout).toBe('stays\n');
  });

  test('execve is refused inside where the list has none, and a failed one is still reported', async () => {
    expect(await start(['exec', '/bin/true'], { [ALLOW]: list(':') })).toMatchObject(killed);
    const ending = await run(packed, {
      command: [stagedLauncher(), file('no program\n', undefined, 0o755)],
      env: { [ALLOW]: 'getppid' },
      user,
    });
    expect(ending).toMatchObject({ status: 126 });
    expect(ending.stderr).toMatch(/neither a program for this machine nor a script/);
  });

  test('a packed filter and the environment’s lists must both permit a call', async () => {
    const launcher = packedLauncher(file(allBut('errno EPERM getppid')));
    expect((await start(getppid, {}, launcher)).stdout).toBe('-1\n');
    expect(await start(say, { [ALLOW]: list(':') }, launcher)).toMatchObject(started);
    expect(
      await start(['call', String(syscallNumber(native, 'getuid'))], { [DENY]: 'getuid' }, launcher),
    ).toMatchObject(killed);
  });

  test('a filter from a descriptor, which the program does not inherit', async () => {
    const refused = await run(byDescriptor, {
      policy: allBut('errno EPERM getppid'),
      command: [program('probe'), ...getppid],
      user,
    });
    expect(refused).toMatchObject({ status: 0, stdout: '-1\n' });
    const open = await run(byDescriptor, {
      policy: allBut(),
      command: [program('probe'), 'descriptors'],
      user,
    });
    const bare = await run(byDescriptor, { command: [program('probe'), 'descriptors'], user });
    expect(open.stdout).toBe(bare.stdout);
    const none = await run(packed, { command: [stagedLauncher(), '--filter-fd', '9', '/bin/true'], user });
    expect(none).toMatchObject({ status: 125 });
  });

  test.each([
    ['getrandom', 125, /random/],
    ['prctl', 125, /no_new_privs/],
    ['seccomp', 125, /seccomp is not available/],
    ['seccomp(op == SECCOMP_SET_MODE_FILTER)', 125, /cannot be installed/],
    ['newfstatat', 126, /cannot be examined/],
    ['faccessat', 126, /cannot be examined/],
    ['mmap', 125, /not enough memory/],
  ])('an outer filter that refuses %s: nothing is started', async (call, status, message) => {
    // EPERM, which none of these calls gives otherwise; the inner launcher has its command packed, for which it needs memory.
    const inner = file(
      packLauncher(readFileSync(stagedLauncher()), payloadOf(file(minimal), ['/bin/true'])),
      undefined,
      0o755,
    );
    const ending = await run(packed, { policy: allBut(`errno EPERM ${call}`), command: [inner, 'x'], user });
    expect(ending).toMatchObject({ status, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(message);
    const killed = await run(packed, { policy: allBut(`kill ${call}`), command: [inner, 'x'], user });
    expect(killed).toMatchObject({ signal: 'SIGSYS', stdout: '' });
  });

  test.each([
    ['no policy at all', {}, /no policy/],
    ['an empty list', { [ALLOW]: '' }, /SECCOMP_SYSCALL_ALLOW/],
    ['blanks only', { [DENY]: ' : ' }, /SECCOMP_SYSCALL_DENY/],
    ['an unknown name', { [DENY]: 'getpid:gettppid' }, /gettppid[\s\S]*getppid/],
    ['an unknown group', { [ALLOW]: '@basic-oi' }, /@basic-oi[\s\S]*@basic-io/],
    ['a condition', { [ALLOW]: 'ioctl(cmd == 1)' }, /only names/],
    ['a bad action', { [ALLOW]: 'read', [ACTION]: 'allow' }, /SECCOMP_DEFAULT_ACTION/],
    ['an action without a list', { [ACTION]: 'kill' }, /SECCOMP_DEFAULT_ACTION/],
  ] as const)('%s: 125, and nothing is started', async (_, env, message) => {
    const ending = await start(say, env as Record<string, string>);
    expect(ending).toMatchObject({ status: 125, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(/^sandbox-run: [^\n]+\n {2}[^\n]+\n$/);
    expect(ending.stderr).toMatch(message);
  });
});

describe('a packed launcher', () => {
  const bare = readFileSync(stagedLauncher());
  const payload = payloadOf(file(minimal), [program('probe'), 'say']);
  const whole = packLauncher(bare, payload);

  test('carries its command, and takes more words', async () => {
    const launcher = file(whole, undefined, 0o755);
    expect(await run(packed, { command: [launcher, 'inside'] })).toMatchObject({
      status: 0,
      stdout: 'inside\n',
    });
  });

  test('is small', () => {
    expect(whole.length).toBeLessThanOrEqual(64 * 1024);
    expect(statSync(stagedLauncher()).size).toBeLessThanOrEqual(52 * 1024);
  });

  test('runs where it may be executed and not read', async () => {
    const user = users.at(-1)!;
    const ending = await run(packed, { command: [file(whole, undefined, 0o111), 'unread'], user });
    expect(ending).toMatchObject({ status: 0, stdout: 'unread\n' });
  });

  const start = Math.ceil(bare.length / 16) * 16;

  test('a change of any byte of the payload is refused', async () => {
    // Each kind of field, and a spread of the rest.
    const places = [...Array.from({ length: 48 }, (_, at) => at), 48, 52, 56, 60, whole.length - start - 1];
    for (let at = 70; at < whole.length - start; at += 97) places.push(at);
    for (const at of places) {
      const changed = Buffer.from(whole);
      changed[start + at]! ^= 1 << (at % 8);
      const ending = await run(packed, { command: [file(changed, 'changed', 0o755), 'x'] });
      expect([at, ending.status, ending.stdout]).toEqual([at, 125, '']);
      expect(ending.stderr).toMatch(/damaged, truncated or for another machine/);
    }
  });

  test('a truncated one is refused, wherever it was cut', async () => {
    // A payload of several pages, so that whole pages of it are missing.
    const long = packLauncher(bare, { ...payload, policy: '# padding\n'.repeat(3000) });
    for (let length = start; length < long.length; length += 1021) {
      const ending = await run(packed, { command: [file(long.subarray(0, length), 'cut', 0o755), 'x'] });
      expect([length, ending.status, ending.stdout]).toEqual([length, 125, '']);
      expect(ending.stderr).toMatch(/damaged, truncated or for another machine/);
    }
    expect(await run(packed, { command: [file(long, 'cut', 0o755), 'whole'] })).toMatchObject({
      stdout: 'whole\n',
    });
  });
});
