// What a plain start may cost: it loads neither the commands nor their packages, and stays near to Node's own start. Figures are
// the bench's business (npm run bench -- startup); this fails when something heavy has crept in.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { keepCode } from '../../scripts/keep-code.js';
import { file, root, stage } from '../kernel/stage.ts';
import { command, start } from './command.ts';

const folder = dirname(dirname(command));
const docker = join(root, 'bench', 'policies', 'b-docker.policy');
const thirteen = [
  ...readFileSync(join(root, 'bench', 'policies', 'a-thirteen.policy'), 'utf8').matchAll(/^allow (.*)$/gm),
]
  .map(([, calls]) => calls)
  .join(',');

describe('what is loaded', () => {
  /** The package again, with everything in it that a plain start has no business with replaced by something that throws. */
  const poisoned = join(stage, 'poisoned');
  for (const part of ['package.json', 'bin', 'build', join('dist', 'start.cjs'), join('dist', 'tables')])
    cpSync(join(folder, part), join(poisoned, part), { recursive: true });
  const poison = (name: string, text: string) => file(text, join('poisoned', name));
  mkdirSync(join(poisoned, 'node_modules'));
  for (const name of ['parts', 'formats', 'pino'])
    poison(join('dist', `${name}.cjs`), `(function () { throw new Error('loaded ${name}'); })\n`);
  for (const name of ['yaml', 'iced-x86']) {
    poison(join('node_modules', name, 'package.json'), `{ "name": "${name}", "main": "index.js" }\n`);
    poison(join('node_modules', name, 'index.js'), `throw new Error('loaded ${name}');\n`);
  }
  const run = (...words: readonly string[]) =>
    start([process.execPath, join(poisoned, 'bin', 'sandbox-run.cjs'), ...words]);

  test.for<readonly [string, ...string[]]>([
    ['a list', '--deny', 'ptrace,@mount'],
    [
      'a policy file with constants and groups',
      '--policy',
      file('default allow\nkill socket(family == AF_VSOCK), @io-uring\n'),
    ],
    ['several sources', '--deny', 'ptrace', '--rule', 'default allow', '--rule', 'errno ENOSPC mkdir'],
    ['a permissive start', '--deny', 'ptrace', '--permissive'],
  ])('nothing of the commands for %s', ([_, ...options]) => {
    expect(run(...options, '--', '/bin/echo', 'hello')).toEqual({
      status: 0,
      signal: null,
      stdout: 'hello\n',
      stderr: '',
    });
  });

  test('nor for an error', () => {
    expect(run('--deny', 'ptarce', 'true')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('"ptarce"'),
    });
    expect(run('--deny', 'ptrace', '/nonexistent')).toMatchObject({ status: 127 });
    expect(run('--frob', 'true')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('unknown option'),
    });
  });

  test('what needs them gets them', () => {
    expect(run('--help').stderr).toContain('loaded parts');
    expect(run('check', '--deny', 'ptrace', 'read').stderr).toContain('loaded parts');
    const profile = file('{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [] }\n', 'profile.json');
    expect(run('--policy', profile, 'true').stderr).toContain('loaded formats');
    expect(run('--log-level', 'debug', '--deny', 'ptrace', 'true').stderr).toContain('loaded pino');
  });

  test('commands load bundles alone, and what they need from dependencies only when they need it', () => {
    const whole = join(stage, 'whole-poisoned');
    for (const part of ['package.json', 'bin', 'build', 'dist'])
      cpSync(join(folder, part), join(whole, part), { recursive: true });
    cpSync(join(poisoned, 'node_modules'), join(whole, 'node_modules'), { recursive: true });
    const ask = (...words: readonly string[]) =>
      start([process.execPath, join(whole, 'bin', 'sandbox-run.cjs'), ...words]);
    const asked = [
      ['--help'],
      ['check', '--help'],
      ['check', '--policy', docker, 'ptrace'],
      ['explain', '--policy', docker],
      ['diff', docker, docker],
      ['compile', '--policy', docker],
      ['syscalls', 'openat'],
      ['completion', 'bash'],
    ];
    for (const words of asked) expect(ask(...words)).toMatchObject({ status: 0, stderr: '' });
    expect(ask('lint', docker).stderr).toBe('');
    expect(ask('analyze', '/bin/true').stderr).toContain('loaded iced-x86');
  });

  test('of Node’s own modules none that an empty script does not load, but for vm', () => {
    const tell = file(
      "process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.join('\\n')));\n",
      'tell-modules.cjs',
    );
    const modules = (...words: readonly string[]) => {
      const { status, stderr } = start([process.execPath, '--require', tell, ...words]);
      expect(status).toBe(0);
      return stderr.split('\n');
    };
    const before = new Set(modules(file('', 'empty.cjs')));
    const more = modules(command, '--dry-run', '--policy', docker, '--', '/bin/true').filter(
      (one) => !before.has(one),
    );
    expect(more).toEqual(['NativeModule vm']);
  });
});

describe('how long it takes', () => {
  // V8's code is kept from the build; without it a start takes half as long again.
  keepCode(command);
  const helper = (name: string, ...options: string[]) => {
    const output = join(stage, name);
    const source = join(root, 'bench', 'native', `${name}.c`);
    const gcc = spawnSync('gcc', ['-O2', source, '-o', output, ...options], { encoding: 'utf8' });
    if (gcc.status !== 0) throw new Error(`gcc could not build ${name}: ${gcc.stderr}`);
    return output;
  };
  const starts = helper('starts');
  const program = helper('nothing', '-static', '-nostdlib');

  /** The median of `rounds` ratios to `node -e 0`, each of two starts right after each other. */
  const ratio = (rounds: number, ...own: readonly string[]): number => {
    const words = ['--', process.execPath, '-e', '0', '--', process.execPath, command, ...own];
    const { status, stdout, stderr } = start([starts, String(rounds), ...words]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const ratios = stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [node, own] = line.split(' ').map(Number);
        return own! / node!;
      })
      .sort((a, b) => a - b);
    return ratios[ratios.length >> 1]!;
  };

  /** Other tests run beside this one: what is over the limit at one moment is measured again at another. */
  const ATTEMPTS = 8;
  const NOISE = 1.15;

  test.for<readonly [string, number, ...string[]]>([
    ['a list of thirteen calls', 1.5, '--allow', thirteen, '---', program],
    ['Docker’s profile', 2, '--policy', docker, '---', program],
  ])('%s: within %d × node -e 0', ([_, limit, ...own]) => {
    let best = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < ATTEMPTS && best > limit; attempt++)
      best = Math.min(best, ratio(9, ...own));
    expect(best).toBeLessThanOrEqual(limit * NOISE);
  });
});
