// The programs of languages.test.ts. A mark is a call that nothing else in such a program makes: neither C library nor runtime.

export interface Case {
  readonly name: string;
  readonly source: string;
  /** Exactly these of the marks. */
  readonly calls: readonly string[];
  /** Exactly these uses of the calls that they name, as the policy writes them. */
  readonly uses?: readonly string[];
  /** A number cannot be known. */
  readonly isWide?: true;
  /** Tried without a loader, too, and with musl: what is different there. */
  readonly alone?: Partial<Case>;
  readonly musl?: Partial<Case>;
}

/** getpgrp 111, munlockall 152, getsid 124 (of the process itself), inotify_init 253. */
export const marks = ['getpgrp', 'getsid', 'inotify_init', 'munlockall'];

const head = `
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define FAR __attribute__((noinline, noclone))
static inline __attribute__((always_inline)) long call(long n) {
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(0) : "rcx", "r11", "memory"); return r; }
typedef void (*F)(void);
FAR void a(void) { call(111); }
FAR void b(void) { call(152); }
FAR void c(void) { call(124); }
FAR void d(void) { call(253); }
`;

export const inC: readonly Case[] = [
  {
    name: 'a number that changes between setjmp and longjmp',
    source: `${head}
      static jmp_buf place;
      int main(int argc, char **argv) { volatile long n = 111; if (setjmp(place) == 0) { n = 152; if (argc > 1) longjmp(place, 1); } call(n); return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    isWide: true,
    alone: {},
    musl: {},
  },
  {
    name: 'out of a signal handler with siglongjmp',
    source: `${head}
      static sigjmp_buf place;
      static void handler(int s, siginfo_t *i, void *x) { a(); siglongjmp(place, 1); }
      int main(void) { struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO }; sigaction(SIGUSR1, &action, 0);
        if (sigsetjmp(place, 1) == 0) { raise(SIGUSR1); d(); } else b(); return 0; }`,
    calls: ['getpgrp', 'inotify_init', 'munlockall'],
    musl: {},
  },
  {
    name: 'what the library calls back',
    source: `${head}
      static int compare(const void *x, const void *y) { a(); return *(const int *)x - *(const int *)y; }
      static void unused(void) { d(); }
      int main(void) { int list[] = { 3, 1, 2 }; qsort(list, 3, sizeof *list, compare); atexit(b); return list[0] != 1; }`,
    calls: ['getpgrp', 'munlockall'],
  },
  {
    name: 'a thread, what runs once, what ends a thread, and what cleans up behind one that is cancelled',
    source: `${head}
      static pthread_once_t once = PTHREAD_ONCE_INIT; static pthread_key_t key;
      static void prepare(void) { pthread_key_create(&key, (void (*)(void *))c); b(); }
      static void clean(void *x) { d(); }
      static void *run(void *x) { pthread_once(&once, prepare); pthread_setspecific(key, x); pthread_cleanup_push(clean, 0); a(); for (;;) pause(); pthread_cleanup_pop(0); return 0; }
      int main(void) { pthread_t thread; if (pthread_create(&thread, 0, run, &once)) return 2; usleep(20000); pthread_cancel(thread); return pthread_join(thread, 0); }`,
    calls: ['getpgrp', 'getsid', 'inotify_init', 'munlockall'],
    musl: {},
  },
  {
    name: 'a pointer to a function in a variable of each thread',
    source: `${head}
      static _Thread_local F first = a; static _Thread_local F second;
      static void *run(void *x) { first(); return 0; }
      int main(int argc, char **argv) { pthread_t thread; second = argc > 1 ? b : c; pthread_create(&thread, 0, run, 0); pthread_join(thread, 0); second(); return 0; }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
    alone: {},
    musl: {},
  },
  {
    name: 'a number in a variable of each thread',
    source: `${head} static _Thread_local volatile long n = 111; int main(int argc, char **argv) { if (argc > 1) n = 152; call(n); return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    isWide: true,
  },
  {
    name: 'pointers to functions in structures on the heap',
    source: `${head}
      struct N { struct N *next; F f; };
      static struct N *more(struct N *next, F f) { struct N *n = malloc(sizeof *n); n->next = next; n->f = f; return n; }
      int main(int argc, char **argv) { struct N *list = more(more(0, a), argc > 1 ? b : c); list = realloc(list, 64); for (; list; list = list->next) list->f(); return 0; }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
    musl: {},
  },
  {
    name: 'syscall(2) with numbers that are written out, and their arguments',
    source: `${head}
      #include <sys/syscall.h>
      int main(int argc, char **argv) { syscall(111); if (argc > 1) syscall(SYS_inotify_init1, 02000000); syscall(SYS_personality, 0xffffffff); return 0; }`,
    calls: ['getpgrp'],
    uses: ['inotify_init1(flags == IN_CLOEXEC)'],
    alone: {},
    // musl hands the arguments on through a list in memory.
    musl: { uses: ['inotify_init1'] },
  },
  {
    name: 'syscall(2) in a loop over a table',
    source: `${head} static const volatile long table[] = { 111, 152, 124 }; int main(int argc, char **argv) { for (int i = 0; i < argc; i++) syscall(table[i], 0); return 0; }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
    isWide: true,
    musl: {},
  },
  {
    name: 'functions of the library with flags',
    source: `${head}
      #include <sys/timerfd.h>
      #include <sys/mman.h>
      FAR int made(int clock, int flags) { return timerfd_create(clock, flags); }
      int main(int argc, char **argv) { made(CLOCK_MONOTONIC, TFD_CLOEXEC); if (argc > 1) made(CLOCK_REALTIME, TFD_NONBLOCK); memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING); return 0; }`,
    calls: [],
    uses: [
      'memfd_create(flags == MFD_CLOEXEC|MFD_ALLOW_SEALING)',
      'timerfd_create(clockid == CLOCK_MONOTONIC && flags == TFD_CLOEXEC)',
      'timerfd_create(clockid == CLOCK_REALTIME && flags == TFD_NONBLOCK)',
    ],
    alone: {},
    musl: {},
  },
  {
    name: 'a function that is chosen while it is loaded',
    source: `${head} static F pick(void) { return getauxval(16) ? a : b; } 
      void chosen(void) __attribute__((ifunc("pick"))); int main(void) { chosen(); return 0; }`.replace(
      '#include <unistd.h>',
      '#include <unistd.h>\n#include <sys/auxv.h>',
    ),
    calls: ['getpgrp', 'munlockall'],
    alone: {},
  },
  {
    name: 'contexts that are made and swapped',
    source: `${head}
      #include <ucontext.h>
      static ucontext_t here, there; static char stack[65536];
      static void run(void) { a(); }
      int main(void) { volatile int n = 0; getcontext(&there); there.uc_stack.ss_sp = stack; there.uc_stack.ss_size = sizeof stack; there.uc_link = &here; makecontext(&there, run, 0); swapcontext(&here, &there); b(); return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    alone: {},
  },
];

