// Programs in other languages and with other C libraries, whose own calls are known exactly: what leads there is what a search over
// calls and jumps does not see (unwinding, handlers, threads, what a library calls back), or how a compiler passes values on.
// Each is held to what was found, and comes to its end as it does bare.

import { execFileSync, spawnSync as spawnBare } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
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
