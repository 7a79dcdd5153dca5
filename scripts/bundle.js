// How the run path becomes one file: shared by the build and by tests that start the command from the sources as they are.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** esbuild's options for bin/sandbox-run.cjs's bundle. @param {string} outfile */
export function bundleOptions(outfile) {
  return {
    entryPoints: [join(root, 'lib', 'cli', 'start.ts')],
    outfile,
    bundle: true,
    format: /** @type {const} */ ('cjs'),
    platform: /** @type {const} */ ('node'),
    target: 'node20',
    charset: /** @type {const} */ ('ascii'),
    minifySyntax: true,
    minifyWhitespace: true,
    // bin/sandbox-run.cjs compiles the file as one function expression, as Node itself would after reading it.
    banner: { js: '(function (module, require, __filename) {' },
    footer: { js: '})' },
    // Only the ES module form asks for it (lib/native.ts, lib/cli/log.ts).
    define: { 'import.meta.url': '""' },
    logLevel: /** @type {const} */ ('warning'),
  };
}
