// Images and containers of this suite, with Debian's buildah, podman and runc, without a daemon and without a network for the
// containers. setup.ts has made what they build on.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const made = inject('containers');
const { storage, work } = 'storage' in made ? made : { storage: [], work: '' };

/** Why containers cannot be run here; undefined if they can. */
export const unavailable = 'storage' in made ? undefined : made.unavailable;

/** Builds an image. `files`: where in the image → the file or folder here. Its name. */
export function buildImage(
  name: string,
  files: Readonly<Record<string, string>>,
  dockerfile: string,
): string {
  const folder = join(work, name);
  for (const [target, source] of Object.entries(files)) {
    const place = join(folder, 'root', target);
    mkdirSync(dirname(place), { recursive: true });
    cpSync(realpathSync(source), place, { recursive: true });
  }
  mkdirSync(join(folder, 'root', 'tmp'), { recursive: true });
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\nCOPY root /\n${dockerfile}\n`);
  execFileSync('buildah', [...storage, 'bud', '--isolation', 'chroot', '-t', name, folder], {
    stdio: 'pipe',
  });
  return name;
}

/** The program and all libraries that it loads, by their paths. */
export function withLibraries(program: string): Record<string, string> {
  const text = spawnSync('ldd', [program], { encoding: 'utf8' }).stdout;
  const libraries = [...text.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!);
  return Object.fromEntries([program, ...libraries].map((path) => [path, path]));
}

export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** podman's options for a container here. The limits are what a machine without CAP_SYS_RESOURCE can set. */
export const runOptions = ['--network=none', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

/** Runs the image's entry point with further words. */
export function runImage(
  name: string,
  words: readonly string[] = [],
  options: readonly string[] = [],
  runtime = 'runc',
): Ending {
  return shell('"$@"', [...podman(runtime), 'run', '--rm', ...runOptions, ...options, name, ...words]);
}

/** podman's words up to its command. */
export function podman(runtime = 'runc'): readonly string[] {
  return ['podman', ...storage, '--cgroup-manager', 'cgroupfs', '--runtime', runtime];
}

/** A script of sh whose `$@` are the words, where runtimes can work: a test machine may have the hybrid kind of cgroups. */
export function shell(script: string, words: readonly string[]): Ending {
  const whole = `umount /sys/fs/cgroup/unified 2>/dev/null; ${script}`;
  const result = spawnSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', whole, 'sh', ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
