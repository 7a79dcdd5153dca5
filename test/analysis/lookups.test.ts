// Names that are handed to the loader while a program runs are followed to their strings through wrappers in any file; where they
// cannot be, the answer says where. And a number that goes through a pointer into another file is not known.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, runsUnder } from './programs.ts';

const folder = temporaryFolder('lookups');
let count = 0;

const head = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
`;

function compile(file: string, source: string, ...words: string[]): string {
  writeFileSync(`${file}.c`, `${head}${source}`);
  execFileSync('gcc', ['-O2', '-w', '-o', file, `${file}.c`, ...words]);
  return file;
}

/** A program with `body` in main, linked to a library. */
function ask(library: string, body: string) {
  const name = `sandboxnames${count++}`;
  const file = compile(join(folder, `lib${name}.so`), library, '-shared', '-fPIC');
  const main = `void *find(const char *), *bring(const char *), *find_known(int), *how(void); static volatile long numbers[] = { SYS_getpid, SYS_getppid };
    int main(int count, char **words) { ${body}; return 0; }`;
  const program = compile(join(folder, name), main, file, `-Wl,-rpath,${folder}`);
  const analysis = analysisOf(program);
  return { analysis, program, notices: analysis.notices.join('\n'), name };
}

const long = `long_${'x'.repeat(300)}`;
const wrappers = `void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); } void *bring(const char *name) { return dlopen(name, RTLD_NOW); }`;

test('a name that only the program has, looked up by a library, however long', () => {
  const { analysis, program, notices } = ask(
    `${wrappers} int ${long}(void) { return syscall(SYS_acct, (char *)0) * 0; } int never(void) { return syscall(SYS_swapoff, 0); }`,
    `((int (*)(void))find("${long}"))()`,
  );
  expect(analysis.calls.has('acct')).toBe(true);
  expect(analysis.calls.has('swapoff')).toBe(false);
  expect(notices).not.toMatch(/looked up by names|names are not known/);
  runsUnder(policyOfAnalysis(analysis), program);
});

const talking = `${wrappers} int never(void) { return syscall(SYS_swapoff, 0); } int known(void) { return syscall(SYS_acct, (char *)0) * 0; }
  void *find_known(int is) { puts("never"); return is ? find("known") : 0; }`;

test('a text that is a function’s name counts only where a name is looked up that is not known', () => {
  const known = ask(talking, '((int (*)(void))find_known(1))()');
  expect(known.analysis.calls.has('acct')).toBe(true);
  expect(known.analysis.calls.has('swapoff')).toBe(false);
  runsUnder(policyOfAnalysis(known.analysis), known.program);
  const { analysis, program } = ask(talking, 'find_known(1); if (count > 1) find(words[1])');
  expect(analysis.calls.has('swapoff')).toBe(true);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('dlsym(3) that is handed on itself can be asked for any name', () => {
  const { analysis, program, notices } = ask(
    `${talking} void *how(void) { return dlsym; }`,
    'puts(find_known(0) ? "" : "-"); void *(*volatile f)(void *, const char *) = (void *)how(); f(0, words[0])',
  );
  expect(analysis.calls.has('swapoff')).toBe(true);
  expect(notices).toMatch(/functions are looked up by names that are not known \(.* at libc\.so\.6 dlsym/);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('dlsym(3) that is looked up itself can be asked for any name', () => {
  const { analysis, program, notices } = ask(
    talking,
    'puts(find_known(0) ? "" : "-"); void *(*f)(void *, const char *) = find("dlsym"); f(0, words[0])',
  );
  expect(analysis.calls.has('swapoff')).toBe(true);
  expect(notices).toMatch(/functions are looked up by names that are not known \(.* at libc\.so\.6 dlsym/);
  runsUnder(policyOfAnalysis(analysis), program);
});

test.each([
  [
    'in a table of the program',
    'static const char *volatile const names[] = { "never", "known" }',
    'names[count & 1]',
  ],
  ['in one array of the program', 'static const char names[][8] = { "never", "known" }', 'names[count & 1]'],
  [
    'one behind the other, which the program writes, too',
    'static char names[] = "never\\0known"',
    'names + (names[0] = 110) % 2 + (count & 1) * 6',
  ],
  ['where the other file keeps them', 'keep("never"); keep("known")', 'kept[count & 1]'],
])('names that stand %s, which looks up none itself', (_, data, name) => {
  const { analysis, program, notices } = ask(
    `${wrappers} int known(void) { return syscall(SYS_acct, (char *)0) * 0; } int never(void) { return 0; }
     const char *kept[2]; void keep(const char *name) { static int count; kept[count++] = name; }`,
    `extern const char *kept[2]; void keep(const char *); ${data}; int (*f)(void) = find(${name}); if (f) f()`,
  );
  expect(analysis.calls.has('acct')).toBe(true);
  expect(notices).toMatch(/functions are looked up by names that are not known/);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('a plug-in that hands on a name, and whose code is not looked into', () => {
  const { analysis } = ask(
    `${wrappers} int plugged_name(void) { return syscall(SYS_acct, (char *)0); }`,
    'find("main")',
  );
  expect(analysis.calls.has('acct')).toBe(false);
  const name = `sandboxnames${count - 1}`;
  const library = join(folder, `lib${name}.so`);
  const plugin = compile(
    join(folder, 'handing.so'),
    'void *find(const char *); int plug(void) { return ((int (*)(void))find("plugged_name"))(); }',
    ...['-shared', '-fPIC', library],
  );
  const { calls } = analysisOf(join(folder, name), { plugins: [plugin] });
  expect(calls.has('acct')).toBe(true);
});

test('two programs at fixed addresses, each with another name at the same place', () => {
  const library = compile(
    join(folder, 'libboth.so'),
    'int one(void) { return syscall(SYS_acct, (char *)0) * 0; } int two(void) { return syscall(SYS_swapoff, 0) * 0; }',
    '-shared',
    '-fPIC',
  );
  const build = (name: string, then: string) =>
    compile(
      join(folder, `fixed-${name}`),
      `__attribute__((section("kept"))) const char name[] = "${name}";
       int main(void) { void *all = dlopen("${library}", RTLD_NOW); ((int (*)(void))dlsym(all, name))(); ${then}; return 0; }`,
      ...['-fno-pie', '-no-pie', '-Wl,--section-start=kept=0x500000'],
    );
  const other = build('two', '');
  const program = build('one', `execl("${other}", "two", (char *)0)`);
  const analysis = analysisOf(program);
  expect(['acct', 'swapoff'].filter((one) => !analysis.calls.has(one))).toEqual([]);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('a program that is executed by a function which is looked up', () => {
  const { analysis, notices, program } = ask(
    wrappers,
    'char *list[] = { "/bin/true", 0 }; ((int (*)(const char *, char **))find("execv"))(list[0], list)',
  );
  expect(analysis.executes).toBe(true);
  expect(notices).toMatch(/included: true/);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('names that come from the command line are said, with their places', () => {
  const { notices, name, analysis, program } = ask(
    wrappers,
    'if (count > 1) { find(words[1]); bring(words[1]); }',
  );
  const place = new RegExp(`\\((?:[^)]*; )?[^;)]* at ${name} `);
  expect(notices.split('\n').find((one) => one.startsWith('functions are looked up'))).toMatch(place);
  expect(notices.split('\n').find((one) => one.startsWith('libraries whose names'))).toMatch(place);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('a library that is named to a wrapper comes with what it exports', () => {
  compile(
    join(folder, 'plugged'),
    'int plugged(void) { return syscall(SYS_acct, (char *)0); }',
    '-shared',
    '-fPIC',
  );
  const { analysis, notices } = ask(wrappers, `bring("${join(folder, 'plugged')}")`);
  expect(analysis.calls.has('acct')).toBe(true);
  expect(notices).not.toMatch(/names are not known/);
});

test.each([
  ['syscall(2) that is looked up by its name', '((long (*)(long))find("syscall"))(numbers[count & 1])'],
  [
    'syscall(2) that a thread begins with',
    'pthread_t thread; pthread_create(&thread, 0, (void *(*)(void *))syscall, (void *)numbers[count & 1]); pthread_join(thread, 0); ((long (*volatile)(long))syscall)(SYS_getuid)',
  ],
  [
    'syscall(2) that is handed to the C library to be called',
    'on_exit((void (*)(int, void *))syscall, 0); exit(numbers[count & 1])',
  ],
])('%s: any number', (_, body) => {
  const { analysis, program } = ask(wrappers, body);
  expect(analysis.unknown.length).toBeGreaterThan(0);
  expect(analysis.notices.join('\n')).toMatch(/the number of a call is not known at libc\.so\.6 syscall/);
  runsUnder(policyOfAnalysis(analysis), program);
});

test('syscall(2) through a pointer that stays in sight, as compilers keep it for several calls', () => {
  const { analysis, program } = ask(
    wrappers,
    'long (*f)(long, ...) = count > 2 ? (long (*)(long, ...))&syscall : (long (*)(long, ...))getpgid; f(SYS_getuid); f(SYS_getpid)',
  );
  expect(analysis.unknown).toEqual([]);
  expect(['getuid', 'getpid'].every((one) => analysis.calls.has(one))).toBe(true);
  runsUnder(policyOfAnalysis(analysis), program);
});
