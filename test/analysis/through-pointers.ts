// Micro programs that call a function with the number as parameter through a pointer: where the pointer can be followed the
// numbers are those of its calls, and where it cannot, or a number comes from elsewhere, no number may be left out.

import { type Micro, program } from './programs.ts';

const wrap = (text: string) =>
  program(
    `FAR long wrap(long n) { return call(n); } FAR long other(long n) { return n; } typedef long (*W)(long); static volatile long numbers[] = { 102, 110 };
    struct O { int before; W f; int behind; }; SELF void *fresh(void) { register long a __asm__("r10") = 0x22; register long b __asm__("r8") = -1; register long c __asm__("r9") = 0; long r; __asm__ volatile("syscall" : "=a"(r) : "a"(9), "D"(0), "S"(4096), "d"(3), "r"(a), "r"(b), "r"(c) : "rcx", "r11", "memory"); return (void *)r; }
    ${text}`,
  );

export const throughPointers: readonly Micro[] = [
  {
    name: 'a pointer that is called with a constant, and with a number out of memory',
    source: wrap('void run(void) { W volatile f = wrap; f(39); f(numbers[argc_ & 1]); }'),
    calls: ['getpid', 'getppid', 'getuid'],
    isWide: true,
  },
  {
    name: 'a pointer that another function calls, with a number that it gets',
    source: wrap(
      'FAR long apply(W f, long n) { return f(n) + 1; } void run(void) { apply(wrap, 39); apply(wrap, 110); apply(other, numbers[argc_ & 1]); }',
    ),
    calls: ['getpid', 'getppid'],
    // Which number goes with which function is not told apart.
    isWide: true,
  },
  {
    name: 'a pointer that another function calls, with constants',
    source: wrap(
      'FAR long apply(W f, long n) { return f(n) + 1; } void run(void) { apply(wrap, 39); apply(other, 110); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a pointer that a function returns',
    source: wrap('FAR W pick(int a) { return a & 1 ? wrap : other; } void run(void) { pick(argc_)(39); }'),
    calls: ['getpid'],
  },
  {
    name: 'a pointer in a table, of which one is called',
    source: wrap(
      'static const W table[] = { other, wrap, other, wrap }; void run(void) { table[argc_ & 3](39); table[argc_ & 1](110); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a pointer in a table, and a number out of memory',
    source: wrap(
      'static const W table[] = { other, wrap }; void run(void) { table[argc_ & 1](39); table[1](numbers[argc_ & 1]); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
    isWide: true,
  },
  {
    name: 'a pointer in a structure whose address is handed on',
    source: wrap(
      'static struct O one = { 1, wrap, 2 }; FAR long use(struct O *o, long n) { return o->f(n) + o->behind; } void run(void) { use(&one, 39); use(&one, 110); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a pointer in a structure whose address is kept somewhere',
    source: wrap(
      'static struct O one = { 1, wrap, 2 }; FAR long use(struct O **o) { return (*o)->f(numbers[argc_ & 1]); } void run(void) { struct O **kept = fresh(); *kept = &one; use(kept); W volatile f = other; f(39); }',
    ),
    calls: ['getppid', 'getuid', 'mmap'],
    isWide: true,
  },
  {
    name: 'a pointer in a structure that is copied, byte by byte',
    source: wrap(
      'static volatile struct O one = { 1, wrap, 2 }; void run(void) { volatile char *to = fresh(), *from = (volatile char *)&one; for (int i = 0; i < sizeof one; i++) to[i] = from[i]; ((struct O *)to)->f(numbers[argc_ & 1]); }',
    ),
    calls: ['getppid', 'getuid', 'mmap'],
    isWide: true,
  },
  {
    name: 'a pointer that is kept in fresh memory, and a constant beside another',
    source: wrap(
      'void run(void) { W *kept = fresh(); kept[1] = wrap; kept[2] = other; kept[2](39); kept[1](numbers[argc_ & 1]); }',
    ),
    calls: ['getppid', 'getuid', 'mmap'],
    isWide: true,
  },
  {
    name: 'a variable of the file that holds the pointer',
    source: wrap(
      'static volatile W held = wrap; void run(void) { held(39); W f = held; f(110); if (argc_ & 1) held = other; }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a pointer out of the table of offsets, which a static program has filled already',
    source: wrap('void run(void) { wrap(39); W volatile f = wrap; f(numbers[argc_ & 1]); }'),
    calls: ['getpid', 'getppid', 'getuid'],
    flags: ['-fPIC', '-Wl,--no-relax'],
    isWide: true,
  },
];
