// Made once for the whole suite: storage for images, local stand-ins for `debian:12-slim` and `node:20-slim` (Debian's own
// debootstrap; Node as it runs here, in the places of the official image), and the images of examples/docker. Everything is
// removed at the end.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { packedPackage, startRegistry } from '../support/registry.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Options of podman and buildah that say where the images are; why there are none; where to put files. */
    containers: { storage: readonly string[]; work: string } | { unavailable: string };
  }
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tools = [
  'buildah',
  'podman',
  'runc',
  'crun',
  'busybox',
  'debootstrap',
  'catatonit',
  'tini',
  'dumb-init',
];

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
  const unavailable =
    process.getuid?.() !== 0
      ? 'needs root'
      : missing.length > 0
        ? `needs Debian packages podman buildah runc crun busybox-static debootstrap catatonit tini dumb-init (missing: ${missing.join(', ')})`
        : undefined;
  if (unavailable !== undefined) {
    if (process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined) throw new Error(unavailable);
    project.provide('containers', { unavailable });
    return undefined;
  }
  const work = mkdtempSync(join(tmpdir(), 'sandbox-run-containers-'));
  const storage = [
    ...['--root', join(work, 'storage'), '--runroot', join(work, 'run')],
    ...['--storage-driver', overlayWorks(work) ? 'overlay' : 'vfs'],
  ];
  // Not synchronously: there are a hundred thousand files, and vitest waits for its workers meanwhile.
  const remove = async () => {
    spawnSync('podman', [...storage, 'rm', '--all', '--force', '--time', '0']);
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const { url, server } = await startRegistry(root, packedPackage(root, join(work, 'package')));
    makeBases(work, storage, url);
    for (const name of readdirSync(join(root, 'examples/docker'))) await buildExample(work, storage, name);
    server.close();
  } catch (error) {
    await remove();
    throw error;
  }
  project.provide('containers', { storage, work });
  return remove;
}

function overlayWorks(work: string): boolean {
  const folders = ['lower', 'upper', 'inner', 'merged'].map((name) => join(work, 'overlay', name));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const [lower, upper, inner, merged] = folders;
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${inner}`;
  return (
    spawnSync('unshare', ['-m', 'mount', '-t', 'overlay', 'overlay', '-o', options, merged!]).status === 0
  );
}

function makeBases(work: string, storage: readonly string[], registry: string): void {
  const base = join(work, 'base');
  execFileSync('debootstrap', ['--variant=minbase', 'bookworm', base], { stdio: 'pipe' });
  // What the official slim image leaves out.
  for (const name of [
    'var/cache/apt',
    'var/lib/apt/lists',
    'usr/share/doc',
    'usr/share/man',
    'usr/share/locale',
  ])
    rmSync(join(base, name), { recursive: true, force: true });
  importImage(work, storage, base, 'docker.io/library/debian:12-slim', []);

  const local = join(base, 'usr/local');
  cpSync(process.execPath, join(local, 'bin/node'));
  const npm = join(dirname(dirname(process.execPath)), 'lib/node_modules/npm');
  cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  mkdirSync(join(local, 'etc'), { recursive: true });
  writeFileSync(join(local, 'etc/npmrc'), `registry=${registry}\naudit=false\nfund=false\n`);
  execFileSync('chroot', [base, 'useradd', '--uid', '1000', '--create-home', 'node']);
  importImage(work, storage, base, 'docker.io/library/node:20-slim', ['CMD ["node"]']);
  rmSync(base, { recursive: true });
}

function importImage(
  work: string,
  storage: readonly string[],
  folder: string,
  name: string,
  changes: readonly string[],
): void {
  const archive = join(work, 'image.tar');
  execFileSync('tar', ['--numeric-owner', '-C', folder, '-cf', archive, '.']);
  const change = changes.flatMap((one) => ['--change', one]);
  execFileSync('podman', [...storage, 'import', '--quiet', ...change, archive, name], { stdio: 'pipe' });
  rmSync(archive);
}

/** An example's image, under the example's name. Not synchronously: the registry of this process serves the build. */
async function buildExample(work: string, storage: readonly string[], name: string): Promise<void> {
  const folder = join(work, 'examples', name);
  cpSync(join(root, 'examples/docker', name), folder, { recursive: true });
  // The static program that its author would have built.
  if (name === 'scratch') {
    execFileSync('gcc', ['-static', '-Os', '-o', join(folder, 'app'), join(folder, 'app.c')]);
    chmodSync(join(folder, 'app'), 0o755);
  }
  const words = [...storage, 'bud', '--isolation', 'chroot', '--layers', '--pull-never', '-t', name, folder];
  const child = spawn('buildah', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0) throw new Error(`examples/docker/${name} could not be built:\n${output}`);
}
