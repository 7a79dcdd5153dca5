// The native boundary: where the addon is looked for, and that nothing but a whole and sensible request gets through it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encode, jumpIf, ret } from '../../lib/bpf/instruction.ts';
import { launchInPlace } from '../../lib/launch/in-place.ts';
import { addonPlaces, load, loadAddon, type NativeLaunch } from '../../lib/native.ts';

const allow = encode([jumpIf(0x15, 0, 0, 0), ret(0x7fff0000)]);
const filter = { program: allow, cookies: new Uint32Array() };
// A path that cannot be executed: a request that passes the checks by mistake must not replace the test.
const good: NativeLaunch = {
  filters: [filter],
  flags: 0,
  path: Buffer.from('/nonexistent'),
  argv: [Buffer.from('x')],
  prefix: Buffer.from(''),
  descriptors: Int32Array.of(0, 1, 2),
  openFiles: -1,
};

describe('wrong requests are refused before anything happens', () => {
  test.each([
    ['no filters', { filters: [] }],
    ['filters that are none', { filters: [{}] }],
    ['half an instruction', { filters: [{ ...filter, program: allow.subarray(0, 12) }] }],
    ['no instruction', { filters: [{ ...filter, program: new Uint8Array() }] }],
    ['too many instructions', { filters: [{ ...filter, program: new Uint8Array(4097 * 8) }] }],
    ['a program of another type', { filters: [{ ...filter, program: new Uint16Array(8) }] }],
    ['a cookie outside of the program', { filters: [{ ...filter, cookies: Uint32Array.of(2, 0) }] }],
    [
      'a cookie in something that is no equality test',
      { filters: [{ ...filter, cookies: Uint32Array.of(1, 0) }] },
    ],
    ['a cookie word that does not exist', { filters: [{ ...filter, cookies: Uint32Array.of(0, 6) }] }],
    ['half a pair', { filters: [{ ...filter, cookies: Uint32Array.of(0) }] }],
    ['a flag that means another launch', { flags: 8 }],
    ['a negative flag', { flags: -1 }],
    ['a path with a zero byte', { path: Buffer.from('/bin/true\0') }],
    ['a path that is text', { path: '/bin/true' }],
    ['no argv', { argv: [] }],
    ['a word with a zero byte', { argv: [Buffer.from('a\0b')] }],
    ['a word that is text', { argv: ['a'] }],
    ['descriptors of another type', { descriptors: [0, 1, 2] }],
    ['no limit', { openFiles: undefined }],
  ])('%s', (_, change) => {
    const request = { ...good, ...change } as NativeLaunch;
    expect(() => loadAddon().launch(request)).toThrow(TypeError);
  });

  test('no request at all', () => {
    expect(() => (loadAddon().launch as (...all: unknown[]) => never)()).toThrow(TypeError);
  });

  test('a kernel that lacks an action is reported by its number, and nothing has been installed', () => {
    const unheardOf = encode([ret(0x12340000)]);
    const request = { ...good, filters: [{ program: unheardOf, cookies: new Uint32Array() }] };
    expect(() => loadAddon().launch(request)).toThrow(
      expect.objectContaining({ step: 'actions', errno: 95, action: 0x12340000 }),
    );
    expect(() => launchInPlace({ filters: [[ret(0x12340000)]], command: ['true'] })).toThrow(
      expect.objectContaining({ exitStatus: 125, message: expect.stringContaining('0x12340000') }),
    );
  });
});

describe('the filter itself is refused by the kernel', () => {
  test('an instruction that seccomp does not know: 125, before anything is installed', () => {
    // The launch has then set no_new_privs, which later tests of this process do not mind.
    expect(() =>
      launchInPlace({ filters: [[{ code: 0x99, jt: 0, jf: 0, k: 0 }, ret(0)]], command: ['true'] }),
    ).toThrow(
      expect.objectContaining({
        exitStatus: 125,
        message: expect.stringContaining('does not take the filter'),
      }),
    );
  });

  test('no filter, no program, a zero byte in a word', () => {
    const filters = [[ret(0x7fff0000)]];
    const because = (launch: Parameters<typeof launchInPlace>[0], text: string) =>
      expect(() => launchInPlace(launch)).toThrow(
        expect.objectContaining({ exitStatus: 125, message: expect.stringContaining(text) }),
      );
    because({ filters: [], command: ['true'] }, 'no filter');
    because({ filters, command: [] }, 'no program');
    because({ filters, command: ['true', 'a\0b'] }, 'zero byte');
  });
});

describe('the search for the addon', () => {
  test('the built one first, then the one that came with the package', () => {
    expect(addonPlaces('/package')).toEqual([
      '/package/build/Release/sandbox_run.node',
      `/package/prebuilds/linux-${process.arch}/sandbox_run.node`,
    ]);
  });

  test('one that is found is loaded', () => {
    expect(load(['/nonexistent', addonPlaces().find((_, index) => index === 0)!]).launch).toBeTypeOf(
      'function',
    );
  });

  test('the error lists what was tried, and what was wrong with each', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-addon-'));
    const broken = join(folder, 'broken.node');
    writeFileSync(broken, 'not an object file');
    const places = ['/nonexistent/a.node', broken];
    try {
      expect(() => load(places)).toThrow(
        /npm rebuild[\s\S]*\/nonexistent\/a\.node: not there[\s\S]*broken\.node: /,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('flags of descriptors', () => {
  const flagsOf = loadAddon().descriptorFlags!;

  test('are those that /proc shows', () => {
    const seen = readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
        return [[Number(fd), Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)![1]!, 8)] as const];
      } catch {
        // The folder's own, closed by now.
        return [];
      }
    });
    expect(seen.length).toBeGreaterThan(3);
    expect(new Set(seen.map(([, flags]) => flags)).size).toBeGreaterThan(1);
    for (const [fd, flags] of seen) expect(flagsOf(fd)).toBe(flags);
  });

  test('are -1 for one that is not open, and nothing else is asked', () => {
    expect(flagsOf(1_000_000)).toBe(-1);
    expect(flagsOf(-1)).toBe(-1);
    expect(() => flagsOf('0' as unknown as number)).toThrow(TypeError);
    expect(() => (flagsOf as () => number)()).toThrow(TypeError);
  });
});
