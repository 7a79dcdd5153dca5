// The commands that ask questions of policies: diff, subset, merge, intersect, subtract, inspect, lint, check --table.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { filtersOfProcess } from '../../lib/asking/process.ts';
import { nativeAbi } from '../../lib/cli/machine.ts';
import { SandboxError } from '../../lib/errors.ts';
import { file, root, stage } from '../kernel/stage.ts';
import { sandboxRun } from './command.ts';

const small = file('default kill\nallow read, socket(family == AF_UNIX)\n', 'small.policy');
const large = file('default kill\nallow read, write, socket(family in {AF_UNIX, AF_INET})\n', 'large.policy');
const own = ['--abi', 'x86_64'];

function run(...words: readonly string[]) {
  return sandboxRun(words);
}

describe('diff', () => {
  test('in words', () => {
    const { status, stdout, stderr } = run('diff', small, large, ...own);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(
      `${large} permits, ${small} does not:\n  kill → allow:\n    write\n    socket(family == AF_INET)\n`,
    );
  });

  test('as JSON, and as an exit status', () => {
    const { status, stdout } = run('diff', large, small, '--json', '--exit-code', ...own);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      equal: false,
      changes: [
        { abi: 'x86_64', call: 'write', numbers: [1, 1], from: 'allow', to: 'kill', permission: 'lost' },
        {
          ...{
            abi: 'x86_64',
            call: 'socket',
            numbers: [41, 41],
            from: 'allow',
            to: 'kill',
            permission: 'lost',
          },
          when: 'family == AF_INET',
        },
      ],
    });
    expect(run('diff', small, small, '--exit-code')).toMatchObject({ status: 0, stdout: '' });
  });

  test('between a policy and a raw filter, and between formats', () => {
    const raw = join(stage, 'small.bpf');
    expect(run('compile', '-p', small, '-o', raw, '--format', 'bpf', ...own).status).toBe(0);
    expect(run('diff', small, raw, '--exit-code', ...own)).toMatchObject({ status: 0, stdout: '' });
    expect(run('diff', large, raw, '--exit-code', ...own).stdout).toContain('socket(family == AF_INET)');
    const oci = file(
      JSON.stringify({
        defaultAction: 'SCMP_ACT_KILL_PROCESS',
        architectures: ['SCMP_ARCH_X86_64'],
        syscalls: [
          { names: ['read'], action: 'SCMP_ACT_ALLOW' },
          { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
        ],
      }),
      'small.json',
    );
    expect(run('diff', small, oci, ...own).stdout).not.toContain('socket');
  });

  test('says what it takes, and what is wrong with a file', () => {
    expect(run('diff', small)).toMatchObject({ status: 2, stderr: expect.stringContaining('two policies') });
    expect(run('diff', small, '/nowhere')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('does not exist'),
    });
    expect(run('diff', small, 'pid:x')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not the number'),
    });
  });
});

describe('subset', () => {
  test('0, or 1 and what is missing', () => {
    expect(run('subset', small, large)).toMatchObject({ status: 0, stdout: '' });
    const { status, stdout } = run('subset', large, small, ...own);
    expect(status).toBe(1);
    expect(stdout).toContain('write\n');
    expect(JSON.parse(run('subset', large, small, '--json', ...own).stdout)).toMatchObject({ subset: false });
  });
});

