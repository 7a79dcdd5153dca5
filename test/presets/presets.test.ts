// The presets as policies: all that are named are there and the other way round, none permits what no preset may, and the command
// line merges them like any other policy. With real programs: real.programs.ts.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../lib/errors.ts';
import { preset, presetNames } from '../../lib/index.ts';
import { filtersFor } from '../../lib/launch/filters.ts';
import { abis } from '../../lib/linux/abi.ts';
import { groupMembers } from '../../lib/linux/groups.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { permits } from '../../lib/policy/action.ts';
import { meaningOf } from '../../lib/policy/meaning.ts';
import { sandboxRun } from '../cli/command.ts';
import { root } from '../kernel/stage.ts';

test('the names are those of the files', () => {
  const files = readdirSync(join(root, 'presets')).map((name) => name.replace(/\.policy$/, ''));
  expect([...presetNames]).toEqual(files.sort());
});

test('another name is an error, with the nearest', () => {
  expect(() => preset('gitt')).toThrow(UsageError);
  expect(sandboxRun(['--preset', 'gitt', '--', '/bin/true'])).toMatchObject({ status: 125, stdout: '' });
});

const forbidden = [
  '@mount',
  '@kernel-code',
  '@reboot',
  '@swap',
  '@clock',
  '@raw-io',
  '@introspection',
  '@keyring',
  '@io-uring',
]
  .flatMap((name) => groupMembers(name)!)
  .concat('bpf', 'perf_event_open', 'userfaultfd', 'clone3', 'open_by_handle_at', 'setuid', 'setns');

describe.each(presetNames)('%s', (name) => {
  const policy = preset(name);
  const permitted = (call: string) => {
    const nr = syscallNumber(abis.x86_64, call);
    if (nr === undefined) return false;
    const { rules, otherwise } = meaningOf(policy, abis.x86_64, nr);
    return permits(otherwise) || rules.some((rule) => permits(rule.action));
  };

  test('permits nothing of what no preset permits', () => {
    const own = name === 'chromium' ? ['chroot'] : [];
    expect(forbidden.filter((call) => permitted(call) && !own.includes(call))).toEqual([]);
    expect(permitted('read')).toBe(true);
  });

  test('says how it was made', () => {
    const text = readFileSync(join(root, 'presets', `${name}.policy`), 'utf8');
    expect(text).toMatch(/^# Learnt from \d+ runs.*scripts\/presets\.js/m);
    expect(text).toMatch(/^# .*\d+\.\d+.*, Linux 6\./m);
  });

  test('compiles, and is proved', () => {
    expect(filtersFor(policy, [abis.x86_64]).length).toBeGreaterThan(0);
  });
});

test('more can be merged with it, and the environment can narrow it', () => {
  const answer = (words: readonly string[], call: string, env: Record<string, string> = {}) =>
    (
      JSON.parse(sandboxRun(['check', '--json', '--preset', 'ffmpeg', ...words, call], { env }).stdout) as {
        action: string;
      }[]
    )[0]!.action;
  expect(answer([], 'listen')).toBe('errno EPERM');
  expect(answer(['--allow', 'listen'], 'listen')).toBe('allow');
  expect(answer(['--deny', 'unlink'], 'unlink')).toBe('kill');
  expect(answer(['--allow', 'ptrace'], 'ptrace')).toBe('kill');
});
