// One package, several Nodes: the addon is Node-API, so what was built or installed with one serves the later ones. Their programs
// are packages of their own.

import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { users } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { install, type Project } from './install.ts';
import { mustWork } from './uses.ts';

const VERSIONS = ['22.23.3', '24.21.0', '26.9.0'];

const user = users.at(-1)!;
let project: Project;
beforeAll(() => {
  project = install({ user });
  expect(project.installed).toMatchObject({ status: 0 });
});

test.for(VERSIONS)('Node %s', (version) => {
  const node = nodeOf(version);
  expect(project.start(node, ['--version'])).toMatchObject({ status: 0, stdout: `v${version}\n` });
  mustWork(project, node);
});

test('the least version that package.json names is the one that has require() of ES modules', () => {
  const { stdout } = project.start(process.execPath, [
    '-p',
    "require('sandbox-run/package.json').engines.node",
  ]);
  expect(stdout).toBe('>=20.19\n');
});

/** That Node's program. */
function nodeOf(version: string): string {
  const folder = temporaryFolder('node');
  chmodSync(folder, 0o755);
  const spec = `node-linux-${process.arch}@${version}`;
  const packed = spawnSync('npm', ['pack', '--prefer-offline', '--silent', spec], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (packed.status !== 0) throw new Error(packed.stderr);
  const unpacked = spawnSync('tar', ['xzf', packed.stdout.trim(), 'package/bin/node'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (unpacked.status !== 0) throw new Error(unpacked.stderr);
  return join(folder, 'package', 'bin', 'node');
}
