// Scripts under --auto: the programs that they name, and the scripts among them, with theirs.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { preloadedIn, programsIn, wordsThatMatter } from '../../lib/analysis/files/named.ts';
import { temporaryFolder } from '../support/temporary.ts';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = temporaryFolder('scripts');
const env = {
  HOME: folder,
  PATH: `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`,
  XDG_CACHE_HOME: join(folder, 'cache'),
};
const start = (program: string, ...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env, cwd: folder });
  return { status, stdout, stderr };
};
const held = (...words: string[]) => start(process.execPath, cli, '--auto', '--', ...words);
const script = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
};

/** A C program that says its name, and does one thing. */
const program = (name: string, what: string, before = '', options: readonly string[] = []) => {
  const path = join(folder, name);
  const source = `#define _GNU_SOURCE\n#include <sched.h>\n#include <stdio.h>\n#include <sys/personality.h>\n#include <sys/resource.h>\n#include <time.h>\n#include <unistd.h>\n${before}
    int main(int count, char **words) { puts("${basename(name)}"); fflush(stdout); return ${what} < 0; }\n`;
  execFileSync('gcc', ['-x', 'c', '-', '-o', path, ...options], { input: source });
  return path;
};

test('a script that starts only another one of the same shell, which starts programs', () => {
  // As zfgrep starts zgrep.
  script('inner', '#!/bin/sh\necho inner; printf x | wc -c\n');
  const outer = script('outer', '#!/bin/sh\nexec inner "$@"\n');
  expect(start(outer)).toEqual({ status: 0, stdout: 'inner\n1\n', stderr: '' });
  expect(held(outer)).toEqual(start(outer));
});

test.each([
  ['is missing', '#!/nonexistent/shell\n', 127, '"/nonexistent/shell" does not exist'],
  ['a line ending of Windows', '#!/bin/sh\r\n', 127, '"/bin/sh\\r" does not exist'],
  ['a folder', '#!/usr\n', 126, '"/usr" is no program'],
  ['nothing', '#!', 126, '"" has no name'],
])('an interpreter that there is none of: %s', (what, text, status, says) => {
  const file = script(what, text);
  expect(start(file).status).toBeNull();
  const advice = 'install it, or correct the #! line';
  const stderr = `sandbox-run: ${file}: its interpreter ${says}\n  ${advice}\n`;
  expect(held(file)).toEqual({ status, stdout: '', stderr });
});

test.each([
  ['env', '#!/usr/bin/env cat\nhello\n'],
  ['env with options', '#!/usr/bin/env -S -u HOME A=1 cat -n\nhello\n'],
  ['env, its option and the name in one', '#!/usr/bin/env -Scat\nhello\n'],
])('an interpreter that executes none, through %s', (what, text) => {
  const file = script(what, text);
  expect(start(file).stdout).toContain('hello');
  for (const place of ['exec', 'main'])
    expect(start(process.execPath, cli, '--auto', '--at', place, '--', file), place).toEqual(start(file));
});

test('a first line that ends in a NUL', () => {
  const file = script('cut', '#!/bin/sh\0 -x\necho "$-"\n');
  expect(start(file).stdout).not.toContain('x');
  expect(held(file)).toEqual(start(file));
});

test('a script with an archive behind it', () => {
  const file = script('installer', `#!/bin/sh\ntail -c 3 "$0" | wc -c\nexit 4\n\0${'x'.repeat(2 ** 21)}`);
  expect(start(file)).toEqual({ status: 4, stdout: '3\n', stderr: '' });
  expect(held(file)).toEqual(start(file));
});

test('a program that stands for a variable which is not set', () => {
  // As musl-gcc starts gcc. No shell makes this call.
  program('viewer', 'getpriority(PRIO_PROCESS, 0)');
  const file = script('pager', `#!/bin/sh\n"\${NONE:-viewer}"\n\${NEITHER-\${NONE:=viewer}} $NONE\n`);
  expect(start(file)).toEqual({ status: 0, stdout: 'viewer\nviewer\n', stderr: '' });
  expect(held(file)).toEqual(start(file));
});

