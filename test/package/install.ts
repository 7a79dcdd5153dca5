// Fresh projects that the package is installed into: offline, from nothing but the tarball and npm's cache, as the users whom the
// kernel tests know, on a PATH with a compiler or without one.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { inject } from 'vitest';
import type { User } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

export type Ending = SpawnSyncReturns<string>;

/** What a PATH offers: Node and a shell alone, or all that this machine has. */
export type Tools = 'no compiler' | 'a compiler';

export interface Project {
  /** The project's folder. */
  readonly folder: string;
  /** The package in it. */
  readonly package: string;
  /** What npm said. */
  readonly installed: Ending;
  /** Runs something in it, as its user and on its PATH; or with another Node first on it. */
  start(command: string, words: readonly string[], node?: string): Ending;
  /** npm in it. */
  npm(...words: readonly string[]): Ending;
}

export interface How {
  readonly tarball?: string;
  readonly user: User;
  readonly tools?: Tools;
  readonly ignoreScripts?: boolean;
}

/** Installs into a new folder. Does not fail where npm does: that is what `installed` tells. */
export function install({ tarball, user, tools = 'no compiler', ignoreScripts = false }: How): Project {
  const folder = temporaryFolder('project');
  const home = join(folder, 'home');
  const { tarballs, cache, registry } = inject('packed');
  cpSync(cache, join(home, '.npm'), { recursive: true });
  writeFileSync(
    join(home, '.npmrc'),
    `registry=${registry}\nupdate-notifier=false\nfund=false\naudit=false\n`,
  );
  const project = join(folder, 'app');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  cpSync(tarball ?? tarballs[0], join(project, 'sandbox-run.tgz'));
  giveTo(user, folder);
  const path = tools === 'a compiler' ? '/usr/local/bin:/usr/bin:/bin' : bare();
  const start: Project['start'] = (command, words, node) =>
    spawnSync(command, words, {
      cwd: project,
      encoding: 'utf8',
      timeout: 150_000,
      env: { HOME: home, PATH: node === undefined ? path : `${dirname(node)}:${path}` },
      ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid! }),
    });
  const npm = (...words: readonly string[]) => start(process.execPath, [npmCli, ...words]);
  const options = ['--offline', '--no-save', ...(ignoreScripts ? ['--ignore-scripts'] : [])];
  const installed = npm('install', ...options, './sandbox-run.tgz');
  return { folder: project, package: join(project, 'node_modules', 'sandbox-run'), installed, start, npm };
}

/** The same package with something changed; path of the new tarball. */
export function repacked(change: (folder: string) => void): string {
  const folder = temporaryFolder('repacked');
  const [tarball] = inject('packed').tarballs;
  must(spawnSync('tar', ['xzf', tarball, '-C', folder], { encoding: 'utf8' }));
  change(join(folder, 'package'));
  const made = join(folder, 'changed.tgz');
  must(spawnSync('tar', ['czf', made, '-C', folder, 'package'], { encoding: 'utf8' }));
  chmodSync(folder, 0o755);
  return made;
}

function must({ status, stderr }: Ending): void {
  if (status !== 0) throw new Error(stderr);
}

/** npm's own script, so that no PATH is needed to find it. */
const npmCli = resolve(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');

let made: string | undefined;

/** A folder with Node and a shell. */
function bare(): string {
  if (made !== undefined) return made;
  made = temporaryFolder('path');
  chmodSync(made, 0o755);
  symlinkSync(process.execPath, join(made, 'node'));
  symlinkSync('/bin/sh', join(made, 'sh'));
  return made;
}

function giveTo(user: User, folder: string): void {
  if (user.uid === undefined) return;
  chownSync(folder, user.uid, user.gid!);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, name), user.uid, user.gid!);
}
