// The doctor's facts against what can be known otherwise: /proc, and the machine the tests need anyway.

import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { loadAddon } from '../../lib/native.ts';
import { gatherFacts } from '../../lib/supervise/facts.ts';
import { wholeCommand } from '../kernel/stage.ts';

const abi = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const facts = gatherFacts(loadAddon(), abi);

test('each action was really tried', () => {
  const happened = Object.fromEntries(facts.actions.map((one) => [one.action, one.happened]));
  expect(happened).toEqual({
    kill: 'SIGSYS',
    'kill-thread': 'SIGSYS',
    trap: 'SIGSYS',
    errno: 'ENOTTY',
    notify: 'ENOSYS',
    trace: 'ENOSYS',
    log: 'goes on',
    allow: 'goes on',
  });
});

test('an action that does not do what it says is found out', () => {
  const addon = {
    ...loadAddon(),
    // A kernel that says that it knows all actions, and lets every call go on.
    probe: (kind: number) => [kind === 1 ? 0 : 1, 0] as const,
  };
  const pretended = gatherFacts(addon, abi).actions.filter((one) => !one.right);
  expect(pretended.map((one) => one.action)).toEqual([
    'kill',
    'kill-thread',
    'trap',
    'errno',
    'notify',
    'trace',
  ]);
});

test('the process and its kernel', () => {
  expect(facts.kernel).toBe(release());
  expect(facts.pid).toBe(process.pid);
  expect(facts.user).toBe(process.geteuid?.());
  expect(facts.noNewPrivileges).toBe(false);
});

/** `doctor --json` inside a filter. */
function inside(...options: string[]) {
  const script = wholeCommand();
  const { stdout } = spawnSync(
    process.execPath,
    [script, ...options, '--', process.execPath, script, 'doctor', '--json'],
    { encoding: 'utf8' },
  );
  return JSON.parse(stdout) as typeof facts & {
    readonly verdicts: readonly { readonly mode: string; readonly works: boolean; readonly why: string }[];
  };
}

test('inside a filter it counts one more', () => {
  const found = inside('--deny', 'reboot');
  expect(found.filters).toBe((facts.filters ?? 0) + 1);
  expect(found.noNewPrivileges).toBe(true);
});

test('what an outer filter ends the caller for does not work, and doctor itself is not ended', () => {
  const listening = 'kill seccomp(op == SECCOMP_SET_MODE_FILTER && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)';
  const found = inside('--rule', 'default allow', '--rule', 'kill ptrace', '--rule', listening);
  expect([found.ptrace, found.listener]).toEqual(['SIGSYS', 'SIGSYS']);
  expect(found.verdicts.map(({ mode, works }) => [mode, works])).toEqual([
    ['sandbox-run PROGRAM', true],
    ['--explain', false],
    ['--at entry, --at main', false],
    ['learn', false],
  ]);
  const traceless = inside('--rule', 'default allow', '--rule', 'errno EPERM ptrace').verdicts;
  expect(traceless.find((one) => one.mode === '--explain')?.why).toContain(
    'kill-thread and trap are not told',
  );
});
