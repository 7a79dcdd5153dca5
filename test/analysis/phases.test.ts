// What holds before main and what still holds after: programs with the C library whose constructors, handlers and finalisers each
// make a call of their own, which nothing else here makes.

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Analysis } from '../../lib/analysis/analyze.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('phases');
const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');

/** A function of its own for each call, so that pointers can be taken: nothing in the C library leads to these calls. */
const head = `
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>
#include <pthread.h>
static inline __attribute__((always_inline)) long call(long n) {
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory"); return r; }
#define FAR __attribute__((noinline, noipa))
#define EARLY __attribute__((constructor))
#define LATE __attribute__((destructor))
FAR void a(void) { call(162); /* sync */ }
FAR void b(void) { call(111); /* getpgrp */ }
FAR void c(void) { call(152); /* munlockall */ }
`;
const marks = ['sync', 'getpgrp', 'munlockall'];

interface Case {
  readonly name: string;
  readonly source: string;
  readonly whole: readonly string[];
  readonly main: readonly string[];
  readonly language?: 'c++';
}

const cases: readonly Case[] = [
  {
    name: 'calls of a constructor and of main',
    source: 'EARLY void early(void) { a(); } int main(void) { b(); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['getpgrp'],
  },
  {
    name: 'a pointer that a constructor stores in a variable',
    source:
      'void (*kept)(void); EARLY void early(void) { kept = a; b(); } int main(void) { kept(); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a pointer that a constructor puts on the heap',
    source:
      'struct s { int x; void (*f)(void); }; struct s *kept; EARLY void early(void) { kept = malloc(sizeof *kept); kept->f = a; c(); } int main(void) { kept->f(); return 0; }',
    whole: ['munlockall', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a pointer out of a table that a constructor copies',
    source:
      'static void (*const table[])(void) = { a, b }; void (*kept)(void); EARLY void early(void) { kept = table[getenv("X") != 0]; c(); } int main(void) { kept(); return 0; }',
    whole: ['getpgrp', 'munlockall', 'sync'],
    main: ['getpgrp', 'sync'],
  },
  {
    name: 'a handler for the end of the program',
    source: 'EARLY void early(void) { atexit(a); b(); } int main(void) { return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a finaliser',
    source: 'LATE void late(void) { a(); } EARLY void early(void) { b(); } int main(void) { return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a signal handler that a constructor sets',
    source:
      'void handler(int s) { a(); } EARLY void early(void) { signal(SIGUSR1, handler); b(); } int main(void) { raise(SIGUSR1); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a thread that a constructor starts',
    source:
      'void *run(void *x) { a(); return 0; } pthread_t t; EARLY void early(void) { pthread_create(&t, 0, run, 0); b(); } int main(void) { pthread_join(t, 0); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'a function that the loader chooses',
    source:
      'typedef void (*F)(void); static F pick(void) { return b; } void chosen(void) __attribute__((ifunc("pick"))); EARLY void early(void) { a(); } int main(void) { chosen(); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['getpgrp'],
  },
  {
    name: 'an address that a constructor hands to a function which only calls it',
    source:
      'FAR void each(void (*f)(void), int n) { for (int i = 0; i < n; i++) f(); } EARLY void early(void) { each(a, 2); } int main(void) { b(); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['getpgrp'],
  },
  {
    name: 'an address that a constructor only compares',
    source:
      'void (*kept)(void); EARLY void early(void) { if (kept == a) c(); a(); } int main(void) { return 0; }',
    whole: ['munlockall', 'sync'],
    main: [],
  },
  {
    name: 'an address that a constructor hands to a function which stores it',
    source:
      'void (*kept)(void); FAR void keep(int x, void (*f)(void)) { if (x) kept = f; else f(); } EARLY void early(void) { keep(1, a); } int main(void) { kept(); return 0; }',
    whole: ['sync'],
    main: ['sync'],
  },
  {
    name: 'an address that comes back out of a function',
    source:
      'void (*kept)(void); FAR void *same(void *f) { return f; } EARLY void early(void) { kept = same(a); b(); } int main(void) { kept(); return 0; }',
    whole: ['getpgrp', 'sync'],
    main: ['sync'],
  },
  {
    name: 'static objects of C++: what makes them, and what ends them',
    source:
      '}\nstruct S { S() { a(); } ~S() { b(); } virtual void f() { c(); } }; S s; S *volatile p = &s; extern "C" { int main(void) { p->f(); return 0; }',
    whole: ['getpgrp', 'munlockall', 'sync'],
    main: ['getpgrp', 'munlockall'],
    language: 'c++',
  },
];

function compile(one: Case, flags: readonly string[]): string {
  const file = join(folder, `program-${cases.indexOf(one)}${flags.join('')}`);
  const isC = one.language === undefined;
  const source = `${file}.${isC ? 'c' : 'cc'}`;
  writeFileSync(
    source,
    isC
      ? `${head}${one.source}\n`
      : `${head.replace('static inline', 'extern "C" {\nstatic inline')}${one.source}\n}\n`,
  );
  execFileSync(isC ? 'gcc' : 'g++', ['-w', '-o', file, source, '-pthread', ...flags]);
  return file;
}

function ask(program: string, plugins: readonly string[] = []): Analysis {
  return analysisOf(program, { also: ['@none'], plugins, namesOnly: true });
}

const marked = (calls: Analysis['calls'] | undefined) =>
  calls === undefined ? undefined : marks.filter((name) => calls.has(name)).sort();

/** Kinds for which other ways to compile make another shape of start-up code. */
const shaped = /^(calls of|a signal handler|an address that a constructor hands)/;

describe.each(cases)('$name', (one) => {
  const others = shaped.test(one.name) ? ['-O0', '-no-pie'] : [];
  test.each(['-O2', ...others])('%s', (flag) => {
    const file = compile(one, flag === '-no-pie' ? ['-O2', flag] : [flag]);
    const analysis = ask(file);
    expect(marked(analysis.calls)).toEqual([...one.whole].sort());
    expect(marked(analysis.main?.calls)).toEqual([...one.main].sort());
    // The start-up's own are gone, and none is there that the whole lacks.
    expect(analysis.main?.calls.has('arch_prctl')).toBe(false);
    expect([...analysis.calls.keys()]).toEqual(expect.arrayContaining([...analysis.main!.calls.keys()]));
  });
});

test.each(
  cases.filter(({ name }) => /signal|C\+\+/.test(name)),
)('runs under what was found, narrower from main on: $name', (one) => {
  const file = compile(one, ['-O2']);
  const held = spawnSync(process.execPath, [cli, '--auto', '--at', 'main', '--', file], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: folder },
  });
  expect({ status: held.status, signal: held.signal, error: held.stderr }).toEqual({
    status: 0,
    signal: null,
    error: '',
  });
}, 60_000);

