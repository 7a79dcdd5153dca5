// The commands of the documentation that need images: blocks with `in=containers`, run as test/docs runs the others. `docker`
// is here a name for podman and buildah with this suite's storage.

import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matches, readPage } from '../docs/page.ts';
import { runCommands } from '../docs/session.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { podman, root, runOptions, unavailable } from './image.ts';

const pages = readdirSync(join(root, 'docs')).flatMap((name) => {
  if (!name.endsWith('.md')) return [];
  const page = readPage(readFileSync(join(root, 'docs', name), 'utf8'), 'containers');
  return page.steps.length === 0 ? [] : [{ name, page }];
});

describe.skipIf(unavailable !== undefined)('documentation', () => {
  test.each(pages)('docs/$name prints what it shows', async ({ page }) => {
    const folder = temporaryFolder('page');
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    const path = commands(temporaryFolder('docker'));
    const files = page.steps.filter((step) => step.kind === 'file');
    for (const { name, text } of files) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const steps = page.steps.filter((step) => step.kind === 'command');
    const printed = await runCommands(
      steps.map((step) => step.text),
      { folder, path, seconds: 110 },
    );
    const different = steps.flatMap(({ line, text, output }, index) =>
      matches(output, printed[index]!.lines) ? [] : [{ line, text, output, printed: printed[index]!.lines }],
    );
    expect(different).toEqual([]);
  });
});

/** A folder with `docker` and `sandbox-run`. */
function commands(folder: string): string {
  const tool = podman();
  const storage = tool.slice(1, tool.indexOf('--cgroup-manager')).join(' ');
  writeFileSync(
    join(folder, 'docker'),
    `#!/bin/sh
command=$1; shift
case $command in
build) exec buildah ${storage} bud --isolation chroot --layers --pull-never --quiet "$@" >/dev/null ;;
run) set -- run ${runOptions.join(' ')} "$@" ;;
*) set -- "$command" "$@" ;;
esac
exec unshare -m --propagation private sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh ${tool.join(' ')} "$@"
`,
    { mode: 0o755 },
  );
  symlinkSync(join(root, 'bin', 'sandbox-run.cjs'), join(folder, 'sandbox-run'));
  symlinkSync(process.execPath, join(folder, 'node'));
  return folder;
}
