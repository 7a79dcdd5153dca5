// The whole command as one folder that every user can read, made from the sources as they are now: the run path, the
// watchers and learn, bundled.

import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { root, stage } from '../kernel/stage.ts';

let made: string | undefined;

/** Path of bin/sandbox-run.cjs in the stage. */
export function wholeCommand(): string {
  if (made !== undefined) return made;
  const folder = join(stage, 'whole');
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  mkdirSync(join(folder, 'bin'), { recursive: true });
  for (const name of ['package.json', 'build/Release/sandbox_run.node', 'bin/sandbox-run.cjs'])
    copyFileSync(join(root, name), join(folder, name));
  const common = { bundle: true, platform: 'node', target: 'node20', absWorkingDir: root } as const;
  buildSync({
    ...common,
    entryPoints: ['lib/cli/start.ts'],
    outfile: join(folder, 'dist', 'start.cjs'),
    format: 'cjs',
    define: { 'import.meta.url': '""' },
    banner: { js: '(function (module, require, __filename) {' },
    footer: { js: '})' },
  });
  buildSync({
    ...common,
    entryPoints: ['watch', 'explained', 'learned'].map((name) => `lib/cli/${name}.ts`),
    outdir: join(folder, 'dist', 'lib', 'cli'),
    format: 'esm',
    // pino and yargs are CommonJS and ask for Node's own modules.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  });
  made = join(folder, 'bin', 'sandbox-run.cjs');
  return made;
}
