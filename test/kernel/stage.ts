// A folder that every user can read, with what the kernel tests start: C programs compiled on demand, and a copy of the
// faces (a checkout may lie where nobody but its owner can look). Removed after the test file that imports this.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll } from 'vitest';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const stage = mkdtempSync(join(tmpdir(), 'sandbox-run-test-'));
chmodSync(stage, 0o755);
afterAll(() => rmSync(stage, { recursive: true, force: true }));

/** How a program is linked. i386 needs gcc-12-multilib and libc6-dev-i386. */
export const linkings = {
  'dynamic PIE': ['-fPIE', '-pie'],
  'dynamic non-PIE': ['-fno-pie', '-no-pie'],
  static: ['-fno-pie', '-static'],
  'static PIE': ['-fPIE', '-static-pie'],
  // gcc-multilib's link to asm conflicts with Debian's cross compilers, so the headers are named.
  i386: ['-m32', '-idirafter', '/usr/include/x86_64-linux-gnu'],
  // Built with musl-gcc, of Debian's musl-tools.
  'musl PIE': ['-fPIE', '-pie'],
  'musl non-PIE': ['-fno-pie', '-no-pie'],
  'musl static': ['-fno-pie', '-static'],
  'musl static PIE': ['-fPIE', '-static-pie'],
} as const;
export type Linking = keyof typeof linkings;

/** Whether i386 programs can be built here. Where all tools are required (.ci/run) they must be. */
export const canBuild32 =
  process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined ||
  spawnSync('gcc', ['-m32', '-x', 'c', '-', '-o', '/dev/null'], { input: 'int main(void) { return 0; }' })
    .status === 0;

const built = new Map<string, string>();

/** Path of test/kernel/programs/NAME.c, or of test/NAME.c for a name with a slash, compiled. Throws with the compiler's words. */
export function program(name: string, linking: Linking = 'dynamic PIE', ...more: string[]): string {
  const key = [name, linking, ...more].join(' ');
  const known = built.get(key);
  if (known !== undefined) return known;
  const output = join(stage, `${basename(name)}-${built.size}`);
  const plain = join(root, 'test', ...(name.includes('/') ? [name] : ['kernel', 'programs', name]));
  const isCxx = existsSync(`${plain}.cc`);
  const source = isCxx ? `${plain}.cc` : `${plain}.c`;
  const options = ['-O1', '-Wall', '-Wextra', '-Werror', '-pthread', ...linkings[linking], ...more];
  const result = spawnSync(
    linking.startsWith('musl') ? 'musl-gcc' : isCxx ? 'g++' : 'gcc',
    [...options, source, '-o', output],
    { encoding: 'utf8' },
  );
  if (result.status !== 0) {
    const hint =
      linking === 'i386' ? '; i386 programs need Debian packages gcc-12-multilib and libc6-dev-i386' : '';
    throw new Error(`gcc could not build ${name} (${linking})${hint}: ${result.error ?? result.stderr}`);
  }
  built.set(key, output);
  return output;
}

let files = 0;

/** A new file with that text, readable by everybody. Its path. */
export function file(text: string | Uint8Array, name = `file-${files++}`, mode = 0o644): string {
  const path = join(stage, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const staged = new Map<string, string>();

/** test/kernel/entry.ts as one file with the addon where it looks for it. Its path. */
export function stagedEntry(): string {
  return once('entry', (folder) => bundle('test/kernel/entry.ts', join(folder, 'entry.cjs')));
}

/** The command as it runs programs, bundled from the sources as they are now and not from a dist/ that may be older. Its path. */
export function stagedCommand(): string {
  return once('command', (folder) => bundledCommand(folder, 'plain'));
}

/** The same with all commands, the watchers and learn; in a folder of its own, whose dependencies are the checkout's. */
export function wholeCommand(): string {
  return once('whole', (folder) => {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    cpSync(join(root, 'presets'), join(folder, 'presets'), { recursive: true });
    return bundledCommand(folder);
  });
}

function bundledCommand(folder: string, ...words: readonly string[]): string {
  const script = join(root, 'scripts', 'bundle.js');
  const made = spawnSync(process.execPath, [script, join(folder, 'dist'), ...words], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`the command could not be bundled: ${made.stderr}`);
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(root, 'bin', 'sandbox-run.cjs'), join(folder, 'bin', 'sandbox-run.cjs'));
  return join(folder, 'bin', 'sandbox-run.cjs');
}

/** The launcher without Node, as it was built. */
export function stagedLauncher(): string {
  return once('launcher', (folder) => join(folder, 'build', 'Release', 'sandbox-launch'));
}

/** The library for LD_PRELOAD, as it was built. */
export function stagedLibrary(): string {
  return once('library', (folder) => join(folder, 'build', 'Release', 'libsandbox.so'));
}

function once(name: string, make: (folder: string) => string): string {
  const known = staged.get(name);
  if (known !== undefined) return known;
  const folder = join(stage, name);
  stageAddon(folder);
  const path = make(folder);
  staged.set(name, path);
  return path;
}

function bundle(source: string, outfile: string): string {
  buildSync({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    define: { 'import.meta.url': '""' },
  });
  return outfile;
}

/** package.json and the addon, as lib/native.ts expects them. */
function stageAddon(folder: string): void {
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  for (const name of [
    'package.json',
    'build/Release/sandbox_run.node',
    'build/Release/sandbox-launch',
    'build/Release/libsandbox.so',
  ])
    copyFileSync(join(root, name), join(folder, name));
}