test('a program of a package that can be moved, started through a link', () => {
  mkdirSync(join(folder, 'kit', 'bin'), { recursive: true });
  mkdirSync(join(folder, 'kit', 'platform', 'parts'), { recursive: true });
  program('kit/platform/parts/tool', 'getpriority(PRIO_PROCESS, 0)');
  script(
    'kit/bin/start',
    '#!/bin/sh\nhere=`readlink -f "$0"`\nroot=`dirname "$here"`/..\nexec "$root/platform/parts/tool"\n',
  );
  const link = join(folder, 'linked');
  symlinkSync('kit/bin/start', link);
  expect(start(link)).toEqual({ status: 0, stdout: 'tool\n', stderr: '' });
  expect(held(link)).toEqual(start(link));
});

test('a program in a folder that a variable holds', () => {
  const file = script(
    'variable',
    '#!/bin/sh\nbin=`echo /usr/bin`\nprintf x | "$bin/wc" -c\nprintf x | $bin/rev\n',
  );
  expect(start(file)).toEqual({ status: 0, stdout: '1\nx', stderr: '' });
  expect(held(file)).toEqual(start(file));
});

test('a name that a variable ends, a program beside the script, and the script itself with an ending', () => {
  // As ps2pdf starts ps2pdf14, and valgrind starts valgrind.bin. Each makes a call that no shell makes.
  program('tool7', 'getpriority(PRIO_PROCESS, 0)');
  program('tool8', 'sched_get_priority_max(SCHED_BATCH) + sched_rr_get_interval(0, &(struct timespec){0})');
  mkdirSync(join(folder, 'package'));
  program('package/beside', '(sync(), 0)');
  program('package/script.bin', 'personality(0xffffffff)');
  const main = script(
    'package/script',
    '#!/bin/sh\nversion=7\nfor one in 8 9; do tool$one; done\ntool$version; "$(dirname "$0")/beside"\nexec $0.bin\n',
  );
  expect(start(main)).toEqual({
    status: 0,
    stdout: 'tool8\ntool7\nbeside\nscript.bin\n',
    stderr: expect.stringContaining('tool9'),
  });
  expect(held(main)).toEqual(start(main));
});

test('a program whose folder alone is named, as git names git-remote-http, and one that cannot be read', () => {
  mkdirSync(join(folder, 'lib', 'package', 'more'), { recursive: true });
  program('lib/package/more/helper-one', 'personality(0xffffffff)');
  chmodSync(program('lib/package/helper-two', '(sync(), 0)'), 0o111);
  const main = program(
    'main',
    'asprintf(&path, "%s/more/helper-%s", volatile_folder, count > 1 ? words[1] : "one") < 0 || execl(path, path, NULL)',
    `char *path, *volatile volatile_folder = "${join(folder, 'lib', 'package')}";`,
  );
  expect(start(main)).toEqual({ status: 0, stdout: 'main\nhelper-one\n', stderr: '' });
  expect(held(main)).toEqual(start(main));
});

test('a program that one of the command line looks up by its name', () => {
  program('searched-for', 'personality(0xffffffff)');
  program('searching', 'execlp("searched-for", "searched-for", NULL)');
  const words = ['-c', 'searching; true'];
  expect(start('sh', ...words)).toEqual({ status: 0, stdout: 'searching\nsearched-for\n', stderr: '' });
  expect(held('sh', ...words)).toEqual(start('sh', ...words));
});

test('a library that a script preloads, from a folder that it names', () => {
  // As fakeroot does it.
  const inside = join(folder, 'preloaded');
  mkdirSync(inside);
  program(
    'preloaded/libsandboxfirst.so',
    '0',
    '__attribute__((constructor)) void begin(void) { personality(0xffffffff); }',
    ['-shared', '-fPIC'],
  );
  const main = script(
    'preloading',
    `#!/bin/sh\nFIRST=libsandboxfirst.so\nPATHS=${inside}:/nowhere\nLD_LIBRARY_PATH=$PATHS LD_PRELOAD=$FIRST wc -c < /dev/null\n`,
  );
  expect(start(main)).toEqual({ status: 0, stdout: '0\n', stderr: '' });
  expect(held(main)).toEqual(start(main));
});

