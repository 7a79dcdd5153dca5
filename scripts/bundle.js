// How the run path becomes one file, dist/start.cjs, and what lies beside it: shared by the build and by tests that start the
// command from the sources as they are.
//
// The other formats' code is as long as all the rest, and is a bundle of its own, dist/formats.cjs, for files that need it. The
// kernel's tables (lib/linux/data) are most of the text, and a start needs one or two of them. So each becomes a file of its
// own, dist/tables/NAME.txt, which is read when the table is first looked into. V8's code for the bundle is kept, too.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { argv, env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lib = join(root, 'lib');

/** Writes the bundle for bin/sandbox-run.cjs, and what it loads on demand beside it. @param {string} outfile @returns {Promise<void>} */
export async function bundleCommand(outfile) {
  const folder = dirname(outfile);
  await build({
    ...common,
    entryPoints: [join(lib, 'cli', 'start.ts')],
    outfile,
    // bin/sandbox-run.cjs compiles the file as one function expression, as Node itself would after reading it.
    banner: { js: '(function (module, require, __filename) {' },
    footer: { js: '})' },
    plugins: [tablesBeside(folder), formatsBeside],
  });
  await build({
    ...common,
    entryPoints: [join(lib, 'formats', 'index.ts')],
    outfile: join(folder, 'formats.cjs'),
    banner: { js: 'module.exports = (shared) => { const module = {};' },
    footer: { js: 'return module.exports; };' },
    plugins: [tablesBeside(folder), fromStart],
  });
}

/** A hash of all that an answer of ours can depend on: the sources, and the versions of what they use. */
function buildOf() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package.json')));
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  for (const name of files.sort()) hash.update(`${name}\0`).update(readFileSync(join(lib, name)));
  return hash.digest('base64url');
}

const common = {
  bundle: true,
  format: /** @type {const} */ ('cjs'),
  platform: /** @type {const} */ ('node'),
  target: 'node20',
  charset: /** @type {const} */ ('ascii'),
  minifySyntax: true,
  minifyWhitespace: true,
  // Only the ES module form asks for it (lib/native.ts, lib/cli/log.ts).
  define: { 'import.meta.url': '""', SANDBOX_RUN_BUILD: JSON.stringify(buildOf()) },
  logLevel: /** @type {const} */ ('warning'),
};

/** Modules that both bundles must have in common: what they hold is known by its identity. */
const SHARED = ['errors.ts', join('linux', 'abi.ts')];

/** In the start: the formats are the other bundle, which gets the shared modules. @type {import('esbuild').Plugin} */
const formatsBeside = {
  name: 'formats',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/formats\/index\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: 'formats', namespace: 'beside' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'beside' }, () => {
      const shared = SHARED.map((name) => `'${name}': require('./${name}')`).join(', ');
      const load = `require(require('node:path').join(__filename, '../formats.cjs'))`;
      return { loader: 'js', resolveDir: lib, contents: `module.exports = ${load}({ ${shared} });` };
    });
  },
};

/** In the formats: the shared modules come from the start. @type {import('esbuild').Plugin} */
const fromStart = {
  name: 'shared',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/(errors|abi)\.ts$/ }, ({ path, resolveDir }) => {
      const name = relative(lib, join(resolveDir, path));
      return SHARED.includes(name) ? { path: name, namespace: 'shared' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'shared' }, ({ path }) => ({
      loader: 'js',
      contents: `module.exports = shared['${path}'];`,
    }));
  },
};

/** V8's code for a bundle in the same package, made after a first run so that the functions of a run are in it.
 * @param {string} command bin/sandbox-run.cjs @param {string} cache the file to write @returns {void} */
export function keepCode(command, cache) {
  const policy = join(root, 'bench', 'policies', 'd-arguments.policy');
  const words = ['--dry-run', '--policy', policy, '--allow', 'read,write', '--', 'true'];
  const made = spawnSync(execPath, [command, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: env.PATH, SANDBOX_RUN_MAKE_CACHE: cache },
  });
  if (made.status !== 0) throw new Error(`${command} failed in its first run, with status ${made.status}`);
}

/** A shorter text than this is not worth a file. */
const SHORT = 1000;

/** esbuild's plugin for the modules of lib/linux/data, which export texts. @param {string} folder @returns {import('esbuild').Plugin} */
function tablesBeside(folder) {
  return {
    name: 'tables',
    setup({ onLoad, onResolve }) {
      // In a namespace of their own, because a file of this package would have to be an ES module, which has no getters.
      onResolve({ filter: /^\.\/data\/[^/]+\.ts$/ }, ({ path, resolveDir }) => ({
        path: join(resolveDir, path),
        namespace: 'table',
      }));
      onLoad({ filter: /./, namespace: 'table' }, async ({ path }) => {
        const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', format: 'esm' });
        const texts = Object.entries(await import(`data:text/javascript,${encodeURIComponent(code)}`));
        return {
          loader: 'js',
          contents: texts.map(([name, text]) => exportOf(folder, name, text)).join('\n'),
        };
      });
    },
  };
}

/** An export of such a module: a getter that reads the text when it is first asked for.
 * @param {string} folder @param {string} name @param {unknown} text */
function exportOf(folder, name, text) {
  if (typeof text !== 'string') throw new Error(`lib/linux/data: ${name} is no text`);
  if (text.length < SHORT) return `exports.${name} = ${JSON.stringify(text)};`;
  // Read as one byte a character, which is the fastest.
  if (/[^\0-\x7f]/.test(text)) throw new Error(`lib/linux/data: ${name} is not ASCII`);
  mkdirSync(join(folder, 'tables'), { recursive: true });
  writeFileSync(join(folder, 'tables', `${name}.txt`), text);
  const path = `require('node:path').join(__filename, '../tables/${name}.txt')`;
  return `let ${name};
Object.defineProperty(exports, '${name}', {
  enumerable: true,
  get: () => (${name} ??= require('node:fs').readFileSync(${path}, 'latin1')),
});`;
}

// As a command of its own: node scripts/bundle.js OUTFILE.
if (argv[1] === fileURLToPath(import.meta.url)) {
  if (argv[2] === undefined) throw new Error('name the file to write');
  await bundleCommand(argv[2]);
}
