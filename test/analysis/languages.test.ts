// Programs in other languages and with other C libraries, whose own calls are known exactly: what leads there is what a search over
// calls and jumps does not see (unwinding, handlers, threads, what a library calls back), or how a compiler passes values on.
// Each is held to what was found, and comes to its end as it does bare.

import { execFileSync, spawnSync as spawnBare } from 'node:child_process';
import { constants, realpathSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { evaluate } from '../../lib/index.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { printCall } from '../../lib/policy/language/print.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Case, inC, inCpp, inGo, inRust, marks } from './languages.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('languages');

/** Debian: musl-tools, golang-go, rustc. Other installations of Rust come first in PATH; the package's is meant. */
const tools = {
  c: (source: string, file: string, flags: readonly string[]) =>
    execFileSync('gcc', ['-O2', '-w', '-pthread', '-o', file, source, ...flags]),
  musl: (source: string, file: string, flags: readonly string[]) =>
    execFileSync('musl-gcc', ['-O2', '-w', '-static', '-o', file, source, ...flags]),
  'c++': (source: string, file: string, flags: readonly string[]) =>
    execFileSync('g++', ['-O2', '-w', '-std=c++17', '-pthread', '-o', file, source, ...flags]),
  rust: (source: string, file: string, flags: readonly string[]) =>
    execFileSync('/usr/bin/rustc', ['-O', '-A', 'warnings', '-o', file, source, ...flags]),
  go: (source: string, file: string, flags: readonly string[]) =>
    execFileSync('go', ['build', ...flags, '-o', file, source], {
      env: {
        ...process.env,
        GO111MODULE: 'off',
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
        CGO_ENABLED: '0',
        GOCACHE: join(folder, 'go'),
      },
    }),
};
const endings = { c: 'c', musl: 'c', 'c++': 'cc', rust: 'rs', go: 'go' };

let count = 0;

/** A program in C; its path. */
function compiled(text: string, flags: readonly string[]): string {
  const file = join(folder, `program${count++}`);
  writeFileSync(`${file}.c`, text);
  tools.c(`${file}.c`, file, flags);
  return file;
}

function check(one: Case, tool: keyof typeof tools, flags: readonly string[] = []): void {
  const file = join(folder, `program${count++}`);
  const source = `${file}.${endings[tool]}`;
  writeFileSync(source, one.source);
  tools[tool](source, file, flags);
  const analysis = analysisOf(file, { also: ['@none'] });
  const policy = policyOfAnalysis(analysis);
  const lost = analysis.unknown.flatMap((site) => site.lost.map(({ why }) => why));
  const found = marks.filter((name) => analysis.calls.has(name));
  if (one.isWide === true) {
    expect(lost).not.toEqual([]);
    expect(found).toEqual(expect.arrayContaining([...one.calls]));
  } else {
    expect(lost).toEqual([]);
    expect(found).toEqual([...one.calls].sort());
  }
  const names = new Set(one.uses?.map((use) => use.split('(')[0]));
  expect(
    policy.statements
      .flatMap(({ calls }) => calls)
      .filter(({ target }) => target.kind === 'name' && names.has(target.name))
      .map(printCall)
      .sort(),
  ).toEqual([...(one.uses ?? [])].sort());
  const { main: _, ...whole } = policy;
  for (const words of [[], ['x'], ['x', 'x']]) {
    const options = { encoding: 'utf8', cwd: folder, timeout: 20_000 } as const;
    const bare = spawnBare(file, words, options);
    const held = spawnSync(file, words, { ...options, sandbox: whole });
    expect(held).toMatchObject({ status: bare.status, signal: bare.signal, stdout: bare.stdout });
    expect(bare.signal).toBe(null);
  }
}

const alone = (list: readonly Case[]) => list.filter((one) => one.alone !== undefined);

