// Which pointers of data count: those of the objects and words that reached code names, where bounds are known, and all of a
// section where they are not.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { analysisOf, build, type Micro, micros, program } from './programs.ts';

function callsOf(file: string): readonly string[] {
  const analysis = analysisOf(file, { namesOnly: true });
  expect(analysis.unknown).toEqual([]);
  return [...analysis.calls]
    .filter(([, site]) => site !== undefined && site.module.path !== '[vdso]')
    .map(([name]) => name)
    .filter((name) => name !== 'exit');
}

function found(micro: Micro, optimisation: string, strip: boolean): readonly string[] {
  const file = build(micro, optimisation, true);
  try {
    if (strip) execFileSync('strip', [file]);
    return callsOf(file);
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

/** Three tables one behind the other, of which code names the middle one, in the way that `body` says. */
const tables = (body: string) =>
  program(`
    typedef long (*F)(void);
    FAR long a(void) { return call(39); } FAR long b(void) { return call(110); } FAR long c(void) { return call(102); }
    FAR long d(void) { return call(104); } FAR long e(void) { return call(186); } FAR long f(void) { return call(107); }
    __asm__(".section .data.rel.ro,\\"aw\\",@progbits\\n.balign 8\\n"
      ".type first,@object\\n.size first,16\\nfirst: .quad a, b\\n"
      ".type middle,@object\\n.size middle,16\\nmiddle: .quad c, d\\n"
      ".type last,@object\\n.size last,16\\nlast: .quad e, f\\n.text\\n");
    extern F const middle[2] __attribute__((visibility("hidden"))), last[2] __attribute__((visibility("hidden")));
    volatile long kept;
    ${body}
    /* Named, so that they are there; never called. */
    __attribute__((used)) F const *const other = last;
  `);

const cases: readonly { name: string; body: string; known: readonly string[] }[] = [
  {
    name: 'one word, named by its address',
    body: 'void run(void) { __asm__ volatile("call *middle(%%rip)" : : : "memory", "rax", "rcx", "r11"); }',
    known: ['getuid'],
  },
  {
    name: 'one word, loaded and called later',
    body: 'void run(void) { F f; __asm__ volatile("mov 8+middle(%%rip), %0" : "=r"(f)); kept = 1; f(); }',
    known: ['getgid'],
  },
  {
    name: 'a vector of two words',
    body: 'void run(void) { F f[2]; __asm__ volatile("movups middle(%%rip), %%xmm0\\n movups %%xmm0, %0" : "=m"(f) : : "xmm0"); f[kept & 1](); }',
    known: ['getgid', 'getuid'],
  },
  {
    name: 'an address that leaves the function',
    body: 'FAR void use(F const *t) { t[kept & 1](); } void run(void) { F const *t; __asm__ volatile("lea middle(%%rip), %0" : "=D"(t)); use(t); }',
    // The address is the end of the first, too.
    known: ['getgid', 'getpid', 'getppid', 'getuid'],
  },
  {
    name: 'the address of a second element',
    body: 'FAR void use(F const *t) { t[-(kept & 1)](); } void run(void) { F const *t; __asm__ volatile("lea 8+middle(%%rip), %0" : "=D"(t)); use(t); }',
    known: ['getgid', 'getuid'],
  },
  {
    name: 'an index from an address in front of the object',
    body: 'void run(void) { long i = kept | 1; __asm__ volatile("lea middle-8(%%rip), %%rdx\\n call *(%%rdx,%0,8)" : : "r"(i) : "rdx", "rax", "rcx", "r11", "memory"); }',
    // Both neighbours of the object that the address lies in, and the one in front of it holds the address of the last.
    known: ['geteuid', 'getgid', 'getpid', 'getppid', 'gettid', 'getuid'],
  },
  {
    name: 'counting down from behind the object',
    body: 'void run(void) { __asm__ volatile("lea last(%%rip), %%rbx\\n 1: sub $8, %%rbx\\n call *(%%rbx)\\n cmpl $0, kept(%%rip)\\n jne 1b" : : : "rbx", "rax", "rcx", "r11", "memory"); }',
    known: ['getgid', 'gettid', 'geteuid', 'getuid'],
  },
  {
    name: 'an address that is only compared',
    body: 'void run(void) { F const *t; __asm__ volatile("lea middle(%%rip), %0" : "=r"(t)); if ((long)t == kept) call(24); }',
    known: ['getgid', 'getpid', 'getppid', 'getuid', 'sched_yield'],
  },
];
const all = ['getpid', 'getppid', 'getuid', 'getgid', 'gettid', 'geteuid'];

test.each(cases)('$name', ({ name, body, known }) => {
  const micro: Micro = { name, source: tables(body), calls: [] };
  for (const optimisation of ['-O0', '-O2'])
    expect(found(micro, optimisation, false), optimisation).toEqual([...known].sort());
});

test('without symbols a section is one: nothing is left out, words by their address alone stay exact', () => {
  for (const { name, body, known } of cases) {
    const calls = found({ name, source: tables(body), calls: [] }, '-O2', true);
    if (/word/.test(name)) expect(calls, name).toEqual([...known].sort());
    else expect(calls, name).toEqual(expect.arrayContaining(all));
  }
});

test('a section that is walked from end to end counts as a whole, whatever symbols say', () => {
  const source = program(`
    typedef void (*F)(void);
    FAR void a(void) { call(39); } FAR void b(void) { call(110); }
    __attribute__((section("hooks"), used)) static F const one = a;
    __attribute__((section("hooks"), used)) static F const two = b;
    extern F const __start_hooks[] __attribute__((visibility("hidden"))), __stop_hooks[] __attribute__((visibility("hidden")));
    void run(void) { for (F const *f = __start_hooks; f < __stop_hooks; f++) (*f)(); }
  `);
  for (const strip of [false, true])
    expect(found({ name: 'hooks', source, calls: [] }, '-O2', strip)).toEqual(['getpid', 'getppid']);
});

test('a tighter view finds no call that the wider one lacks', () => {
  for (const micro of micros.filter((one) => one.isWide !== true)) {
    const tight = found(micro, '-O2', false);
    expect(found(micro, '-O2', true), micro.name).toEqual(expect.arrayContaining([...tight]));
  }
});
