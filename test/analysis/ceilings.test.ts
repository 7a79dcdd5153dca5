// Calls that glibc makes for mutexes with a priority ceiling alone: permitted where such a mutex can be, and then it can be locked.
// Debian: the C library is one of those that the table knows, or libc6-dbg is there.

import { execFileSync, spawnSync as start } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('ceilings');
const calls = ['sched_get_priority_max', 'sched_get_priority_min', 'sched_getparam', 'sched_getscheduler'];

const head = `
  #define _GNU_SOURCE
  #include <dlfcn.h>
  #include <pthread.h>
  #include <string.h>
  #include <sys/mman.h>
  #include <unistd.h>
  static pthread_mutex_t here = PTHREAD_MUTEX_INITIALIZER;
  static int lock(pthread_mutex_t *mutex) { return pthread_mutex_lock(mutex) | pthread_mutex_unlock(mutex); }
  static void make(pthread_mutex_t *mutex, int (*protocol)(pthread_mutexattr_t *, int)) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    protocol(&attributes, PTHREAD_PRIO_PROTECT);
    pthread_mutex_init(mutex, &attributes);
  }
`;
const NAME = 'pthread_mutexattr_setprotocol';

test.each([
  ['none is made', 'return lock(&here);', false],
  [
    'one is made',
    `make(&here, ${NAME}); int old; return pthread_mutex_setprioceiling(&here, 1, &old), lock(&here);`,
    true,
  ],
  [
    'one is made by a function that is looked up',
    `make(&here, dlsym(RTLD_DEFAULT, "${NAME}")); return lock(&here);`,
    true,
  ],
  [
    'memory is shared with others, in which one can be',
    'pthread_mutex_t *there = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memfd_create("", 0), 0); return there == MAP_FAILED || lock(&here);',
    true,
  ],
  [
    'the same by flags that are not known',
    'pthread_mutex_t *there = mmap(0, 4096, PROT_READ | PROT_WRITE, getppid() == 1 ? MAP_SHARED : MAP_PRIVATE, memfd_create("", 0), 0); return there == MAP_FAILED || lock(&here);',
    true,
  ],
  [
    'the same by syscall(2)',
    'return syscall(9L, 0L, 4096L, 3L, (long)MAP_SHARED, (long)memfd_create("", 0), 0L) == -1 || lock(&here);',
    true,
  ],
  [
    'the same by a function that is looked up',
    'void *(*map)(void *, long, int, int, int, long) = dlsym(RTLD_DEFAULT, "mmap"); return map(0, 4096, 3, MAP_SHARED, memfd_create("", 0), 0) == MAP_FAILED || lock(&here);',
    true,
  ],
  [
    'memory is shared with nobody, or with children alone',
    'pthread_mutex_t *there = mmap(0, 4096, PROT_READ | PROT_WRITE, (getppid() == 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0); memcpy(there, &here, sizeof here); return lock(there) | syscall(186L) == 0;',
    false,
  ],
  [
    'the same by a call of its own',
    'long there; __asm__ volatile("syscall" : "=a"(there) : "a"(9L), "D"(0L), "S"(4096L), "d"(3L) : "rcx", "r11", "memory"); return there == 1 || lock(&here);',
    true,
  ],
])('%s', (name, body, isPossible) => {
  const file = join(folder, name.replaceAll(/\W/g, '-'));
  writeFileSync(`${file}.c`, `${head} int main(void) { ${body} }`);
  execFileSync('gcc', ['-O2', '-w', '-o', file, `${file}.c`]);
  const analysis = analysisOf(file);
  for (const call of calls) expect(analysis.calls.has(call), call).toBe(isPossible);
  const bare = start(file, { timeout: 10_000 }).status;
  const { status, signal } = spawnSync(file, [], { sandbox: policyOfAnalysis(analysis), timeout: 10_000 });
  expect({ status, signal }).toEqual({ status: bare, signal: null });
});
