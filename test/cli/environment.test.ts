// The environment interface: lists, their separators, the default action, and what options and environment mean together.

import { describe, expect, test } from 'vitest';
import type { PolicyWords } from '../../lib/cli/options.ts';
import { policyFrom } from '../../lib/cli/sources.ts';
import { PolicyError, UsageError } from '../../lib/errors.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { actionText } from '../../lib/policy/action.ts';
import { evaluate } from '../../lib/policy/evaluate.ts';
import { sandboxRun } from './command.ts';

const ALLOW = 'SECCOMP_SYSCALL_ALLOW';
const DENY = 'SECCOMP_SYSCALL_DENY';
const DEFAULT = 'SECCOMP_DEFAULT_ACTION';

/** What the policy answers to each of some calls: `read: allow`. */
function answers(words: PolicyWords, environment: Record<string, string>, calls: string): string {
  const policy = policyFrom(words, environment);
  return calls
    .split(' ')
    .map((name) => {
      const call = { nr: syscallNumber(abis.x86_64, name)!, args: [0n, 0n, 0n, 0n, 0n, 0n] };
      return `${name}: ${actionText(evaluate(policy, abis.x86_64, call))}`;
    })
    .join(', ');
}

function failure(environment: Record<string, string>, words: PolicyWords = {}): Error {
  try {
    policyFrom(words, environment);
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was wrong');
}

describe('lists', () => {
  test.for([
    'read:write',
    'read,write',
    ' read : write ',
    'read , write',
    'read:\twrite',
    'read\n:write',
    'read,read:write',
    'write:read',
  ])('%j', (list) => {
    const calls = 'read write close';
    expect(answers({}, { [ALLOW]: list }, calls)).toBe('read: allow, write: allow, close: kill');
    expect(answers({}, { [DENY]: list }, calls)).toBe('read: kill, write: kill, close: allow');
  });

  test('groups and conditions are calls, too', () => {
    expect(answers({}, { [ALLOW]: '@basic-io:ioctl(cmd == 0)' }, 'read ioctl mount')).toBe(
      'read: allow, ioctl: allow, mount: kill',
    );
  });

  test.for<[string, RegExp]>([
    ['', /the list of calls is empty/],
    ['  ', /the list of calls is empty/],
    [':', /expected a call/],
    ['read:', /expected a call, found the end/],
    ['read::write', /expected a call/],
    ['read write', /expected a comma, found "write"/],
    ['READ', /no system call is called "READ"/],
    ['read:wirte', /no system call is called "wirte"/],
    ['read;write', /expected a comma, found ";"/],
  ])('%j is an error', ([list, message]) => {
    for (const name of [ALLOW, DENY]) {
      const error = failure({ [name]: list }) as PolicyError;
      expect(error).toBeInstanceOf(PolicyError);
      expect(error.message).toMatch(message);
      expect(error.place?.file).toBe(name);
    }
  });

  test('with both, what is denied is refused even if it is allowed, and so is what is in neither', () => {
    expect(answers({}, { [ALLOW]: 'read:write', [DENY]: 'write:close' }, 'read write close brk')).toBe(
      'read: allow, write: kill, close: kill, brk: kill',
    );
  });
});

describe('the default action', () => {
  test.for([
    ['log', 'log'],
    ['kill', 'kill'],
    ['kill-thread', 'kill-thread'],
    ['trap', 'trap'],
    ['errno', 'errno EPERM'],
    ['errno:ENOENT', 'errno ENOENT'],
  ] as const)('%s', ([word, action]) => {
    const environment = { [DEFAULT]: word };
    expect(answers({}, { ...environment, [ALLOW]: 'read' }, 'read write')).toBe(
      `read: allow, write: ${action}`,
    );
    expect(answers({}, { ...environment, [DENY]: 'read' }, 'read write')).toBe(
      `read: ${action}, write: allow`,
    );
    expect(answers({}, { ...environment, [ALLOW]: 'read', [DENY]: 'write' }, 'read write close')).toBe(
      `read: allow, write: ${action}, close: ${action}`,
    );
  });

  test.for([
    '',
    'allow',
    'notify',
    'trace',
    'Kill',
    'LOG',
    'errno EPERM',
    'deny',
    'kill ',
    '1',
  ])('%j is an error', (word) => {
    const error = failure({ [ALLOW]: 'read', [DEFAULT]: word });
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(`${DEFAULT}=${word}: expected one of log, kill`);
  });

  test('an unknown errno is an error', () => {
    for (const word of ['errno:EFOO', 'errno:', 'errno:eperm'])
      expect(failure({ [ALLOW]: 'read', [DEFAULT]: word })).toBeInstanceOf(PolicyError);
  });

  test('without a list it is an error', () => {
    expect(failure({ [DEFAULT]: 'log' }).message).toMatch(/no list that it could be about/);
    expect(failure({ [DEFAULT]: 'log' }, { allow: ['read'] }).message).toMatch(/no list/);
  });
});

describe('options beside the environment', () => {
  test('both must permit a call', () => {
    expect(answers({ allow: ['read,write'] }, { [ALLOW]: 'write:close' }, 'read write close brk')).toBe(
      'read: kill, write: allow, close: kill, brk: kill',
    );
    expect(answers({ allow: ['read,write'] }, { [DENY]: 'write' }, 'read write close')).toBe(
      'read: allow, write: kill, close: kill',
    );
    expect(answers({ deny: ['read'] }, { [DENY]: 'write' }, 'read write close')).toBe(
      'read: kill, write: kill, close: allow',
    );
  });

  test('the stricter of two refusals counts', () => {
    const words = { allow: ['read'], 'default-action': 'errno:EPERM' };
    expect(answers(words, { [ALLOW]: 'read', [DEFAULT]: 'log' }, 'read write')).toBe(
      'read: allow, write: errno EPERM',
    );
    expect(answers(words, { [ALLOW]: 'read', [DEFAULT]: 'trap' }, 'read write')).toBe(
      'read: allow, write: trap',
    );
  });

  test('conditions of both hold together', () => {
    const words = { allow: ['read(fd == 0)', 'write'] };
    expect(answers(words, { [ALLOW]: 'read(count < 10):write' }, 'read')).toBe('read: allow');
    expect(answers(words, { [ALLOW]: 'read(count > 0):write' }, 'read')).toBe('read: kill');
  });

  test('neither says anything', () => {
    expect(failure({}).message).toMatch(/no policy/);
    // A default alone is about nothing.
    expect(failure({}, { 'default-action': 'log' }).message).toMatch(/no policy/);
  });
});

describe('as users meet it', () => {
  const say = ['/bin/sh', '-c', 'echo "$SECCOMP_SYSCALL_ALLOW$SECCOMP_SYSCALL_DENY$SECCOMP_DEFAULT_ACTION."'];

  test('a program under a list, which it does not see', () => {
    const env = { [DENY]: 'ptrace : @mount', [DEFAULT]: 'errno:ENOENT' };
    expect(sandboxRun(say, { env })).toEqual({ status: 0, signal: null, stdout: '.\n', stderr: '' });
  });

  test('a refused call', () => {
    const env = { [DENY]: 'getcwd:mkdir' };
    expect(sandboxRun(['/bin/mkdir', '/nonexistent/folder'], { env })).toMatchObject({ signal: 'SIGSYS' });
    const error = sandboxRun(['/bin/mkdir', '/nonexistent/folder'], {
      env: { ...env, [DEFAULT]: 'errno:ENOSPC' },
    });
    expect(error).toMatchObject({ status: 1, signal: null });
    expect(error.stderr).toMatch(/No space left/);
  });

  test.for<[Record<string, string>, RegExp]>([
    [{ [ALLOW]: '' }, /the list of calls is empty/],
    [{ [DENY]: '' }, /the list of calls is empty/],
    [{ [ALLOW]: 'raed' }, /"raed"\n {2}1 \| raed\n {6}\^\n {2}did you mean read\?/],
    [{ [DENY]: 'read', [DEFAULT]: 'maybe' }, /SECCOMP_DEFAULT_ACTION=maybe/],
    [{}, /no policy/],
  ])('%j does not start the program', ([env, message]) => {
    const ending = sandboxRun(say, { env });
    expect(ending).toMatchObject({ status: 125, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(message);
  });
});
