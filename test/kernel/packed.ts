// Policies in files as packed launchers and as payloads, made with the same code as `sandbox-run pack`; each policy once.

import { readFileSync } from 'node:fs';
import { filtersFor } from '../../lib/launch/filters.ts';
import { packLauncher } from '../../lib/launch/pack.ts';
import { encodePayload, type Payload } from '../../lib/launch/payload.ts';
import { abis } from '../../lib/linux/abi.ts';
import { loadPolicy } from '../../lib/policy/language/load.ts';
import { file, stagedLauncher } from './stage.ts';

const made = new Map<string, string>();

/** Path of a launcher that carries the filter. */
export function packedLauncher(policyFile: string): string {
  return once('launcher', policyFile, (payload) =>
    file(packLauncher(readFileSync(stagedLauncher()), payload), undefined, 0o755),
  );
}

/** Path of the bytes for --filter-fd. */
export function payloadFile(policyFile: string): string {
  return once('payload', policyFile, (payload) => file(encodePayload(payload)));
}

function once(kind: string, policyFile: string, make: (payload: Payload) => string): string {
  const text = readFileSync(policyFile, 'utf8');
  const key = `${kind} ${text}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const path = make(payloadOf(policyFile));
  made.set(key, path);
  return path;
}

export function payloadOf(policyFile: string, command: readonly string[] = []): Payload {
  const policy = loadPolicy(policyFile);
  const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
  const filters = filtersFor(policy, policy.abis?.map((name) => abis[name]) ?? [native]);
  return {
    arch: native.auditArch,
    flags: 0,
    filters,
    command: command.map((word) => Buffer.from(word)),
    policy: '',
  };
}
