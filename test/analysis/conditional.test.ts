// Functions of glibc that run under a condition: counted where it can come true, and nowhere else.
// Debian: the C library is one of those that the table knows, or libc6-dbg is there.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('conditional');

function compile(name: string, source: string): string {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-O2', '-w', '-o', file, `${file}.c`]);
  return file;
}

describe('what is undone for RPC when a thread ends', () => {
  const thread = (body: string) => `
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <pthread.h>
    static void *body(void *end) { ${body} return end; }
    int main(int count, char **words) {
      pthread_t thread;
      return pthread_create(&thread, 0, body, 0) || pthread_join(thread, 0);
    }`;
  const use = `return ((void *(*)(void))dlvsym(RTLD_DEFAULT, "__rpc_thread_createerr", "GLIBC_2.2.5"))() == 0 ? "" : end;`;

  test.each([
    ['nothing is kept for one', 'unused', thread(''), false],
    ['something is kept', 'used', thread(use), true],
  ])('%s', (_, name, source, isPossible) => {
    const program = compile(name, source);
    const analysis = analysisOf(program);
    for (const call of ['bind', 'getsockname', 'setsockopt'])
      expect(analysis.calls.has(call), call).toBe(isPossible);
    expect(spawnSync(program, [], { sandbox: policyOfAnalysis(analysis) })).toMatchObject({
      status: 0,
      signal: null,
    });
  });
});

describe('profiling by the loader', () => {
  const alone = 'int main(void) { return 0; }';
  const other =
    'int execv(const char *, char **); int main(int count, char **words) { return execv("/usr/bin/true", words); }';

  test.each([
    ['LD_PROFILE is not set', alone, {}, false],
    ['it is set', alone, { LD_PROFILE: 'libc.so.6' }, true],
    ['a program can set it for another', other, {}, true],
  ])('%s', (name, source, environment, isPossible) => {
    const program = compile(name.replaceAll(/\W/g, '-'), source);
    const { calls } = analysisOf(program, { environment: { PATH: '/usr/bin:/bin', ...environment } });
    expect(calls.has('setitimer')).toBe(isPossible);
  });
});
