// Payloads and launchers as bytes: what is written is read again, and nothing else is.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pack } from '../../lib/cli/commands/pack.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { SandboxError } from '../../lib/errors.ts';
import { inspectLauncher, packLauncher } from '../../lib/launch/pack.ts';
import { decodePayload, encodePayload, type Payload } from '../../lib/launch/payload.ts';
import { abis } from '../../lib/linux/abi.ts';
import { nativeFile } from '../../lib/native.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';

const policy = 'default kill\nallow read, write(fd == 1)\n';
const filters = compile(parsePolicy(policy, { file: 'test' }), {
  abis: [abis.x86_64],
  gates: ['execve', 'write', 'exit_group'],
});
const payload: Payload = {
  arch: abis.x86_64.auditArch,
  flags: 2,
  filters: [...filters, ...filters],
  command: [Buffer.from('/bin/echo'), Buffer.from(''), Buffer.from([0xff, 0xfe])],
  policy,
};

describe('a payload', () => {
  test('is read as it was written', () => {
    expect(decodePayload(encodePayload(payload))).toEqual(payload);
    expect(decodePayload(encodePayload({ ...payload, command: [], policy: '' }))).toMatchObject({
      command: [],
      policy: '',
    });
  });

  test('with any bit changed is refused', () => {
    const bytes = encodePayload(payload);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      expect(() => decodePayload(changed), `byte ${at}`).toThrow(SandboxError);
    }
  });

  test('cut or lengthened is refused', () => {
    const bytes = encodePayload(payload);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodePayload(bytes.subarray(0, length))).toThrow(SandboxError);
    }
    expect(() => decodePayload(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(SandboxError);
  });

  test('needs one filter at least and holds 32 at most', () => {
    expect(() => encodePayload({ ...payload, filters: [] })).toThrow(SandboxError);
    expect(() => encodePayload({ ...payload, filters: Array(33).fill(filters[0]) })).toThrow(SandboxError);
  });
});

describe('a launcher', () => {
  const bare = readFileSync(nativeFile('sandbox-launch'));

  test('shows what was packed into it', () => {
    expect(inspectLauncher(packLauncher(bare, payload))).toEqual(payload);
  });

  test('is packed once', () => {
    expect(() => packLauncher(packLauncher(bare, payload), payload)).toThrow(SandboxError);
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['a text', Buffer.from('#!/bin/sh\n'.repeat(30))],
    ['another program', readFileSync('/bin/true')],
    ['half a launcher', bare.subarray(0, 100)],
  ])('is not %s', (_, bytes) => {
    expect(() => packLauncher(bytes, payload)).toThrow(SandboxError);
    expect(() => inspectLauncher(bytes)).toThrow(SandboxError);
  });
});

test('pack writes a launcher, whole or not at all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-pack-'));
  try {
    const output = join(folder, 'launcher');
    await pack.run({ words: [], allow: ['@system-service'], output });
    expect(inspectLauncher(readFileSync(output)).policy).toBe('allow @system-service\n');
    expect(spawnSync(output, ['echo', 'inside'], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stdout: 'inside\n',
    });
    await expect(async () => pack.run({ words: [], allow: ['raed'], output })).rejects.toThrow(/raed/);
    const nowhere = join(folder, 'missing', 'launcher');
    await expect(async () => pack.run({ words: [], allow: ['read'], output: nowhere })).rejects.toThrow(
      SandboxError,
    );
    await expect(async () => pack.run({ words: [], allow: ['read'] })).rejects.toThrow(
      /-o FILE|file to write/,
    );
    expect(readdirSync(folder)).toEqual(['launcher']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
