// What docs/install.md shows, run by a reader who has the tarball, npm's cache with the dependencies, and no network.

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { matches, readPage } from '../docs/page.ts';
import { runCommands } from '../docs/session.ts';
import { root } from '../kernel/stage.ts';
import { temporaryFolder } from '../support/temporary.ts';

test('docs/install.md', async () => {
  const page = readPage(readFileSync(join(root, 'docs', 'install.md'), 'utf8'), 'package');
  expect(page.steps.length).toBeGreaterThan(5);
  const folder = temporaryFolder('install');
  const { tarballs, cache, registry } = inject('packed');
  cpSync(tarballs[0], join(folder, basename(tarballs[0])));
  cpSync(cache, join(folder, '.npm'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  writeFileSync(
    join(folder, '.npmrc'),
    `registry=${registry}\noffline=true\nprogress=false\nupdate-notifier=false\nfund=false\naudit=false\n`,
  );
  const path = join(folder, 'bin');
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, 'node'));
  const commands = page.steps.flatMap((step) => (step.kind === 'command' ? [step] : []));
  const printed = await runCommands(
    commands.map(({ text }) => text),
    { folder, path, seconds: 170 },
  );
  const different = commands.flatMap(({ text, output }, at) =>
    matches(output, printed[at]!.lines) ? [] : [{ text, output, printed: printed[at]!.lines }],
  );
  expect(different).toEqual([]);
});