const cpp = `${head}
#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>
FAR void fail(int n) { if (n < 100) throw n; }
FAR void never() { try { fail(7); } catch (int) { d(); } }
`;

export const inCpp: readonly Case[] = [
  {
    name: 'code that catches, and code that cleans up, and neither of a function that nothing calls',
    source: `${cpp} struct S { ~S() { b(); } }; FAR void middle(int n) { S s; fail(n); } int main(int argc, char **argv) { try { middle(argc); return 9; } catch (int) { a(); } return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    alone: {},
  },
  {
    name: 'an error of the library, caught by its base, and thrown again',
    source: `${cpp} FAR int at(std::vector<int> &v, int i) { try { return v.at(i); } catch (const std::out_of_range &) { a(); throw; } } int main(int argc, char **argv) { std::vector<int> v(1); try { at(v, argc); return 9; } catch (const std::exception &e) { b(); } return 0; }`,
    calls: ['getpgrp', 'munlockall'],
  },
  {
    name: 'a number that is thrown',
    source: `${cpp} int main(int argc, char **argv) { try { throw argc > 1 ? 111L : 152L; } catch (long n) { call(n); } return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    isWide: true,
  },
  {
    name: 'a number that is set before each of several calls that can throw',
    source: `${cpp} int main(int argc, char **argv) { long n = 111; try { fail(200); n = 152; fail(argc); n = 124; fail(200); } catch (int) { call(n); } return 0; }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
  },
  {
    name: 'a number that is kept in a register while something else is thrown',
    source: `${cpp} FAR void keep(long n, int m) { try { fail(m); } catch (int) { call(n); } } int main(int argc, char **argv) { keep(111, argc); keep(152, argc); return 0; }`,
    calls: ['getpgrp', 'munlockall'],
    isWide: true,
  },
  {
    name: 'a place where the unwinder goes on, behind other code in a part of a function that was moved away',
    source: `${head}extern "C" { void leave(int n) { if (n < 9) throw n; } void keep(long n, int m); }
__asm__(R"(
.text
.type keep,@function
keep:
.cfi_startproc
.cfi_personality 0x9b,DW.ref.__gxx_personality_v0
.cfi_lsda 0x1b,.Ltable
push %rbx
.cfi_def_cfa_offset 16
.cfi_offset 3,-16
mov %rdi,%rbx
mov %esi,%edi
.Lcall: call leave
.Lback: pop %rbx
.cfi_def_cfa_offset 8
ret
.cfi_endproc
.Lend:
.section .text.unlikely,"ax",@progbits
.Lcold:
.cfi_startproc
.cfi_personality 0x9b,DW.ref.__gxx_personality_v0
.cfi_lsda 0x1b,.Ltablecold
.cfi_def_cfa_offset 16
.cfi_offset 3,-16
mov $124,%ebx
call _Unwind_Resume@PLT
.Lpad: mov %rax,%r12
mov %rbx,%rax
syscall
mov %r12,%rdi
call _Unwind_Resume@PLT
.cfi_endproc
.Lcoldend:
.section .gcc_except_table,"a",@progbits
.Ltable: .byte 0x1b
.long .Lcold-.
.byte 0xff
.byte 1
.uleb128 .Lt2-.Lt1
.Lt1: .uleb128 .Lcall-keep
.uleb128 .Lback-.Lcall
.uleb128 .Lpad-.Lcold
.uleb128 0
.Lt2:
.Ltablecold: .byte 0xff
.byte 0xff
.byte 1
.uleb128 .Lt4-.Lt3
.Lt3: .uleb128 0
.uleb128 .Lcoldend-.Lcold
.uleb128 0
.uleb128 0
.Lt4:
.text
.text)");
int main(int argc, char **argv) { try { keep(111, argc); } catch (int) { puts("caught"); } return 0; }`,
    calls: ['getpgrp', 'getsid'],
    isWide: true,
  },
  {
    name: 'function objects, lambdas in threads, virtual functions behind smart pointers',
    source: `${cpp} struct A { virtual ~A() = default; virtual void f() = 0; }; struct B : A { void f() override { a(); } }; int main(int argc, char **argv) { std::unique_ptr<A> p = std::make_unique<B>(); std::function<void()> g = [&] { p->f(); }; std::thread t([&] { g(); b(); }); t.join(); std::vector<int> v{3, 1, 2}; std::sort(v.begin(), v.end(), [](int x, int y) { c(); return x < y; }); return v[0] != 1; }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
  },
  {
    name: 'what runs when nobody catches, and when there is no memory',
    source: `${cpp} #include <new>
      static void ended() { a(); _exit(3); } static void full() { b(); throw 1; }
      FAR void *take(size_t n) { return ::operator new(n); }
      int main(int argc, char **argv) { std::set_terminate(ended); std::set_new_handler(full); try { take(size_t(1) << 62); } catch (int) { c(); } fail(argc); return 0; }`.replace(
      ' #include <new>',
      '\n#include <new>',
    ),
    calls: ['getpgrp', 'getsid', 'munlockall'],
  },
];

const rust = `
use std::arch::asm;
extern "C" { fn syscall(n: i64, ...) -> i64; fn inotify_init1(flags: i32) -> i32; fn timerfd_create(clock: i32, flags: i32) -> i32; }
#[inline(always)] fn call(n: i64) -> i64 { let r: i64; unsafe { asm!("syscall", inlateout("rax") n => r, in("rdi") 0, out("rcx") _, out("r11") _) }; r }
#[inline(never)] fn a() { call(111); }
#[inline(never)] fn b() { call(152); }
#[inline(never)] fn c() { call(124); }
#[inline(never)] fn d() { call(253); }
fn many() -> bool { std::env::args().count() > 1 }
`;

export const inRust: readonly Case[] = [
  {
    name: 'calls in assembly and through the C library, with arguments',
    source: `${rust}
      #[inline(never)] fn timer(clock: i32, flags: i32) -> i32 { unsafe { timerfd_create(clock, flags) } }
      fn main() { a(); unsafe { syscall(111); inotify_init1(if many() { 0o4000 } else { 0o2000000 }); } timer(1, 0o2000000); if many() { timer(0, 0o4000); } }`,
    calls: ['getpgrp'],
    uses: [
      'inotify_init1(flags in {IN_NONBLOCK, IN_CLOEXEC})',
      'timerfd_create(clockid == CLOCK_MONOTONIC && flags == TFD_CLOEXEC)',
      'timerfd_create(clockid == CLOCK_REALTIME && flags == TFD_NONBLOCK)',
    ],
    alone: {},
  },
  {
    name: 'traits behind pointers, closures on the heap, threads, and a panic that is caught',
    source: `${rust}
      trait T { fn f(&self); } struct A; struct B; impl T for A { fn f(&self) { a() } } impl T for B { fn f(&self) { b() } }
      struct End; impl Drop for End { fn drop(&mut self) { c() } }
      fn main() { let list: Vec<Box<dyn T + Send>> = if many() { vec![Box::new(A)] } else { vec![Box::new(B)] };
        std::thread::spawn(move || for one in &list { one.f() }).join().unwrap();
        std::panic::set_hook(Box::new(|_| ()));
        let caught = std::panic::catch_unwind(|| { let _end = End; if std::env::args().count() < 9 { panic!("now") } });
        if caught.is_err() { let last: Box<dyn FnOnce()> = Box::new(|| d()); last() } }`,
    calls: ['getpgrp', 'getsid', 'inotify_init', 'munlockall'],
  },
  {
    name: 'a number out of a table',
    source: `${rust} static TABLE: [i64; 3] = [111, 152, 124]; fn main() { for (i, n) in TABLE.iter().enumerate() { if i < std::env::args().count() { unsafe { syscall(*n, 0); } } } }`,
    calls: ['getpgrp', 'getsid', 'munlockall'],
    isWide: true,
  },
];

const go = (imports: string, body: string) => `package main
import (
  "os"
  "syscall"
  ${imports}
)
const (
  inotifyInit1 = 294
  timerfdCreate = 283
  cloexec = 02000000
  nonblock = 04000
)
//go:noinline
func a() { syscall.RawSyscall(111, 0, 0, 0) }
//go:noinline
func b() { syscall.Syscall(152, 0, 0, 0) }
//go:noinline
func c() { syscall.RawSyscall6(124, 0, 0, 0, 0, 0, 0) }
//go:noinline
func d() { syscall.Syscall6(253, 0, 0, 0, 0, 0, 0) }
func many() bool { return len(os.Args) > 1 }
${body}
`;

export const inGo: readonly Case[] = [
  {
    name: 'Syscall, RawSyscall, Syscall6 and a function around them, with arguments',
    source: go(
      '',
      `//go:noinline
func made(n, x, y uintptr) { syscall.Syscall(n, x, y, 0) }
func main() {
  a()
  d()
  made(timerfdCreate, 1, cloexec)
  if many() { made(timerfdCreate, 0, nonblock) }
  syscall.RawSyscall(inotifyInit1, cloexec, 0, 0)
  if many() { syscall.Syscall6(inotifyInit1, nonblock, 0, 0, 0, 0, 0) }
  syscall.RawSyscall6(16, 0, 0x5413, 0, 0, 0, 0)
}`,
    ),
    calls: ['getpgrp', 'inotify_init'],
    uses: [
      'inotify_init1(flags in {IN_NONBLOCK, IN_CLOEXEC})',
      'ioctl(cmd == TIOCGWINSZ)',
      'timerfd_create(clockid == CLOCK_MONOTONIC && flags == TFD_CLOEXEC)',
      'timerfd_create(clockid == CLOCK_REALTIME && flags == TFD_NONBLOCK)',
    ],
    alone: {},
  },
  {
    name: 'methods of interfaces, functions in maps, goroutines, deferred functions and a panic that is caught',
    source: go(
      '',
      `type T interface { f() }
type A struct{}
type B struct{}
func (A) f() { a() }
func (B) f() { b() }
func main() {
  var t T = A{}
  if many() { t = B{} }
  done := make(chan bool)
  go func() { t.f(); done <- true }()
  <-done
  func() { defer func() { if recover() != nil { c() } }(); var list []int; list[len(os.Args)] = 1 }()
  map[string]func(){"x": d}["x"]()
}`,
    ),
    calls: ['getpgrp', 'getsid', 'inotify_init', 'munlockall'],
  },
  {
    name: 'methods that a value is asked for while it runs, by an interface and by name',
    source: go(
      '"reflect"',
      `type T interface { f() }
type A struct{ x, y int }
func (A) f() { a() }
type B struct{ x, y int }
func (B) F() { b() }
var values = []any{A{}, B{}, 1}
func main() {
  for i := range os.Args { if t, is := values[i % 3].(T); is { t.f() } }
  reflect.ValueOf(values[1]).MethodByName("F" + os.Args[0][:0]).Call(nil)
}`,
    ),
    calls: ['getpgrp', 'munlockall'],
    alone: {},
  },
  {
    name: 'a number out of a table',
    source: go(
      '',
      'var table = []uintptr{111, 152, 124}\nfunc main() { for i := range os.Args { syscall.RawSyscall(table[i], 0, 0, 0) } }',
    ),
    calls: ['getpgrp', 'getsid', 'munlockall'],
    isWide: true,
  },
];
