// Installing: with the prebuilt parts and without, with a compiler and without, with install scripts and without.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { caller, users } from '../kernel/users.ts';
import { install, repacked } from './install.ts';
import { mustWork } from './uses.ts';

const PREBUILT = join('prebuilds', `linux-${process.arch}`, 'sandbox_run.node');
const BUILT = join('build', 'Release', 'sandbox_run.node');

describe.for(users.map((user) => [user.name, user] as const))('as %s', ([_, user]) => {
  test('without a compiler: the prebuilt parts are used, and V8’s code is kept for this Node', () => {
    const project = install({ user });
    expect(project.installed).toMatchObject({ status: 0 });
    expect(existsSync(join(project.package, BUILT))).toBe(false);
    for (const name of ['start', 'parts'])
      expect(existsSync(join(project.package, 'dist', `${name}.cache`))).toBe(true);
    mustWork(project);
  });

  test('without install scripts: the same, but for the kept code', () => {
    const project = install({ user, ignoreScripts: true });
    expect(project.installed).toMatchObject({ status: 0 });
    expect(existsSync(join(project.package, 'dist', 'start.cache'))).toBe(false);
    mustWork(project);
  });

  test('without prebuilt parts: built from source', () => {
    const tarball = repacked((folder) => rmSync(join(folder, 'prebuilds'), { recursive: true }));
    const project = install({ user, tarball, tools: 'a compiler' });
    expect(project.installed).toMatchObject({ status: 0 });
    expect(existsSync(join(project.package, BUILT))).toBe(true);
    mustWork(project);
  });
});

test('a prebuilt addon that does not load here is replaced by one built from source', () => {
  const tarball = repacked((folder) => {
    const addon = readFileSync(join(folder, PREBUILT));
    // Needs a C library that nobody has.
    const at = addon.indexOf('libc.so.6');
    addon.write('libc.so.9', at, 'latin1');
    writeFileSync(join(folder, PREBUILT), addon);
  });
  const project = install({ user: caller, tarball, tools: 'a compiler' });
  expect(project.installed).toMatchObject({ status: 0 });
  expect(existsSync(join(project.package, BUILT))).toBe(true);
  mustWork(project);
});

describe('neither prebuilt parts nor a compiler', () => {
  const tarball = () => repacked((folder) => rmSync(join(folder, 'prebuilds'), { recursive: true }));

  test('the installation fails, and says what is missing', () => {
    const { installed } = install({ user: caller, tarball: tarball() });
    expect(installed.status).not.toBe(0);
    expect(installed.stderr).toContain(
      'sandbox-run: building the native part needs make, a C and a C++ compiler',
    );
    expect(installed.stderr).toContain('apt-get install build-essential');
  });

  test('without install scripts everything works that needs no native part, and the rest says what to do', () => {
    const project = install({ user: caller, tarball: tarball(), ignoreScripts: true });
    expect(project.installed).toMatchObject({ status: 0 });
    const command = join('node_modules', '.bin', 'sandbox-run');
    expect(project.start(command, ['check', '--deny', 'ptrace', 'read'])).toMatchObject({
      status: 0,
      stderr: '',
    });
    const started = project.start(command, ['--deny', 'ptrace', '--', '/bin/echo', 'hello']);
    expect(started).toMatchObject({ status: 125, stdout: '' });
    expect(started.stderr).toMatch(/^sandbox-run: .*not built for this machine.*npm rebuild sandbox-run/);
    expect(project.start(command, ['pack', '--deny', 'ptrace', '-o', 'x'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^sandbox-run: sandbox-launch is not built for this machine/),
    });
    const api = `const { check, spawnSync } = await import('sandbox-run');
      console.log(check('allow read', 'read')[0].text);
      try { spawnSync('true', [], { sandbox: 'default allow' }); } catch (error) { console.log(error.name, error.message); }`;
    const asked = project.start(process.execPath, ['--input-type=module', '-e', api]);
    expect(asked).toMatchObject({ status: 0, stderr: '' });
    expect(asked.stdout).toMatch(
      /^allow\nLaunchError .* is not built for this machine; run `npm rebuild sandbox-run`/,
    );
  });
});

test('npm rebuild builds what was not there', () => {
  const tarball = repacked((folder) => rmSync(join(folder, 'prebuilds'), { recursive: true }));
  const project = install({ user: caller, tarball, tools: 'a compiler', ignoreScripts: true });
  expect(existsSync(join(project.package, BUILT))).toBe(false);
  expect(project.npm('rebuild', 'sandbox-run')).toMatchObject({ status: 0 });
  expect(existsSync(join(project.package, BUILT))).toBe(true);
  mustWork(project);
});
