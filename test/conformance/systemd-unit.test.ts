// A drop-in made from a policy, as the installed systemd reads it, without booting one: `systemd-analyze verify` has nothing to say
// about it, and `systemd-analyze security` finds each set of dangerous calls open or closed as the policy has it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemd } from '../../lib/formats/systemd.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { isNewerThan } from '../../lib/linux/versions.ts';
import { permits } from '../../lib/policy/action.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { meaningOf } from '../../lib/policy/meaning.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { installedSets } from './systemd-sets.ts';
import { missing } from './tools.ts';

const lacking = missing('units', ['systemd-analyze (systemd)']);
const native = abis.x86_64;

interface Row {
  readonly name: string;
  /** Whether it is as closed as can be. */
  readonly set: boolean | null;
}

/** A service with the lines as its drop-in, looked at by systemd. */
function analyse(lines: string): { complaints: string; rows: readonly Row[] } {
  const folder = temporaryFolder('unit');
  const unit = join(folder, 'app.service');
  writeFileSync(unit, '[Unit]\nDescription=An app\n[Service]\nExecStart=/bin/true\n');
  mkdirSync(`${unit}.d`);
  writeFileSync(join(`${unit}.d`, 'seccomp.conf'), lines);
  const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:`, SYSTEMD_COLORS: '0' };
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8', env });
  const words = ['security', '--offline=yes', '--json=short', '--no-pager', unit];
  const rows = JSON.parse(spawnSync('systemd-analyze', words, { encoding: 'utf8', env }).stdout) as Row[];
  const complaints = `${verified.stdout}${verified.stderr}`
    .split('\n')
    .filter((line) => line.includes('app.service'))
    .join('\n');
  return { complaints, rows: rows.filter((row) => row.name.startsWith('SystemCall')) };
}

/** Whether a call can go through with some arguments. systemd has no conditions: such a call is refused altogether. */
function isPermitted(policy: Policy, name: string): boolean {
  const nr = syscallNumber(native, name);
  if (nr === undefined) return false;
  const { rules, otherwise } = meaningOf(policy, native, nr);
  return permits(otherwise) && rules.every((rule) => permits(rule.action));
}

const samples: Readonly<Record<string, string>> = {
  'an allow list':
    'default errno EPERM\nkernel 5.17\nallow @basic-io, @file-system, @signal, exit_group, execve, brk, mmap',
  'an allow list that kills': 'kernel 5.17\nallow @system-service except {@privileged, @resources}',
  'an allow list with conditions':
    'default errno EPERM\nallow read, write, execve, ioctl(cmd == TCGETS), mount(flags == MS_BIND)',
  'a deny list':
    'default allow\nkill ptrace, process_vm_readv, process_vm_writev\nerrno EPERM @swap, @reboot, @module',
};

describe.skipIf(lacking !== undefined)('a drop-in', () => {
  const sets = lacking === undefined ? installedSets() : new Map<string, readonly string[]>();

  test.each(Object.entries(samples))('%s is what systemd reads in it', (_, text) => {
    const policy = parsePolicy(text, { file: 'app.policy' });
    const { text: lines } = systemd.write!(policy, { name: 'app', abis: [native] });
    const { complaints, rows } = analyse(String(lines));
    // Calls of ours that this systemd has never heard of: in an allow list they are refused.
    const [unknown, others] = [[] as string[], [] as string[]];
    for (const line of complaints.split('\n').filter(Boolean))
      (line.includes('Failed to parse system call, ignoring') ? unknown : others).push(line);
    expect(others).toEqual([]);
    const names = unknown.map((line) => line.split(': ').at(-1)!);
    expect(names.filter((name) => !isNewerThan(name, '5.17'))).toEqual([]);

    const checked = rows.filter((row) => row.name.startsWith('SystemCallFilter=~@'));
    expect(checked.length).toBeGreaterThan(8);
    for (const row of checked) {
      const calls = sets
        .get(row.name.split('~')[1]!)!
        .filter((call) => syscallNumber(native, call) !== undefined);
      expect([row.name, row.set]).toEqual([row.name, !calls.some((call) => isPermitted(policy, call))]);
    }
    expect(rows.find((row) => row.name === 'SystemCallArchitectures=')?.set).toBe(true);
  });

  test('systemd would say what is wrong', () => {
    expect(analyse('[Service]\nSystemCallFilter=read wriite\n').complaints).toContain('wriite');
    expect(analyse('[Service]\nSystemCallErrorNumber=ENOPE\n').complaints).toContain('ENOPE');
  });

  test('a deny list of calls that an older systemd does not know is told', () => {
    const policy = parsePolicy('default allow\nerrno EPERM open_tree_attr', { file: 'x' });
    const { lost } = systemd.write!(policy, { name: 'app', abis: [native] });
    expect(lost.map((one) => one.what).join()).toMatch(/leaves it out of a deny list.*open_tree_attr/);
  });
});
