// The list of formats: a new one is a file in this folder, its test, and a row here. Detection asks them in this order; each
// answers yes only to what no other one has.

import { PolicyError } from '../errors.ts';
import { nearest } from '../linux/nearest.ts';
import type { Policy } from '../policy/model.ts';
import { docker } from './docker.ts';
import { firejail } from './firejail.ts';
import {
  type Format,
  MAX_LENGTH,
  type ReadOptions,
  type ReadResult,
  type WriteOptions,
  type WriteResult,
} from './format.ts';
import { kafel } from './kafel.ts';
import { kubernetes, kubernetesBeta, kubernetesLocalhost, kubernetesPod } from './kubernetes.ts';
import { runtimeCalls } from './kubernetes-write.ts';
import { language } from './language.ts';
import { minijail, minijailCompiler } from './minijail.ts';
import { oci } from './oci.ts';
import { pledge } from './pledge.ts';
import { bpf, cHeader } from './program.ts';
import { seccompiler } from './seccompiler.ts';
import { systemd } from './systemd.ts';

export { runtimeCalls };

export const formats: readonly Format[] = [
  docker,
  oci,
  seccompiler,
  kubernetes,
  kubernetesBeta,
  kubernetesLocalhost,
  kubernetesPod,
  systemd,
  minijail,
  minijailCompiler,
  kafel,
  firejail,
  pledge,
  bpf,
  cHeader,
  language,
];

/** The format of this name. Throws PolicyError with the nearest names. */
export function formatNamed(name: string, direction: 'read' | 'write'): Format {
  const able = formats.filter((one) =>
    direction === 'write' ? one.write !== undefined : one.read !== undefined || one.readBytes !== undefined,
  );
  const found = able.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = able.map((one) => one.name);
  const [close] = nearest(name, names, 1);
  const isOther = formats.some((one) => one.name === name);
  throw new PolicyError(
    isOther
      ? `${name} cannot be ${direction === 'read' ? 'read' : 'written'}`
      : `no format is called ${name.slice(0, 40)}`,
    {
      advice: close === undefined || isOther ? `it is one of ${names.join(', ')}` : `did you mean ${close}?`,
    },
  );
}

/** The format of a text or of bytes that are none; undefined where none is recognised. */
export function detectFormat(bytes: Uint8Array, text: string | undefined, file: string): Format | undefined {
  return formats.find(
    (one) =>
      one.detectBytes?.(bytes, file) === true ||
      (text !== undefined && text.length <= MAX_LENGTH && one.detect?.(text, file) === true),
  );
}

/** Reads a policy of whatever format. Throws PolicyError. */
export function readAs(
  format: Format,
  bytes: Uint8Array,
  text: string | undefined,
  options: ReadOptions,
): ReadResult {
  if (format.readBytes !== undefined) return format.readBytes(bytes, options);
  if (text === undefined) {
    throw new PolicyError(`${options.file} is not a text`, { advice: `${format.name} is a text in UTF-8` });
  }
  if (text.length > MAX_LENGTH) {
    throw new PolicyError(`${options.file} is too large`, { advice: 'a policy has at most 16 MB' });
  }
  return format.read!(text, options);
}

export function writeAs(format: Format, policy: Policy, options: WriteOptions): WriteResult {
  return format.write!(policy, options);
}
export { capabilitiesOf } from './capabilities.ts';