describe('merge, intersect, subtract', () => {
  test('merge adds up, subtract leaves the rest', () => {
    const merged = run('merge', small, large);
    expect(merged).toMatchObject({ status: 0, stderr: '' });
    expect(run('diff', file(merged.stdout, 'merged.policy'), large, '--exit-code')).toMatchObject({
      status: 0,
    });
    const rest = run('subtract', large, small);
    expect(rest.stdout).toContain('allow write\n');
    const only = file('default kill\nallow write, socket(family == AF_INET)\n', 'only.policy');
    expect(run('diff', file(rest.stdout, 'rest.policy'), only, '--exit-code')).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(run('subtract', large, small, small)).toMatchObject({ status: 2 });
  });

  test('intersect means what both permit', () => {
    const output = join(stage, 'both.policy');
    expect(run('intersect', small, large, '-o', output)).toMatchObject({ status: 0, stdout: '' });
    expect(run('diff', output, small, '--exit-code')).toMatchObject({ status: 0, stdout: '' });
  });

  test('a raw filter is a policy too', () => {
    const raw = join(stage, 'raw-small.bpf');
    run('compile', '-p', small, '-o', raw, '--format', 'bpf', ...own);
    const { stdout } = run('intersect', large, raw, ...own);
    expect(run('diff', file(stdout, 'lifted.policy'), small, '--exit-code', ...own)).toMatchObject({
      status: 0,
      stdout: '',
    });
    // Wherever a policy is taken.
    expect(run('check', '-p', raw, '--expect', 'kill', 'write', ...own)).toMatchObject({ status: 0 });
  });
});

describe('inspect', () => {
  const raw = join(stage, 'inspect.bpf');
  const text = 'default errno EPERM\nallow read, ioctl(cmd in {TCGETS, FIONREAD})\nkill ptrace\n';

  test('a file as a policy, as words, as a listing, as JSON', () => {
    run('compile', '-p', file(text, 'inspect.policy'), '-o', raw, '--format', 'bpf', ...own);
    const { status, stdout } = run('inspect', '--bpf', raw, ...own);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^# .*inspect\.bpf: \d+ instructions; proved to say the same as this\n/);
    expect(stdout).toContain('allow read\nallow ioctl(cmd in {TCGETS, FIONREAD})\n\nkill ptrace\n');
    expect(run('inspect', '--bpf', raw, '--explain', ...own).stdout).toContain(
      'ioctl, if cmd is TCGETS or FIONREAD',
    );
    expect(run('inspect', '--bpf', raw, '--listing', ...own).stdout).toContain('ld [0]');
    const [found] = JSON.parse(run('inspect', '--bpf', raw, '--json', ...own).stdout);
    expect(found).toMatchObject({ proved: true, policies: [{ abis: ['x86_64'] }], unsaid: [] });
  });

  test('what is no filter, and what no policy can say', () => {
    expect(run('inspect', '--bpf', small)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not whole'),
    });
    expect(run('inspect')).toMatchObject({ status: 2, stderr: expect.stringContaining('process number') });
    const odd = join(stage, 'odd.bpf');
    // An answer that is a word of the call: ld [16]; ret a.
    writeFileSync(odd, Uint8Array.from([0x20, 0, 0, 0, 16, 0, 0, 0, 0x16, 0, 0, 0, 0, 0, 0, 0]));
    const { status, stdout } = run('inspect', '--bpf', odd);
    expect(status).toBe(1);
    expect(stdout).toContain('instruction 1: an answer that is a word of the call itself');
  });

  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  const canRead = (() => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(child);
    try {
      return filtersOfProcess(child.pid!, nativeAbi()).length === 0;
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      console.warn(`not tried: inspect of a running process: ${error.message}`);
      return false;
    }
  })();

  test.runIf(canRead && process.arch === 'x64')(
    'a running process: every filter, and the difference to its policy',
    async () => {
      const [outer, inner] = [
        file('default allow\nkill ptrace\n', 'outer.policy'),
        file('default allow\nerrno EPERM open_tree, socket(family == AF_ALG)\n', 'inner.policy'),
      ];
      const command = join(root, 'bin', 'sandbox-run.cjs');
      const words = [command, '-p', outer, '--', process.execPath, command, '-p', inner, '--', 'sleep', '60'];
      const child = spawn(process.execPath, words, { stdio: 'ignore' });
      children.push(child);
      for (
        let at = 0;
        at < 100 && !readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('sleep');
        at++
      ) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const { status, stdout } = run('inspect', String(child.pid));
      expect(status).toBe(0);
      expect(stdout).toContain(`# process ${child.pid}, filter 1 of 2 (the oldest)`);
      expect(stdout).toContain('kill ptrace\n');
      expect(stdout).toContain('errno EPERM socket(family == AF_ALG)');
      const both = join(stage, 'outer-inner.policy');
      run('intersect', outer, inner, '-o', both, ...own);
      const found = run('diff', both, `pid:${child.pid}`, ...own);
      // The launch's own gates: execve and the like are permitted by both, so nothing differs.
      expect(found).toMatchObject({ status: 0, stdout: '' });
    },
  );

  test.runIf(canRead && process.arch === 'x64')(
    'a sleeping process whose filter refuses restart_syscall lives on',
    async () => {
      const sleepy = file('default allow\nkill restart_syscall\n', 'sleepy.policy');
      const command = join(root, 'bin', 'sandbox-run.cjs');
      const child = spawn(process.execPath, [command, '-p', sleepy, '--', 'sleep', '1.5'], {
        stdio: 'ignore',
      });
      children.push(child);
      const ended = new Promise((resolve) =>
        child.once('exit', (status, signal) => resolve({ status, signal })),
      );
      for (
        let at = 0;
        at < 100 && !readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('sleep');
        at++
      ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(run('inspect', String(child.pid)).stdout).toContain('kill restart_syscall');
      expect(await ended).toEqual({ status: 0, signal: null });
    },
  );

  test('a process that is not there', () => {
    const { status, stderr } = run('inspect', '2147483646');
    expect(status).toBe(2);
    expect(stderr).toMatch(/there is no process|CAP_SYS_ADMIN/);
  });
});

