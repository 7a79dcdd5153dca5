// The way of the README's first reader: the package from npm. Its blocks with `in=package` are run in an empty folder, where npm
// fetches from a registry on the loopback.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { readPage } from '../docs/page.ts';
import { differences } from '../docs/run.ts';
import { root } from '../kernel/stage.ts';
import { startRegistry } from '../support/registry.ts';
import { temporaryFolder } from '../support/temporary.ts';

const page = readPage(readFileSync(join(root, 'README.md'), 'utf8'), 'package');
let registry: { url: string; server: Server };

beforeAll(async () => {
  const unpacked = temporaryFolder('unpacked');
  execFileSync('tar', ['-xzf', inject('packed').tarballs[0], '-C', unpacked]);
  registry = await startRegistry(root, join(unpacked, 'package'));
});

afterAll(() => void registry.server.close());

test('from npm to a program in its sandbox, as the README says', async () => {
  const path = temporaryFolder('commands');
  for (const name of ['node', 'npm', 'npx'])
    symlinkSync(join(dirname(process.execPath), name), join(path, name));
  const folder = join(temporaryFolder('reader'), 'app');
  mkdirSync(folder);
  const env = { npm_config_registry: registry.url, npm_config_update_notifier: 'false' };
  expect(page.steps.length).toBeGreaterThan(1);
  expect(page.steps.length).toBeLessThan(4);
  expect(await differences(page, { folder, path, env })).toEqual([]);
});