test('a library’s constructor has run before main, a plug-in’s has not', () => {
  const library = join(folder, 'libearly.so');
  const plugin = join(folder, 'plugin.so');
  const make = (file: string, text: string, ...flags: string[]) => {
    writeFileSync(`${file}.c`, `${head}${text}\n`);
    execFileSync('gcc', ['-w', '-O2', '-o', file, `${file}.c`, ...flags]);
  };
  make(
    library,
    'EARLY void early(void) { a(); } __attribute__((visibility("default"))) void in_library(void) {}',
    '-shared',
    '-fPIC',
    '-fvisibility=hidden',
  );
  make(
    plugin,
    'EARLY void early(void) { b(); } __attribute__((visibility("default"))) void in_plugin(void) { c(); }',
    '-shared',
    '-fPIC',
    '-fvisibility=hidden',
  );
  const file = join(folder, 'loads');
  make(
    file,
    'void in_library(void); int main(int n, char **v) { in_library(); void *p = dlopen(v[1], RTLD_NOW); ((void (*)(void))dlsym(p, "in_plugin"))(); return 0; }',
    library,
    `-Wl,-rpath,${folder}`,
  );
  const analysis = ask(file, [plugin]);
  expect(marked(analysis.calls)).toEqual(['getpgrp', 'munlockall', 'sync']);
  expect(marked(analysis.main?.calls)).toEqual(['getpgrp', 'munlockall']);
});

test('where start-up cannot be told apart, what holds is the whole, and that is said', () => {
  const file = join(folder, 'own-start');
  writeFileSync(
    `${file}.c`,
    `${head}void start(void) { a(); __asm__ volatile("syscall" : : "a"(60), "D"(0)); __builtin_unreachable(); }`,
  );
  execFileSync('gcc', ['-w', '-O2', '-nostartfiles', '-e', 'start', '-o', file, `${file}.c`]);
  const analysis = ask(file);
  expect(analysis.main).toBeUndefined();
  expect(analysis.notices.join()).toContain('start-up is not told apart');
});

test('a program that starts others is not narrowed: they begin with their own start-up under the same filter', () => {
  const file = join(folder, 'starts');
  writeFileSync(`${file}.c`, `${head}int main(void) { return system("exit 3"); }`);
  execFileSync('gcc', ['-w', '-O2', '-o', file, `${file}.c`]);
  const analysis = analysisOf(file, { namesOnly: true });
  expect(analysis.programs.length).toBeGreaterThan(1);
  expect(analysis.main).toBeUndefined();
});
