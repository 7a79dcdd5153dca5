// A Node process that becomes a program, seen from its parent.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';

const library = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', 'lib', 'index.js')).href;

/** Runs code that has `become` and `say`. */
function run(code: string) {
  const text = `import { writeSync } from 'node:fs';
    import { become } from '${library}';
    const say = (value) => writeSync(1, value + '\\n');
    ${code}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8', input: 'in' });
}

describe('become', () => {
  test('the same process, inside the filter', () => {
    const { stdout, stderr, status } = run(
      `say(process.pid); become('sh', ['-c', 'echo $$; cat; grep Seccomp: /proc/$$/status; exit 4'], { sandbox: 'default allow\\nkill ptrace' }); say('after');`,
    );
    const [before, after] = stdout.split('\n');
    expect(before).toBe(after?.replace('in', ''));
    expect(stdout).toMatch(/\ninSeccomp:\t2\n$/);
    expect([stderr, status]).toEqual(['', 4]);
  });

  test('a refused call kills it', () => {
    const { signal, stdout } = run(
      `become('sh', ['-c', 'echo on; kill -WINCH $$'], { sandbox: 'default allow\\nkill kill' });`,
    );
    expect([signal, stdout]).toEqual(['SIGSYS', 'on\n']);
  });

  test('from main on', () => {
    const sandbox = `{ policy: 'default allow\\nkill arch_prctl, set_tid_address', at: 'main' }`;
    expect(run(`become('cat', ['/proc/self/status'], { sandbox: ${sandbox} });`).stdout).toMatch(
      /^Seccomp:\t2$/m,
    );
  });

  test('what is wrong before is thrown, and this process goes on', () => {
    const { stdout } = run(`
      for (const call of [
        () => become('nothing-of-this-name', [], { sandbox: 'default allow' }),
        () => become('true', [], { sandbox: 'allow opennat' }),
        () => become('true', [], {}),
        () => become('true', [], { sandbox: { policy: 'default allow', explain: true } }),
      ]) { try { call(); } catch (error) { say(error.name + ' ' + error.exitStatus); } }`);
    expect(stdout).toBe(
      'LaunchError 127\nPolicyError undefined\nUsageError undefined\nUsageError undefined\n',
    );
  });
});
