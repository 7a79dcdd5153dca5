// The commands of the documentation that need images: blocks with `in=containers`, run as test/docs runs the others. `docker`
// is here a name for podman and buildah with this suite's storage.

import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPage } from '../docs/page.ts';
import { differences } from '../docs/run.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { podman, root, runOptions, unavailable } from './image.ts';

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].flatMap(
  (name) => {
    if (!name.endsWith('.md')) return [];
    const page = readPage(readFileSync(join(root, name), 'utf8'), 'containers');
    return page.steps.length === 0 ? [] : [{ name, page }];
  },
);

describe.skipIf(unavailable !== undefined)('documentation', () => {
  test.each(pages)('$name prints what it shows', async ({ page }) => {
    const folder = temporaryFolder('page');
    cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
    const path = commands(temporaryFolder('docker'));
    expect(await differences(page, { folder, path, seconds: 110 })).toEqual([]);
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
  // What npx finds where the package is installed.
  writeFileSync(join(folder, 'npx'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  return folder;
}