test.each(inC)('C: $name', (one) => check(one, 'c'));
test.each(alone(inC))('C, static: $name', (one) => check({ ...one, ...one.alone }, 'c', ['-static']));
test.each(inC.filter((one) => one.musl !== undefined))('C, static and stripped, with musl: $name', (one) =>
  check({ ...one, ...one.musl }, 'musl', ['-s']));

test.each(inCpp)('C++: $name', (one) => check(one, 'c++'));
test.each(alone(inCpp))('C++, static: $name', (one) => check({ ...one, ...one.alone }, 'c++', ['-static']));

test.each(inRust)('Rust: $name', (one) => check(one, 'rust'));
test.each(alone(inRust))('Rust, static: $name', (one) =>
  check({ ...one, ...one.alone }, 'rust', [
    '-C',
    'target-feature=+crt-static',
    '-C',
    'relocation-model=static',
  ]));

test.each(inGo)('Go: $name', (one) => check(one, 'go'));
test.each(alone(inGo))('Go, stripped: $name', (one) => check(one, 'go', ['-ldflags=-s -w']));
// With the C library's loader, which has uses of its own.
const anywhere = alone(inGo).filter((one) => one.uses === undefined);
test.each(anywhere)('Go, to be loaded anywhere: $name', (one) => check(one, 'go', ['-buildmode=pie']));
test.each(anywhere)('Go, to be loaded anywhere, stripped: $name', (one) =>
  check(one, 'go', ['-buildmode=pie', '-ldflags=-s -w']));

test.each([
  ['dynamic', []],
  ['static', ['-static']],
])('C, %s: fopen can open with the flags of its modes, and with no others', (_, flags) => {
  const file = compiled(
    `#include <stdio.h>
     #include <string.h>
     #include <unistd.h>
     int main(int argc, char **argv) {
       static const char *const modes[] = { "w", "r", "r+", "w+", "a", "a+", "re", "ab", "rb+", "wx", "w+bxe" };
       for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
         if (strchr(modes[i], 'x')) unlink("opened");
         FILE *f = fopen("opened", modes[i]);
         if (f == 0) return i + 1;
         fclose(f);
       }
       return unlink("opened");
     }`,
    flags,
  );
  const { main: _main, ...policy } = policyOfAnalysis(analysisOf(file, { also: ['@none'] }));
  const permits = (wanted: number) =>
    evaluate(policy, { call: 'openat', args: [-100, 0x1000, wanted, 0o666, 0, 0] }).kind === 'allow';
  const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC, O_DIRECT } = constants;
  const O_CLOEXEC = 0o2000000;
  const O_TMPFILE = 0o20000000;
  for (const access of [O_RDONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_APPEND])
    for (const more of [0, O_CLOEXEC, O_EXCL]) expect(permits(access | more)).toBe(true);
  for (const never of [O_SYNC, O_DIRECT, O_TMPFILE]) expect(permits(O_RDWR | never)).toBe(false);
  const options = { cwd: folder, timeout: 20_000 };
  expect(spawnSync(file, [], { ...options, sandbox: policy })).toMatchObject({ status: 0, signal: null });
});

test('C: popen starts the shell and what its command names', () => {
  const file = compiled(
    `#include <stdio.h>
     int main(void) { char text[99] = ""; FILE *f = popen("id -u | tr 0-9 a-j", "r"); if (f == 0 || fgets(text, 99, f) == 0) return 1; fputs(text, stdout); return pclose(f); }`,
    [],
  );
  const analysis = analysisOf(file);
  expect(analysis.programs.map((one) => basename(one)).sort()).toEqual(
    [basename(file), basename(realpathSync('/bin/sh')), 'id', 'tr'].sort(),
  );
  const options = { cwd: folder, timeout: 20_000, encoding: 'utf8' } as const;
  const bare = spawnBare(file, [], options);
  expect(bare.stdout).toMatch(/^[a-j]+\n$/);
  expect(spawnSync(file, [], { ...options, sandbox: policyOfAnalysis(analysis) })).toMatchObject({
    status: 0,
    signal: null,
    stdout: bare.stdout,
  });
});