test('a program that a script starts and that cannot be analysed is warned of', () => {
  writeFileSync(join(folder, 'damaged'), readFileSync('/usr/bin/true').subarray(0, 4096), { mode: 0o755 });
  const main = script('starting', `#!/bin/sh\n${join(folder, 'damaged')} 2>/dev/null; echo more\n`);
  const { status, stdout, stderr } = held(main);
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'more\n' });
  expect(stderr).toContain(`warning: ${join(folder, 'damaged')} is to be executed and is left out: `);
});

test('a program in Go that starts itself', () => {
  const main = join(folder, 'itself');
  writeFileSync(
    `${main}.go`,
    'package main\nimport ("fmt"; "os"; "os/exec")\nfunc main() { if len(os.Args) > 1 { fmt.Println("again"); return }; path, _ := os.Executable(); said, err := exec.Command(path, "x").Output(); fmt.Print(string(said), err) }',
  );
  const go = { ...process.env, GO111MODULE: 'off', GOCACHE: join(folder, 'go'), CGO_ENABLED: '0' };
  execFileSync('go', ['build', '-o', main, `${main}.go`], { env: go });
  expect(start(main)).toEqual({ status: 0, stdout: 'again\n<nil>', stderr: '' });
  expect(held(main)).toEqual(start(main));
});

test('comments and pages of documentation name nothing', () => {
  const named = (text: string) => programsIn(text, '/usr/bin').map((path) => path.slice('/usr/bin/'.length));
  expect(named('#!/usr/bin/dash\n# rev this\n  # or xz\nwc -c < /dev/null # tac\n')).toEqual([
    'dash',
    'wc',
    'tac',
  ]);
  const pages =
    '\n=head1 NAME\n\nxz - cat\n\n=cut\n\nprint `wc -c`;\n\n=pod\n\nrev\n\n=cut\n\nsystem "tac"\n';
  expect(named(`#!/usr/bin/perl\n${pages}`)).toEqual(['perl', 'wc', 'tac']);
  // What only looks like a comment.
  expect(named('#!/usr/bin/node\nclass A {\n  #tool = "xz";\n}\n')).toContain('xz');
  expect(named('#!/usr/bin/ruby\nsystem <<~END\n  #{before} xz -9\nEND\n')).toContain('xz');
  // A shell script may print such a page.
  expect(named(`#!/usr/bin/dash\n${pages}`)).toContain('rev');
});

test('fields of a list, and what stands before a colon, are no commands', () => {
  const named = (text: string) => programsIn(text, '/usr/bin', '/tmp/list').map((path) => basename(path));
  expect(named('wc:x:6:12:xz:/var/cache/man:/usr/bin/tac\n')).toEqual(['tac']);
  expect(named('all: rev\n\twc -c; cat:x\nxz:\n')).toEqual(['rev', 'wc']);
  // A shell takes it otherwise.
  expect(named('#!/bin/dash\nx=:wc\n')).toContain('wc');
  expect(programsIn('cat:wc', '/usr/bin').map((path) => basename(path))).toEqual(['cat', 'wc']);
});

test('a word behind a file is no text', () => {
  expect(wordsThatMatter(['/etc/passwd/text'], '/usr/bin')).toEqual([]);
  const script = 'LD_PRELOAD=/etc/passwd/first.so.1 true';
  expect(preloadedIn(script, '/bin/script')).toEqual(['/etc/passwd/first.so.1']);
});

test('a program in a part of a word', () => {
  // As socat's EXEC:cat, and --pager=less.
  const path = program('in-part', 'personality(0xffffffff)');
  const main = program('taking-part', 'execl(strchr(words[1], 58) + 1, "x", NULL)', '#include <string.h>');
  expect(start(main, `RUN:${path}`)).toEqual({ status: 0, stdout: 'taking-part\nin-part\n', stderr: '' });
  expect(held(main, `RUN:${path}`)).toEqual(start(main, `RUN:${path}`));
});
