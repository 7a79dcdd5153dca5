// `--auto` and `analyze` as commands: real programs run as they do bare, and what they were not seen to need is refused.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { refusedCalls } from '../../bench/auto/trace.js';
import { warmStarts } from '../../bench/auto/warm.js';
import { parsePolicy } from '../../lib/policy/language/parse.ts';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-analysis-'));
afterAll(() => rmSync(folder, { recursive: true }));
// A home of its own: bash reads ~/.bashrc where its input is a socket, and what stands there is not part of the command line.
const env = {
  ...process.env,
  HOME: folder,
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  XDG_CACHE_HOME: join(folder, 'cache'),
};
const sandbox = (...words: string[]) =>
  spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8', env, cwd: folder });
const compile = (name: string, source: string, ...flags: string[]) => {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  const made = spawnSync('gcc', ['-O2', '-o', file, `${file}.c`, ...flags], { encoding: 'utf8' });
  expect(made.stderr).toBe('');
  return file;
};

describe('programs behave as they do bare', () => {
  test.each([
    [['ls', '-la', '/usr/lib']],
    [['sort', '--parallel=2', '/etc/passwd']],
    [['xz', '-T2', '-kc', '/usr/bin/env']],
    [['bash', '-c', 'for i in 1 2 3; do echo $i; done; exit 3']],
    [['perl', '-e', 'print join(",", map { $_ * 2 } 1 .. 5)']],
    [['getent', 'passwd', 'root']],
    [['id']],
  ])('%j', (words) => {
    const [program, ...rest] = words;
    const bare = spawnSync(program!, rest, { encoding: 'utf8', env, cwd: folder });
    const held = sandbox('--auto', '--', ...words);
    expect({ status: held.status, signal: held.signal, out: held.stdout, error: held.stderr }).toEqual({
      status: bare.status,
      signal: bare.signal,
      out: bare.stdout,
      error: bare.stderr,
    });
  });
});

