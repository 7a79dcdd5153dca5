// Static programs with glibc: the loader's code is their own, and so is what looks up names in libraries that they load.

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('static');
const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');

function compile(name: string, source: string, ...options: string[]): string {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-O1', '-w', '-o', file, `${file}.c`, ...options]);
  return file;
}

function runsAlike(file: string, words: readonly string[] = [], places = ['exec', 'main']): void {
  const bare = spawnSync(file, words, { encoding: 'utf8' });
  for (const place of places) {
    const held = spawnSync(
      process.execPath,
      [cli, '--auto', '--at', place, '--also', '@none', '--', file, ...words],
      { encoding: 'utf8', env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') } },
    );
    expect([held.stderr, held.stdout, held.status], place).toEqual([bare.stderr, bare.stdout, bare.status]);
  }
}

test.each([
  '-static',
  '-static-pie',
])('%s: start-up is told apart, and nothing of another C library counts', (option) => {
  const file = compile(
    `hello${option}`,
    '#include <stdio.h>\nint main(void) { return printf("hello\\n") < 0; }',
    option,
  );
  const { calls, main, unknown } = analysisOf(file);
  expect(unknown).toEqual([]);
  const start = ['arch_prctl', 'rseq', 'set_robust_list', 'set_tid_address'];
  expect(start.filter((name) => calls.has(name))).toEqual(start);
  expect(start.filter((name) => main?.calls.has(name) !== false)).toEqual([]);
  // These only plug-ins of the name service and the library that they need would call.
  for (const name of ['socket', 'mount', 'unshare']) expect(calls.has(name), name).toBe(false);
  runsAlike(file);
});

test('one that looks up users loads a name service with a C library of its own', () => {
  const file = compile(
    'users',
    `#include <stdio.h>
     #include <pwd.h>
     int main(int count, char **words) {
       struct passwd *found = getpwnam(words[1]);
       return found == 0 || printf("%d\\n", found->pw_uid) < 0;
     }`,
    '-static',
  );
  expect(analysisOf(file).unknown).toEqual([]);
  runsAlike(file, ['nobody']);
  runsAlike(file, ['no-such-user']);
});

test('one that lies far above what 40 bits name', () => {
  const file = compile(
    'high',
    `static long call(long n, long a) {
       long r;
       __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a) : "rcx", "r11", "memory");
       return r;
     }
     static long same(long n) { return call(n, 0); }
     static long (*volatile pointer)(long) = same;
     void begin(void) { call(231, pointer(39) == 0); }
     __asm__(".globl _start\\n_start: and $-16, %rsp\\ncall begin\\nhlt\\n");`,
    ...['-static', '-nostdlib', '-fPIC', '-no-pie', '-Wl,--no-relax,-Ttext-segment=0x100000000000'],
  );
  const { calls, unknown } = analysisOf(file);
  expect(unknown).toEqual([]);
  expect([...calls.keys()].sort()).toEqual(['exit_group', 'getpid', 'restart_syscall']);
  // It has no C library, and so no main.
  runsAlike(file, [], ['exec']);
});
