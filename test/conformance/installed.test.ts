// Files that other packages bring: every unit of the systemd that is installed, and the profile that Podman gives its containers.
// They are read where they lie, so none is copied. Needs Debian's systemd and golang-github-containers-common (comes with podman).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docker } from '../../lib/formats/docker.ts';
import { detectFormat } from '../../lib/formats/index.ts';
import { systemd } from '../../lib/formats/systemd.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { ask } from '../formats/meaning.ts';
import { missing } from './tools.ts';

const native = abis.x86_64;
const nr = (name: string) => syscallNumber(native, name)!;

describe.skipIf(missing('systemd’s units', ['systemd-analyze (systemd)']) !== undefined)(
  'installed units',
  () => {
    const folder = '/lib/systemd/system';
    const files = {
      text: (path: string) => readFileSync(path, 'utf8'),
      list: (path: string) => (existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : []),
    };
    const units = existsSync(folder)
      ? readdirSync(folder).filter((name) => /\.(service|socket|mount)$/.test(name))
      : [];

    test('all are read, and those that filter are told from those that do not', () => {
      let filtering = 0;
      for (const name of units) {
        const file = join(folder, name);
        if (!existsSync(file)) continue;
        const text = readFileSync(file, 'utf8');
        const { policy } = systemd.read!(text, { file, abi: native, files });
        const isListed = /^\s*SystemCallFilter=./m.test(text);
        const isFormat = detectFormat(Buffer.from(text), text, name)?.name === 'systemd';
        if (isListed) expect(`${name} ${isFormat}`).toBe(`${name} true`);
        if (!isListed) continue;
        filtering++;
        // What is permitted is @system-service or less; a unit that says what is refused (~) can permit more.
        if (/^\s*SystemCallFilter=(?!~)/m.test(text))
          expect(`${name} ${ask(policy, nr('kexec_load'))}`).not.toBe(`${name} allow`);
        expect(`${name} ${ask(policy, nr('execve'))}`).toBe(`${name} allow`);
      }
      expect(filtering).toBeGreaterThan(5);
    });
  },
);

const profile = '/usr/share/containers/seccomp.json';
const lacking = existsSync(profile)
  ? undefined
  : missing('Podman’s profile', [`${profile} (golang-github-containers-common)`]);

describe.skipIf(lacking !== undefined)('Podman’s profile', () => {
  const read = (capabilities: readonly string[]) => {
    const text = readFileSync(profile, 'utf8');
    expect(detectFormat(Buffer.from(text), text, 'seccomp.json')?.name).toBe('docker');
    return docker.read!(text, { file: profile, abi: native, kernel: '6.1', capabilities }).policy;
  };

  test('capabilities decide as its conditions say', () => {
    const [plain, admin] = [read([]), read(['CAP_SYS_ADMIN'])];
    expect([plain, admin].map((one) => ask(one, nr('bpf')))).toEqual(['errno 1', 'allow']);
    expect([plain, admin].map((one) => ask(one, nr('clone'), [0x10000011n]))).not.toEqual([
      'allow',
      'errno 1',
    ]);
    expect(ask(plain, nr('openat'))).toBe('allow');
    // Numbers that nobody names get what the profile says for them.
    expect(ask(plain, nr('kexec_load'))).toBe('errno 1');
  });

  test('the audit protocol of netlink has an error of its own', () => {
    const [audit, plain] = [
      [16n, 3n, 9n],
      [16n, 3n, 0n],
    ].map((args) => ask(read([]), nr('socket'), args));
    expect([audit, plain]).toEqual(['errno 22', 'allow']);
  });
});