describe('lint', () => {
  const risky = file('default kill\nforeign allow\nallow ioctl\n', 'risky.policy');

  test('in words, as JSON, as SARIF', () => {
    const { status, stdout } = run('lint', risky, ...own);
    expect(status).toBe(1);
    expect(stdout).toContain('[tty-injection]\n  about: ioctl\n  fix: ');
    const rules = (JSON.parse(run('lint', risky, '--json', ...own).stdout) as { rule: string }[]).map(
      ({ rule }) => rule,
    );
    expect(rules).toEqual(['foreign-abi-open', 'tty-injection']);
    expect(JSON.parse(run('lint', risky, '--sarif', ...own).stdout)).toMatchObject({ version: '2.1.0' });
  });

  test('nothing found', () => {
    expect(run('lint', '--allow', 'read,write', ...own)).toMatchObject({
      status: 0,
      stdout: 'nothing found\n',
    });
  });

  test('a width that can be got round, in a foreign format read to the letter', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        {
          names: ['ioctl'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 1, value: 0x5412, op: 'SCMP_CMP_EQ' }],
        },
      ],
    };
    const oci = file(JSON.stringify(profile), 'tiocsti.json');
    expect(run('lint', oci, '--exact', ...own).stdout).toContain('[width-bypass]');
    expect(run('lint', oci, ...own).stdout).not.toContain('[width-bypass]');
  });
});

describe('check --table', () => {
  const policy = file(
    'default kill\nallow read, socket(family == AF_UNIX)\nerrno EPERM open\n',
    'checked.policy',
  );

  test('all right', () => {
    const table = file(
      'allow read(0), socket(AF_UNIX)\nkill socket(AF_INET)\nrefused open\nkill i386:read\n',
      'good.table',
    );
    expect(run('check', '-p', policy, '--table', table, ...own)).toMatchObject({
      status: 0,
      stdout: '5 of 5 answers as expected\n',
    });
  });

  test('what is wrong, with its place', () => {
    const table = file(
      'allow read\nallow socket(AF_INET), socket(AF_UNIX)\nerrno EACCES open\n',
      'bad.table',
    );
    const { status, stdout } = run('check', '-p', policy, '--table', table, ...own);
    expect(status).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `${table}:2: socket(AF_INET): kill, by default; expected allow`,
      expect.stringContaining(`${table}:3: open: errno EPERM, by errno EPERM open`),
      '2 of 4 answers as expected',
      '',
    ]);
    const all = JSON.parse(run('check', '-p', policy, '--table', table, '--json', ...own).stdout);
    expect(all.map((one: { expected: boolean }) => one.expected)).toEqual([true, false, true, false]);
  });
});
