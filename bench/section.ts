// What a section of the bench is: one question, measured side by side in one run, answered as Markdown. A new one is a file in
// sections/ and a row in sections/index.ts.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePolicy } from '../lib/policy/language/parse.ts';
import type { Policy } from '../lib/policy/model.ts';

export interface Section {
  /** What it is called on the command line: `npm run bench -- startup`. */
  readonly name: string;
  readonly title: string;
  readonly needs: readonly Need[];
  /** Markdown below the title. */
  run(places: Places): Promise<string> | string;
}

/** A Debian package, and how to see that it, or the same from elsewhere, is there. */
export interface Need {
  readonly package: string;
  isThere(): boolean;
}

export interface Places {
  /** This folder. */
  readonly bench: string;
  /** For what is built and measured; removed afterwards. */
  readonly scratch: string;
}

export const needs = {
  gcc: { package: 'gcc libc6-dev', isThere: () => hasCommand('gcc') && hasHeader('stdio.h') },
  libseccomp: { package: 'libseccomp-dev', isThere: () => hasHeader('seccomp.h') },
  bubblewrap: { package: 'bubblewrap', isThere: () => hasCommand('bwrap') },
} satisfies Record<string, Need>;

export function hasCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function hasHeader(name: string): boolean {
  return existsSync(join('/usr/include', name));
}

/** Builds native/NAME.c and gives the program's path. Throws with the compiler's words. */
export function buildHelper({ bench, scratch }: Places, name: string, ...options: string[]): string {
  const output = join(scratch, name);
  if (existsSync(output)) return output;
  const source = join(bench, 'native', `${name}.c`);
  const result = spawnSync('gcc', ['-O2', '-Wall', '-Wextra', source, '-o', output, ...options], {
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`gcc could not build ${source}: ${result.error ?? result.stderr}`);
  return output;
}

/** What a helper prints. Throws with its words if it fails. */
export function runHelper(program: string, words: readonly string[], input = ''): string {
  const result = spawnSync(program, words, {
    input,
    encoding: 'utf8',
    env: measuringEnvironment(),
    maxBuffer: 1 << 26,
  });
  if (result.status !== 0)
    throw new Error(
      `${program} ended with ${result.status ?? result.signal}: ${result.error ?? result.stderr}`,
    );
  return result.stdout;
}

/** Without what makes every start of Node slower (reading certificates, 50 ms) or changes what is started. */
export function measuringEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, NODE_OPTIONS: __, ...rest } = process.env;
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('SECCOMP_')));
}

/** One of bench/policies/. */
export function benchPolicy({ bench }: Places, name: string): Policy {
  return parsePolicy(readFileSync(join(bench, 'policies', `${name}.policy`), 'utf8'), { file: name });
}

/** The five policies, with what to call them. */
export const benchPolicies = [
  { file: 'a-thirteen', label: 'a: thirteen calls' },
  { file: 'b-docker', label: 'b: Docker’s profile' },
  { file: 'c-system-service', label: 'c: @system-service' },
  { file: 'd-arguments', label: 'd: checked arguments' },
  { file: 'e-deny-twenty', label: 'e: twenty denied' },
] as const;

/** A Markdown table; numbers stand on the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
