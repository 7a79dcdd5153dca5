// Starts that others make, with what wrap and shim give them.

import { spawnSync as bareSync, execFile, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { LaunchError, shim, UsageError, wrap } from '../../lib/index.ts';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const policy = 'default allow\nkill kill(sig == SIGWINCH)\nerrno EPERM kill(sig == SIGCONT)';
const refused = 'kill -CONT $$ 2>/dev/null || echo refused; kill -WINCH $$; echo after';

describe('wrap', () => {
  test('for execa', async () => {
    const { file, args, options } = wrap('sh', ['-c', `echo "$0" "$@"; ${refused}`, 'name', 'a b'], {
      sandbox: policy,
      reject: false as const,
      env: { ...process.env, A: '1' },
    });
    expect(options).toEqual({ reject: false, env: { ...process.env, A: '1' } });
    const result = await execa(file, args, options);
    expect(result).toMatchObject({ signal: 'SIGSYS', stdout: 'name a b\nrefused', stderr: '' });
  });

  test('for node:child_process, with everything else as it was', async () => {
    const wrapped = wrap(
      './sh',
      ['-c', 'echo $$; pwd; tr "\\0" "|" </proc/$$/cmdline; grep Seccomp: /proc/$$/status'],
      {
        sandbox: policy,
        cwd: '/bin',
        argv0: 'other',
      },
    );
    const child = spawn(wrapped.file, wrapped.args, wrapped.options);
    let text = '';
    child.stdout!.on('data', (data) => {
      text += data;
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(text).toMatch(new RegExp(`^${child.pid}\\n/(usr/)?bin\\nother\\|-c\\|.*\\|Seccomp:\\t2\\n$`, 's'));
  });

  test('a shell among the options is in the sandbox', async () => {
    const { file, args, options } = wrap(`grep Seccomp: /proc/$$/status; echo`, ['$((1+1))'], {
      sandbox: policy,
      shell: true,
    });
    expect(options).toEqual({});
    expect((await promisify(execFile)(file, args, options)).stdout).toBe('Seccomp:\t2\n2\n');
  });

  test('from main on', async () => {
    const sandbox = { policy: 'default allow\nkill arch_prctl, set_tid_address', at: 'main' } as const;
    const { file, args, options } = wrap('cat', ['/proc/self/status'], { sandbox });
    expect((await promisify(execFile)(file, args, options)).stdout).toMatch(/^Seccomp:\t2$/m);
  });

  test('one launcher for a policy, out of the way of a program’s descriptors', () => {
    const [a, b] = [wrap('true', [], { sandbox: policy }), wrap('false', [], { sandbox: policy })];
    expect(a.file).toBe(b.file);
    expect(Number(a.file.split('/').at(-1))).toBeGreaterThanOrEqual(100);
    const stdio = [...Array<'ignore'>(3).fill('ignore'), ...Array<'pipe'>(40).fill('pipe')];
    expect(bareSync(b.file, b.args, { stdio }).status).toBe(1);
  });

  test.each([
    ['nothing-of-this-name', 127, /nothing-of-this-name: not found in PATH/],
    ['/etc/passwd', 126, /\/etc\/passwd: permission denied/],
  ])('%s: said on standard error, with a status', (name, status, message) => {
    const { file, args } = wrap(name, [], { sandbox: policy });
    const result = bareSync(file, args, { encoding: 'utf8' });
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
  });

  test.runIf(isRoot)('as another user', () => {
    const { file, args, options } = wrap('id', ['-u'], { sandbox: policy, uid: 65534, gid: 65534 });
    expect(bareSync(file, args, { ...options, encoding: 'utf8' }).stdout).toBe('65534\n');
  });

  test('it says what it cannot do', () => {
    expect(() => wrap('true', [], {} as never)).toThrow(UsageError);
    expect(() => wrap('true', [], { sandbox: { policy, explain: true } })).toThrow(UsageError);
    expect(() => wrap('true', [], { sandbox: { policy, onViolation() {} } })).toThrow(UsageError);
  });
});

describe('shim', () => {
  const path = join(temporaryFolder('shim'), 'sh-inside');

  test('an executable that runs the program inside', () => {
    shim('sh', policy, path);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    const result = bareSync(path, ['-c', `echo "$@"; grep Seccomp: /proc/$$/status; ${refused}`, '', 'a b'], {
      encoding: 'utf8',
    });
    expect(result).toMatchObject({ signal: 'SIGSYS', stdout: 'a b\nSeccomp:\t2\nrefused\n', stderr: '' });
  });

  test('it is made anew, whole', () => {
    const before = readFileSync(path);
    shim('sh', 'default allow\nkill ptrace, kexec_load', path);
    expect(readFileSync(path).equals(before)).toBe(false);
    expect(bareSync(path, ['-c', 'exit 5']).status).toBe(5);
  });

  test('it says what it cannot do', () => {
    expect(() => shim('nothing-of-this-name', policy, path)).toThrow(LaunchError);
    expect(() => shim('sh', 'default allow\nphase main {\ndefault kill\n}', path)).toThrow(UsageError);
    expect(() => shim('sh', policy, '/nonexistent/folder/shim')).toThrow(/cannot write/);
  });
});
