// The doctor's facts against what can be known otherwise: /proc, and the machine the tests need anyway.

import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { loadAddon } from '../../lib/native.ts';
import { gatherFacts } from '../../lib/supervise/facts.ts';

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

test('inside a filter it counts one more, and no new listener is lost', () => {
  const script = new URL('../../bin/sandbox-run.cjs', import.meta.url).pathname;
  const inside = spawnSync(
    process.execPath,
    [script, '--deny', 'reboot', '--', process.execPath, script, 'doctor', '--json'],
    { encoding: 'utf8' },
  );
  // Without a build there is nothing to run; the command's own tests need one, too.
  if (inside.stderr.includes('is missing')) return;
  const found = JSON.parse(inside.stdout) as typeof facts;
  expect(found.filters).toBe((facts.filters ?? 0) + 1);
  expect(found.noNewPrivileges).toBe(true);
});
