// What the loader runs to choose another function (ifunc), what the kernel's own library offers, and what a C library sends to all
// threads: each counts once something that was reached can come to it, and not before.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('choosers');
let count = 0;

function compile(source: string, ...options: string[]): string {
  const file = join(folder, `p${count++}`);
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-O1', '-w', '-o', file, `${file}.c`, ...options]);
  return file;
}

const callsOf = (file: string, ...wanted: string[]) => {
  const { calls, main } = analysisOf(file, { also: ['@none'], namesOnly: true });
  const later = main?.calls ?? calls;
  // What holds from main on holds throughout.
  for (const name of later.keys()) expect(calls.has(name)).toBe(true);
  return wanted.filter((name) => later.has(name));
};

const call = `
static inline long call(long n) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory"); return r; }
`;

describe('functions that a function chooses', () => {
  const library = join(folder, 'libchoice.so');
  compile(
    `${call}
    static long a(void) { return call(162); } static long b(void) { return call(163); }
    static long c(void) { return call(153); } static long d(void) { return call(168); }
    static long e(void) { return call(172); } static long f(void) { return call(173); }
    extern volatile int which; volatile int which;
    long (*kept)(void);
    static void *choose_used(void) { return which ? a : b; }
    static void *choose_unused(void) { return which ? c : d; }
    static void *choose_kept(void) { kept = e; return f; }
    static void *choose_calling(void) { call(167); return f; }
    long used(void) __attribute__((ifunc("choose_used")));
    long unused(void) __attribute__((ifunc("choose_unused")));
    long keeps(void) __attribute__((ifunc("choose_kept")));
    long calls(void) __attribute__((ifunc("choose_calling")));
    long call_kept(void) { return kept(); }`,
    '-shared',
    '-fPIC',
    '-o',
    library,
  );
  const linked = (source: string) => compile(source, library, `-Wl,-rpath,${folder}`);
  const all = ['sync', 'acct', 'vhangup', 'swapoff', 'iopl', 'ioperm', 'swapon'];

  test('are found where one is called, and only its', () => {
    const file = linked(
      'long used(void); long call_kept(void); int main(void) { call_kept(); return used(); }',
    );
    expect(callsOf(file, ...all)).toEqual(['sync', 'acct', 'iopl', 'swapon']);
  });
  test('what a choosing function stores or calls itself counts in any case', () => {
    const file = linked('long call_kept(void); int main(void) { return call_kept(); }');
    expect(analysisOf(file, { namesOnly: true }).calls.has('swapon')).toBe(true);
    expect(callsOf(file, ...all)).toContain('iopl');
  });
  test('through a table of pointers, and by a name that is looked up', () => {
    const table = linked(
      'long unused(void); long (*const table[])(void) = { unused, 0 }; int main(int n, char **v) { return table[n - 1](); }',
    );
    expect(callsOf(table, 'vhangup', 'swapoff', 'acct')).toEqual(['vhangup', 'swapoff']);
    const named = linked(
      '#include <dlfcn.h>\nlong call_kept(void); int main(void) { call_kept(); return ((long (*)(void))dlsym(0, "unused"))(); }',
    );
    expect(callsOf(named, 'vhangup', 'swapoff', 'acct')).toEqual(['vhangup', 'swapoff']);
  });
  test('of a static program', () => {
    const source = `${call}
      static long c(void) { return call(153); } static long d(void) { return call(168); }
      extern volatile int which; volatile int which;
      static void *choose(void) { return which ? c : d; }
      static long chosen(void) __attribute__((ifunc("choose")));
      int main(void) { return chosen(); }`;
    for (const option of ['-static', '-static-pie'])
      expect(callsOf(compile(source, option), 'vhangup', 'swapoff'), option).toEqual(['vhangup', 'swapoff']);
  });
});

describe('functions of the kernel’s own library', () => {
  const vdso = ['gettimeofday', 'clock_getres', 'time'];
  test('count once code names them', () => {
    // glibc's loader asks for the first two in every program, for functions that this one does not have (vdso.test.ts).
    expect(callsOf(compile('int main(void) { return 0; }'), ...vdso)).toEqual([]);
    const timed = compile('#include <time.h>\nint main(void) { return time(0) == 0; }');
    expect(callsOf(timed, ...vdso)).toEqual(['time']);
    expect(callsOf(compile('int main(void) { return 0; }', '-static'), 'time')).toEqual([]);
  });
});

describe('changes of identity that are sent to all threads', () => {
  const seven = ['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid', 'setgroups'];
  const threads = (body: string) => `#include <pthread.h>\n#include <unistd.h>\n#include <grp.h>
    void *run(void *x) { return x; }
    int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); ${body}; return pthread_join(t, 0); }`;
  test('are those that something reached makes', () => {
    expect(callsOf(compile(threads(''), '-pthread'), ...seven)).toEqual([]);
    expect(callsOf(compile(threads('setregid(1, 1)'), '-pthread'), ...seven)).toEqual(['setregid']);
    expect(callsOf(compile(threads('setregid(1, 1)'), '-static'), ...seven)).toContain('setregid');
  });
  test('are all where a call that nothing reaches stands by itself (musl)', () => {
    const file = join(folder, 'musl');
    writeFileSync(
      `${file}.c`,
      `#define _GNU_SOURCE
      #include <unistd.h>
      ${call}
      __attribute__((used)) long unused(void) { return call(117); }
      int main(void) { return setresuid(1, 1, 1); }`,
    );
    execFileSync('musl-gcc', ['-O1', '-static', '-o', file, `${file}.c`]);
    expect(callsOf(file, 'setresuid')).toEqual(['setresuid']);
  });
  test('are all seven where the number only comes out of the structure (musl, with threads)', () => {
    const file = join(folder, 'musl-threads');
    writeFileSync(`${file}.c`, threads('setregid(1, 1)'));
    execFileSync('musl-gcc', ['-O2', '-static', '-o', file, `${file}.c`]);
    expect(callsOf(file, ...seven, 'mbind')).toEqual(seven);
  });
});

test('a function with the number as parameter whose address is kept, and that nothing calls so', () => {
  const source = (body: string) => `#include <unistd.h>
    long (*volatile maker)(long, ...) = syscall;
    __attribute__((used)) int unused(void) { return maker(162); }
    int main(int n, char **v) { if (n > 5) maker = 0; ${body}; return 0; }`;
  expect(callsOf(compile(source('')), 'sync', 'mbind')).toEqual([]);
  expect(callsOf(compile(source('maker(163)')), 'sync', 'acct', 'mbind')).toEqual(['acct']);
  // With a number that nobody knows any is permitted.
  expect(callsOf(compile(source('maker(n)')), 'sync', 'mbind')).toEqual(['sync', 'mbind']);
});

test('a table of functions to look up that has the form of a table of options', () => {
  const file = compile(`#include <dlfcn.h>
    #include <getopt.h>
    void *one, *two;
    struct { const char *name; long optional; void **slot; long id; } table[] = {
      { "sched_yield", 0, &one, 1 }, { "vhangup", 1, &two, 2 }, { 0 } };
    int main(int n, char **v) {
      struct option options[] = { { "x", 0, 0, 1 }, { 0 } };
      getopt_long(n, v, "x", options, 0);
      for (int at = 0; table[at].name; at++) *table[at].slot = dlsym(0, table[at].name);
      return ((int (*)(void))one)() + ((int (*)(void))two)();
    }`);
  expect(callsOf(file, 'sched_yield', 'vhangup', 'acct')).toEqual(['sched_yield', 'vhangup']);
});