describe('every call that strace sees is permitted, argument values included', () => {
  const traced = (words: readonly string[]) => {
    const log = join(folder, 'trace');
    spawnSync('strace', ['-f', '-qq', '-e', 'raw=all', '-e', 'signal=none', '-o', log, ...words], {
      encoding: 'utf8',
      env,
      cwd: folder,
      stdio: 'ignore',
    });
    return readFileSync(log, 'latin1');
  };
  const policyFor = (words: readonly string[]) =>
    parsePolicy(
      (JSON.parse(sandbox('--auto', '--dry-run', '--json', '--', ...words).stdout) as { policy: string })
        .policy,
      { file: words[0]! },
    );

  test.each([
    [['ls', '-la', '/usr/lib']],
    [['sort', '--parallel=2', '/etc/passwd']],
    [['xz', '-T2', '-kc', '/usr/bin/env']],
    [['getent', 'hosts', 'localhost']],
    [['rg', '--files', '/etc/apt']],
    [['fzf', '--version']],
    [['busybox', 'ls', '/']],
  ])('%j', (words) => {
    const log = traced(words);
    expect(log.match(/^\d+ +\w+\(/gm)?.length ?? 0).toBeGreaterThan(5);
    expect(refusedCalls(policyFor(words), log)).toEqual([]);
  });

  test('and a call with another value is not', () => {
    const log = traced(['ls', '/']);
    const policy = policyFor(['ls', '/']);
    const changed = `${log}1 ioctl(0x1, 0x5412, 0) = 0\n`;
    expect(refusedCalls(policy, changed)).toEqual(['ioctl(0x1, 0x5412, 0x0, 0x0, 0x0, 0x0)']);
  });
});

describe('what a program cannot do by itself', () => {
  // A program with a fault on purpose: it makes the call whose number stands in its memory at a place that its own code never
  // reads. Here the fault is a jump to code that was put on the stack of an executable stack.
  const fault = `
    #include <string.h>
    #include <stdio.h>
    int main(int argc, char **argv) {
      puts("before"); fflush(stdout);
      unsigned char code[] = { 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3 };
      unsigned number; sscanf(argv[1], "%u", &number); memcpy(code + 1, &number, 4);
      __asm__ volatile("" : : "r"(code) : "memory");
      ((void (*)(void))code)();
      puts("after"); return 0;
    }`;

  test.each([
    ['ptrace', 101],
    ['mount', 165],
    ['init_module', 175],
  ])('%s in code that was injected ends it', (_, number) => {
    const file = compile('fault', fault, '-z', 'execstack', '-Wl,--no-warn-execstack');
    expect(spawnSync(file, [String(number)], { encoding: 'utf8' }).stdout).toBe('before\nafter\n');
    const held = sandbox('--auto', '--', file, String(number));
    expect(held.stdout).toBe('before\n');
    expect(held.signal).toBe('SIGSYS');
  });

  test('exec is refused where no program is known, and permitted with --also', () => {
    // glibc's own functions start a shell for files without a header; this is exec alone.
    const file = compile(
      'exec',
      `#include <stdio.h>
       static long call(long n, const void *a, const void *b) {
         long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(0) : "rcx", "r11", "memory"); return r; }
       int main(int c, char **v) {
         char path[99]; snprintf(path, 99, "/usr/bin/%s", v[1]); char *a[] = { path, 0 };
         printf("%ld\\n", call(59, path, a)); return 7; }`,
    );
    const refused = sandbox('--auto', '--', file, '../bin/id');
    expect([refused.status, refused.stdout]).toEqual([7, '-13\n']);
    expect(sandbox('--auto', '--also', 'id', '--', file, '../bin/id').stdout).toMatch(/^uid=/);
  });

  test('other policies beside it have to permit a call, too', () => {
    expect(sandbox('--auto', '--deny', 'openat', '--', 'cat', '/etc/passwd').signal).toBe('SIGSYS');
  });
});

describe('libraries that are loaded while it runs', () => {
  test('a constant name is followed, and a word of the command line; another is found with --plugin', () => {
    const library = join(folder, 'libplug.so');
    writeFileSync(
      join(folder, 'plug.c'),
      '#include <unistd.h>\n#include <sys/syscall.h>\nlong plug(void) { return syscall(SYS_swapoff, 0) | 1; }\n',
    );
    spawnSync('gcc', ['-shared', '-fPIC', '-o', library, join(folder, 'plug.c')]);
    const source = (name: string) =>
      `#include <dlfcn.h>\n#include <stdio.h>\nint main(int c, char **v) { void *l = dlopen(${name}, RTLD_NOW); long (*f)(void) = dlsym(l, "plug"); printf("%ld\\n", f() & 1); return 0; }`;
    const constant = compile('constant', source(`"${library}"`));
    expect(sandbox('--auto', '--', constant).stdout).toBe('1\n');
    const word = compile('word', source('v[1] + 7'));
    for (const path of [library, './libplug.so'])
      expect(sandbox('--auto', '--', word, `--load=${path}`).stdout).toBe('1\n');
    const computed = compile(
      'computed',
      source('({ static char path[999]; strcat(strcpy(path, v[1]), "g.so"); })').replace(
        '#',
        '#include <string.h>\n#',
      ),
    );
    const half = library.slice(0, -'g.so'.length);
    expect(sandbox('--auto', '--', computed, half).signal).toBe('SIGSYS');
    expect(sandbox('--auto', '--plugin', library, '--', computed, half).stdout).toBe('1\n');
  });
});

describe('what strings and configuration files name', () => {
  const plugin = (path: string) => {
    const source = join(folder, 'plug.c');
    writeFileSync(
      source,
      '#include <unistd.h>\n#include <sys/syscall.h>\nlong plug(void) { return syscall(SYS_swapoff, 0) | 1; }\n',
    );
    mkdirSync(dirname(path), { recursive: true });
    expect(spawnSync('gcc', ['-shared', '-fPIC', '-o', path, source], { encoding: 'utf8' }).stderr).toBe('');
  };
  const load = '#include <dlfcn.h>\n#include <stdio.h>\n#include <string.h>\n';
  const use =
    'void *l = dlopen(path, RTLD_NOW); long (*f)(void) = dlsym(l, "plug"); printf("%ld\\n", f() & 1); return 0; }';

  test('a folder of libraries', () => {
    // Under /usr/lib, as packages have it: folders that anyone can write to are no folders of plug-ins.
    const plugins = mkdtempSync('/usr/local/lib/sandbox-run-test-');
    try {
      plugin(join(plugins, 'modules', 'libplug.so'));
      const program = compile(
        'folders',
        `${load}int main(int c, char **v) { char path[99]; snprintf(path, 99, "%s/modules/lib%s.so", "${plugins}", v[1]); ${use}`,
      );
      expect(sandbox('--auto', '--', program, 'plug').stdout).toBe('1\n');
      plugin(join(plugins, 'modules', 'libother.so'));
      expect(sandbox('--auto', '--', program, 'other').stdout).toBe('1\n');
    } finally {
      rmSync(plugins, { recursive: true });
    }
  });

  test('a configuration file on the command line, with what it includes', () => {
    plugin(join(folder, 'extra', 'libplug.so'));
    writeFileSync(join(folder, 'main.conf'), '# libother.so\ninclude parts/*.conf;\n');
    mkdirSync(join(folder, 'parts'), { recursive: true });
    writeFileSync(join(folder, 'parts', 'one.conf'), 'load_module ../extra/libplug.so;\n');
    const program = compile(
      'configured',
      `${load}int main(int c, char **v) { char path[99] = ""; FILE *file = fopen("parts/one.conf", "r"); if (fscanf(file, "load_module ../%98[^;]", path + 2) != 1) return 9; memcpy(path, "./", 2); ${use}`,
    );
    expect(sandbox('--auto', '--', program).signal).toBe('SIGSYS');
    expect(sandbox('--auto', '--', program, '-c', 'main.conf').stdout).toBe('1\n');
  });

  test('a command for a shell', () => {
    const program = compile(
      'shell',
      `#include <stdio.h>
       #include <stdlib.h>
       int main(int count, char **words) {
         if (count > 1) return puts("  date  tells the time") + puts("stat of it:");
         return system("LC_ALL=C sort numbers | head -n 1") != 0; }`,
    );
    writeFileSync(join(folder, 'numbers'), '3\n1\n2\n');
    const policy = sandbox('analyze', program).stdout;
    expect(policy).toMatch(/included: dash, sort, head;/);
    expect(sandbox('--auto', '--', program)).toMatchObject({ status: 0, stdout: '1\n' });
  });

  test('a program, but not one that is called like an option', () => {
    const source = (started: string) => `#include <getopt.h>
      #include <unistd.h>
      const struct option options[] = { { "sort", 1, 0, 's' }, { "date", 0, 0, 2 }, { "id", 0, 0, 3 }, { 0 } };
      int main(int count, char **words) {
        int option = getopt_long(count, words, "s:", options, 0);
        return option > 0 && execlp(${started}, ${started}, (char *)0);
      }`;
    const included = (name: string, started: string) => {
      const { programs } = JSON.parse(sandbox('analyze', '--json', compile(name, source(started))).stdout);
      return programs.map((path: string) => path.slice(path.lastIndexOf('/') + 1));
    };
    expect(included('optional', '"env"')).toEqual(['optional', 'dash', 'env']);
    // Named in both ways: the linker keeps one string.
    expect(included('both', '"id"')).toEqual(['both', 'dash', 'id']);
  });

  test('a program that a library hands to exec, through a function of its own', () => {
    const library = compile(
      'libstart.so',
      `#include <unistd.h>
       __attribute__((noinline)) static int start(const char *name, char *word) { return execlp(name, name, word, (char *)0); }
       int show(void) { return start("head", "-n1"); }`,
      '-shared',
      '-fPIC',
    );
    const program = compile('starts', 'int show(void); int main(void) { return show(); }', library);
    expect(sandbox('analyze', program).stdout).toMatch(/included: .*\bhead\b/);
    expect(sandbox('--auto', '--', program)).toMatchObject({ status: 0, signal: null });
  });

  test('a program that was not there when the answer was found, which is kept', () => {
    const later = join(folder, 'later-program');
    const program = compile(
      'starts-later',
      `#include <unistd.h>\nint main(void) { execl("${later}", "x", (char *)0); return 9; }`,
    );
    expect(sandbox('--auto', '--', program).status).toBe(9);
    copyFileSync('/usr/bin/id', later);
    expect(sandbox('--auto', '--', program).stdout).toMatch(/^uid=/);
  });

  test('itself, by /proc/self/exe', () => {
    const program = compile(
      'again',
      '#include <unistd.h>\nint main(int count, char **words) { return count > 1 ? 7 : execl("/proc/self/exe", "x", "y", (char *)0); }',
    );
    expect(JSON.parse(sandbox('analyze', '--json', program).stdout).programs).toEqual([program]);
    expect(sandbox('--auto', '--', program).status).toBe(7);
  });
});

describe('analyze', () => {
  test('a policy that can be read again, each call with its place, and the way to it', () => {
    const file = join(folder, 'true.policy');
    expect(sandbox('analyze', 'true', '-o', file).status).toBe(0);
    expect(sandbox('check', '-p', file, '--expect', 'allow', 'exit_group').status).toBe(0);
    expect(sandbox('check', '-p', file, '--expect', 'kill', 'ptrace', 'mount', 'init_module').status).toBe(0);
    expect(sandbox('check', '-p', file, '--expect', 'allow', 'execve').status).toBe(1);
    expect(sandbox('--policy', file, '--', 'true').status).toBe(0);
    expect(sandbox('analyze', 'true', '--why', 'exit_group').stdout).toMatch(
      /entry point[\s\S]*libc\.so\.6 _exit/,
    );
    expect(sandbox('analyze', 'true', '--why', 'ptrace').status).toBe(1);
  });

  test('--strict refuses a number that cannot be known', () => {
    const file = compile(
      'number',
      '#include <unistd.h>\n#include <stdlib.h>\nint main(int c, char **v) { return (int)syscall(atoi(v[1])) < 0; }',
    );
    expect(sandbox('--auto', '--', file, '39').status).toBe(0);
    const strict = sandbox('--auto', '--strict', '--', file, '39');
    expect(strict.status).toBe(125);
    expect(strict.stderr).toMatch(/--strict: .*number/);
  });

  test.each([
    [['--auto', '--', './nothing'], 127, /no such file/],
    [
      ['--auto', '--also', 'nosuchprogram', '--', 'bash'],
      125,
      /--also nosuchprogram: there is no such program/,
    ],
    [['analyze'], 2, /no program to analyse/],
  ])('%j', (words, status, message) => {
    const result = sandbox(...words);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
  });
});

describe('what an answer rests on that the code does not prove', () => {
  const notes = (program: string) => sandbox('analyze', program).stdout.match(/^# note: .*$/gm) ?? [];

  test('is said where it does', () => {
    const changes = compile(
      'changes',
      '#include <unistd.h>\n#include <pthread.h>\nint main(void) { return setuid(getuid()); }',
      '-pthread',
    );
    expect(notes(changes)).toContainEqual(expect.stringMatching(/come out of one structure.*set\*id/));
    const calls = compile(
      'calls',
      '#include <dlfcn.h>\nint main(void) { return dlopen("libffi.so.8", RTLD_NOW) == 0; }',
    );
    expect(notes(calls)).toContainEqual(expect.stringContaining('libffi calls functions that are named'));
    expect(notes(changes)).not.toContainEqual(expect.stringContaining('libffi'));
    expect(sandbox('analyze', changes, '--why', 'execve').stdout).toMatch(/ld-linux/);
    expect(notes(changes)).toContainEqual(
      expect.stringMatching(/ld-linux.* is left out: the loader executes/),
    );
  });

  test('and not where it does not', () => {
    const alone = compile(
      'alone',
      'void begin(void) { __asm__ volatile("syscall" : : "a"(231), "D"(0)); }\n__asm__(".globl _start\\n_start: call begin\\nhlt\\n");',
      '-static',
      '-nostdlib',
    );
    const rests = /structure|libffi|loader executes|makes code/;
    expect(notes(alone).filter((note) => rests.test(note))).toEqual([]);
    expect(sandbox('--auto', '--', alone).status).toBe(0);
  });
});

describe('while the first analysis runs', () => {
  const onTerminal = (line: string) =>
    spawnSync('script', ['-qefc', line, '/dev/null'], { encoding: 'utf8', env, cwd: folder }).stdout;

  test('a terminal shows what is done, and is left clean; the second start shows nothing', () => {
    const program = compile('shown', '#include <stdio.h>\nint main(void) { puts("shown"); return 0; }');
    const line = `${process.execPath} ${cli} --auto -- ${program}`;
    const first = onTerminal(line);
    expect(first).toContain(`\r\u001b[Ksandbox-run: analysing: reading ${program}`);
    expect(first.endsWith('\r\u001b[Kshown\r\n')).toBe(true);
    // What the compiler has just written is not kept at once.
    onTerminal(line);
    expect(onTerminal(line)).toBe('shown\r\n');
  });

  test('what is no terminal gets nothing of it', () => {
    const program = compile('quiet', 'int main(void) { return 4; }');
    expect(sandbox('--auto', '--', program)).toMatchObject({ status: 4, stdout: '', stderr: '' });
  });
});

describe('answers that are kept', () => {
  test('hold as long as the files are the same', () => {
    const file = compile('changing', 'int main(void) { return 3; }');
    expect(sandbox('--auto', '--', file).status).toBe(3);
    compile(
      'changing',
      '#include <unistd.h>\n#include <sys/syscall.h>\nint main(void) { return syscall(SYS_sethostname, 0, -1) == -1 ? 4 : 5; }',
    );
    expect(sandbox('--auto', '--', file).status).toBe(4);
  });

  test('with one a start takes little more than with the same policy from a file', () => {
    // 30 ms are promised for a machine that does nothing else; what is over that is measured again at another moment.
    const limit = 30;
    const noise = 1.5;
    let best = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 5 && best > limit; attempt++) {
      const [found] = warmStarts([['ls', '/']], 7);
      expect(found!.warm).toBeLessThan(found!.first / 2);
      best = Math.min(best, found!.more);
    }
    expect(best).toBeLessThanOrEqual(limit * noise);
  });
});
