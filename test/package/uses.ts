// What an installed package must be able to do, by its command and by its API: one use of each native part, and of what is
// loaded on demand.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Project } from './install.ts';

/** What /bin/echo needs, and what the dynamic loader does before it. */
const ECHO =
  'access,arch_prctl,brk,close,exit_group,fstat,futex,getrandom,ioctl,mmap,mprotect,munmap,newfstatat,openat,pread64,prlimit64,read,readlink,rseq,set_robust_list,set_tid_address,write';

/** One use of what is there without the native part, and of each part of it: started programs, and this process. */
const API = `
const policy = parsePolicy('allow ${ECHO}');
if (check(policy, 'read')[0].action.kind !== 'allow') throw new Error('check');
if (compile('default errno EPERM').programs.length !== 1) throw new Error('compile');
const hello = spawnSync('/bin/echo', ['hello', 'from', 'the', 'API'], { sandbox: policy, encoding: 'utf8' });
if (spawnSync('/bin/echo', ['hello'], { sandbox: 'default allow\\nkill write' }).signal !== 'SIGSYS') throw new Error('kill');
restrictSelf('default allow\\nerrno EPERM ptrace');
require('node:fs').writeSync(1, hello.stdout);
`;
const NAMES = 'check, compile, parsePolicy, restrictSelf, spawnSync';

/** Asserts on all of them. `node`: another Node than the one that installed. */
export function mustWork(project: Project, node: string = process.execPath): void {
  const command = join('node_modules', '.bin', 'sandbox-run');
  const ends = (words: readonly string[], program = command) => {
    const { status, signal, stdout, stderr } = project.start(program, words, node);
    return { status, signal, stdout, stderr };
  };
  const well = (stdout: unknown) => ({ status: 0, signal: null, stdout, stderr: '' });

  // The addon; and the filter is a real one.
  expect(ends(['--allow', ECHO, '--', '/bin/echo', 'hello'])).toEqual(well('hello\n'));
  expect(ends(['--deny', 'write', '--', '/bin/echo', 'hello'])).toMatchObject({
    signal: 'SIGSYS',
    stdout: '',
  });
  // Another format, by a dependency's YAML; the commands; the log.
  const profile = join(project.folder, 'profile.json');
  writeFileSync(profile, '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [] }\n');
  expect(ends(['--policy', profile, '--', '/bin/echo', 'hello'])).toEqual(well('hello\n'));
  expect(ends(['convert', profile, '--to', 'kubernetes'])).toEqual(
    well(expect.stringContaining('SeccompProfile')),
  );
  expect(ends(['--version'])).toEqual(well(expect.stringMatching(/^\d+\.\d+\.\d+\n$/)));
  expect(ends(['check', '--deny', 'ptrace', 'ptrace'])).toEqual(
    well('ptrace: kill, by kill ptrace (--deny)\n'),
  );
  expect(ends(['--log-level', 'debug', '--deny', 'ptrace', '--', '/bin/echo', 'x']).stderr).toContain(
    'proved',
  );
  expect(ends(['--preset', 'git', '--dry-run', '--', '/bin/true'])).toEqual(
    well(expect.stringContaining('would run /bin/true')),
  );
  // The watcher beside a program; the disassembler; the launcher; the library.
  const explained = ends(['--explain', '--deny', 'write', '--', '/bin/echo', 'hello']);
  expect(explained.stderr).toContain('"call":"write"');
  expect(ends(['analyze', '/bin/true', '--json'])).toEqual(well(expect.stringContaining('"exit_group"')));
  expect(ends(['pack', '--allow', ECHO, '-o', 'launcher', '--', '/bin/echo', 'packed'])).toEqual(well(''));
  expect(ends([], join(project.folder, 'launcher'))).toEqual(well('packed\n'));
  expect(ends(['preload', '--allow', ECHO, '--', '/bin/echo', 'preloaded'])).toEqual(well('preloaded\n'));
  // The API, as an ES module and by require.
  writeFileSync(
    join(project.folder, 'api.mjs'),
    `import { createRequire } from 'node:module';
import { ${NAMES} } from 'sandbox-run';
const require = createRequire(import.meta.url);${API}`,
  );
  writeFileSync(join(project.folder, 'api.cjs'), `const { ${NAMES} } = require('sandbox-run');${API}`);
  for (const script of ['api.mjs', 'api.cjs'])
    expect(ends([script], node)).toEqual(well('hello from the API\n'));
}
