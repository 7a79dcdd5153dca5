// What start files of the compiler name is no use of a library's data; and a family of plug-ins comes only with reached code that loads.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('crtstuff');
let count = 0;

/** A program without the library's symbols, linked to what `library` says and started with `body` in main. */
function ask(library: string, body: string, options: readonly string[] = []) {
  const name = `sandboxcrt${count++}`;
  const compile = (file: string, source: string, ...words: string[]) => {
    writeFileSync(`${file}.c`, source);
    execFileSync('gcc', ['-O2', '-s', '-o', file, `${file}.c`, ...words]);
    return file;
  };
  const file = compile(join(folder, `lib${name}.so`), library, '-shared', '-fPIC', ...options);
  const source = `long quiet(void), loud(void), hidden(void); int main(void) { return ${body}; }`;
  return analysisOf(compile(join(folder, name), source, file, `-Wl,-rpath,${folder}`, '-Wl,--no-as-needed'), {
    namesOnly: true,
  });
}

/** A call that no C library's start makes. */
const table = `
  #include <sys/syscall.h>
  #include <unistd.h>
  #include <stdlib.h>
  static long rare(void) { return syscall(SYS_acct, 0); }
  typedef long (*F)(void);
`;

test.each([
  ['a table that nobody names', `static F volatile rares[] = { rare };`, 'rares[0]()', false],
  [
    'a table, and a function that is called when the library ends',
    `static F volatile rares[] = { rare }; static void end(void) {} __attribute__((constructor)) static void begin(void) { atexit(end); }`,
    'rares[0]()',
    false,
  ],
  [
    'a table that is named',
    `static F volatile rares[] = { rare }; F kept(void) { return rares[0]; }`,
    '1',
    false,
  ],
  [
    'a list that begins with a pointer to itself, and is handed on',
    `struct list { void *next; F f; }; static struct list head = { &head, rare };
     __attribute__((noinline)) long walk(struct list *list) { return list->f(); }
     __attribute__((constructor)) static void begin(void) { __asm__ volatile("mov %0, %%rdi\\n call walk@plt" : : "m"(head.next) : "memory", "rdi", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11"); }`,
    '1',
    true,
  ],
  [
    'ends of an array that are the same, of which more is made',
    `static F volatile rares[] = { rare }; F *first(void);
     __asm__(".text\\n.type first,@function\\nfirst: lea rares(%rip), %rdi\\n lea rares(%rip), %rax\\n cmp %rdi, %rax\\n je 1f\\n ud2\\n1: mov (%rdi), %rax\\n ret\\n.size first, .-first\\n");
     __attribute__((constructor)) static void begin(void) { ((F)first())(); }`,
    '1',
    true,
  ],
  [
    'two names of a place of which one is compared with something else, and the other read',
    `static F volatile rares[] = { rare }; F *first(long);
     __asm__(".text\\n.type first,@function\\nfirst: xor %eax, %eax\\n lea rares(%rip), %rdi\\n lea rares(%rip), %rdx\\n cmp %rdi, %rax\\n je 1f\\n mov (%rdx), %rax\\n1: ret\\n.size first, .-first\\n");
     __attribute__((constructor)) static void begin(void) { ((F)first(0))(); }`,
    '1',
    true,
  ],
])('%s', (_, data, loud, isReached) => {
  const library = `${table} ${data} long loud(void) { return ${loud}; } long quiet(void) { return 0; }`;
  expect(ask(library, 'quiet()').calls.has('acct')).toBe(isReached);
});

test('the same table, called', () => {
  const library = `${table} static F volatile rares[] = { rare }; long loud(void) { return rares[0](); }`;
  expect(ask(library, 'loud()').calls.has('acct')).toBe(true);
});

test.each([
  ['quiet()', false],
  ['loud()', true],
  ['hidden()', true],
])('plug-ins of a library of which %s is called', (body, isLoading) => {
  const library = `
    #define _GNU_SOURCE
    #include <dlfcn.h>
    int pam_start(char *name) { return dlopen(name, RTLD_NOW) != 0; }
    long hidden(void) { return ((void *(*)(char *, int))dlsym(RTLD_DEFAULT, "dlopen"))("x", RTLD_NOW) != 0; }
    long loud(void) { return pam_start("x"); }
    long quiet(void) { return 0; }`;
  const { files, notices } = ask(library, body);
  expect(files.some((one) => one.endsWith('/security/pam_permit.so'))).toBe(isLoading);
  expect(notices.join('\n')).not.toMatch(/loaded while it runs, by .*sandboxcrt/);
});
