// Real images, built and run with Debian's buildah, podman and runc, without a daemon and without a network. Each image is
// `FROM scratch` with files of this machine, so nothing is fetched.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const work = mkdtempSync(join(tmpdir(), 'sandbox-run-containers-'));
const storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'];
afterAll(() => rmSync(work, { recursive: true, force: true }));

const missing = ['buildah', 'podman', 'runc', 'busybox'].filter(
  (tool) => spawnSync('which', [tool]).status !== 0,
);

/** Why containers cannot be run here; undefined if they can. */
export const unavailable =
  process.getuid?.() !== 0
    ? 'needs root'
    : missing.length > 0
      ? `needs Debian packages podman buildah runc busybox-static (missing: ${missing.join(', ')})`
      : undefined;
if (unavailable !== undefined && process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined)
  throw new Error(unavailable);

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

/** Runs the image's entry point with further words. cgroups are left alone, since a test machine may have the hybrid kind;
 * the limits are what a machine without CAP_SYS_RESOURCE can set. */
export function runImage(
  name: string,
  words: readonly string[] = [],
  options: readonly string[] = [],
): Ending {
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  const podman = ['podman', ...storage, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc'];
  const run = ['run', '--rm', '--network=none', ...limits, ...options, name, ...words];
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
  const result = spawnSync(
    'unshare',
    ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', ...podman, ...run],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}
