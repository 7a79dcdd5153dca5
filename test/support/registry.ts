// The packages that `npm install sandbox-run` fetches, served from this checkout: sandbox-run as `npm pack` makes it, and its
// dependencies as package-lock.json has them and node_modules holds them. So Dockerfiles and documentation can say what a
// customer's would, and nothing leaves the machine.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly version: string;
}

interface Locked {
  readonly dev?: boolean;
}

/** Listens on the loopback. `own`: the folder of the unpacked package itself. */
export async function startRegistry(root: string, own: string): Promise<{ url: string; server: Server }> {
  const folders = new Map<string, Map<string, string>>();
  const add = (folder: string) => {
    const { name, version } = manifestOf(folder);
    folders.set(name, (folders.get(name) ?? new Map()).set(version, folder));
  };
  add(own);
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  for (const [path, { dev }] of Object.entries(lock.packages))
    if (path !== '' && dev !== true && existsSync(join(root, path))) add(join(root, path));

  const server = createServer((request, response) => {
    const [name = '', tarball] = decodeURIComponent(request.url ?? '')
      .slice(1)
      .split('/-/');
    const versions = folders.get(name);
    if (versions === undefined) return void response.writeHead(404).end();
    if (tarball !== undefined) return sendTarball(versions.get(tarball.replace(/\.tgz$/, '')), response);
    const base = `http://${request.headers.host}/${encodeURIComponent(name)}/-/`;
    const all = [...versions].map(([version, folder]) => [
      version,
      { ...manifestOf(folder), dist: { tarball: `${base}${version}.tgz` } },
    ]);
    const latest = [...versions.keys()].at(-1);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(all) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function sendTarball(folder: string | undefined, response: ServerResponse): void {
  if (folder === undefined) return void response.writeHead(404).end();
  const words = ['-C', folder, '--exclude=./node_modules', '--transform=s,^\\.,package,', '-czf', '-', '.'];
  spawn('tar', words, { stdio: ['ignore', 'pipe', 'inherit'] }).stdout.pipe(response);
}

/** What `npm pack` makes of this checkout, unpacked into `folder`, with the native part prebuilt. */
export function packedPackage(root: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const npm = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  execFileSync('npm', npm, { cwd: root, stdio: 'pipe' });
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  execFileSync('tar', ['-C', folder, '-xzf', join(folder, file!)]);
  const own = join(folder, 'sandbox-run');
  renameSync(join(folder, 'package'), own);
  const prebuilt = join(own, 'prebuilds', `linux-${process.arch}`);
  for (const name of ['sandbox_run.node', 'sandbox-launch', 'libsandbox.so'])
    if (!existsSync(join(prebuilt, name))) cpSync(join(root, 'build/Release', name), join(prebuilt, name));
  return own;
}
