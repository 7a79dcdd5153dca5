// How the command becomes a few files in dist/: shared by the build and by tests that start it from the sources as they are.
// Each is CommonJS in one function expression that bin/sandbox-run.cjs compiles (with V8's code from keep-code.js), because
// reading a hundred modules takes longer than all that they do.
//
//   start.cjs    all that a plain run needs, and no more
//   parts.cjs    commands and help (with yargs), learn, --explain, --auto: each is set up when it is first asked for
//   formats.cjs  the other formats' code, which is as long as the run path, for files that need it
//   pino.cjs     the log's library, for the first line that is really written
//   watch.cjs    the process beside a program that is watched: a script of its own, started by Node itself
//   report/      what the report of an analysis shows its data with (lib/analysis/report/html.ts)
//   tables/      the tables (the kernel's in lib/linux/data, and others) are most of the text, and a start needs one or two of
//                them, so each is a file that is read when the table is first looked into

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { licences } from './licences.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lib = join(root, 'lib');

/** What bin/sandbox-run.cjs may ask for in parts.cjs (Parts in lib/cli/start.ts), and where it is. */
const PARTS = ['main', 'explained', 'learned', 'analyzed'];

/** Writes all of it into a folder. `plain`: only what a plain run loads. Gives the third-party packages whose code is in it.
 * @param {string} folder @param {{ plain?: boolean }} [options] @returns {Promise<string>} their licences, as a text */
export async function bundleCommand(folder, { plain = false } = {}) {
  const tables = tablesBeside(folder);
  const inputs = await Promise.all([
    bundle(join(folder, 'start.cjs'), {
      entryPoints: [join(lib, 'cli', 'start.ts')],
      plugins: [tables, formatsBeside, pinoBeside],
    }),
    bundle(join(folder, 'formats.cjs'), {
      entryPoints: [join(lib, 'formats', 'index.ts')],
      plugins: [tables, fromStart],
      inner: ['module.exports = (shared) => { const module = {};', 'return module.exports; };'],
    }),
    bundle(join(folder, 'pino.cjs'), { entryPoints: ['pino'] }),
    ...(plain
      ? []
      : [
          bundle(join(folder, 'parts.cjs'), {
            stdin: { contents: partsEntry, resolveDir: join(lib, 'cli'), sourcefile: 'parts.js' },
            plugins: [tables, formatsBeside, pinoBeside, widthsLater],
          }),
          bundle(join(folder, 'watch.cjs'), {
            entryPoints: [join(lib, 'cli', 'watch.ts')],
            plugins: [tables],
            isScript: true,
          }),
        ]),
  ]);
  if (!plain) {
    mkdirSync(join(folder, 'report'), { recursive: true });
    for (const name of ['page.js', 'page.css'])
      copyFileSync(join(lib, 'analysis', 'report', name), join(folder, 'report', name));
  }
  return licences(root, inputs.flat());
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

const partsEntry = PARTS.map(
  (name) => `Object.defineProperty(exports, '${name}', { get: () => require('./${name}.ts') });`,
).join('\n');

/** One file. `inner`: what stands around it inside of the function. Gives the files it was made of.
 * @param {string} outfile
 * @param {import('esbuild').BuildOptions & { inner?: string[], isScript?: boolean }} how
 * @returns {Promise<string[]>} */
async function bundle(outfile, { inner: [before = '', after = ''] = [], isScript = false, ...how }) {
  const { metafile } = await build({
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // bin/sandbox-run.cjs reads one byte a character.
    charset: 'ascii',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    absWorkingDir: root,
    // Paths below the package go into the files, also where node_modules is a link.
    preserveSymlinks: true,
    // Loaded when they are first needed, from the package's dependencies.
    external: ['iced-x86', 'yaml'],
    // Only ES modules ask for it; all of ours look for __filename first.
    define: { 'import.meta.url': '__url', SANDBOX_RUN_BUILD: JSON.stringify(buildOf()) },
    outfile,
    ...how,
    banner: { js: `${isScript ? '' : '(function (module, require, __filename, load) {'}${ESM_URL}${before}` },
    footer: { js: `${after}${isScript ? '' : '})'}` },
  });
  return Object.keys(metafile.inputs);
}

/** Packages that are ES modules find their own files by it. */
const ESM_URL = "var __url = 'file://' + encodeURI(__filename), exports = module.exports;";

/** Modules that both bundles must have in common: what they hold is known by its identity. */
const SHARED = ['errors.ts', join('linux', 'abi.ts')];

/** In the start and the parts: the formats are another file, which gets the shared modules. @type {import('esbuild').Plugin} */
const formatsBeside = {
  name: 'formats',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\/formats\/index\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: 'formats', namespace: 'beside' } : undefined,
    );
    onLoad({ filter: /^formats$/, namespace: 'beside' }, () => {
      const shared = SHARED.map((name) => `'${name}': require('./${name}')`).join(', ');
      return { loader: 'js', resolveDir: lib, contents: `module.exports = load('formats')({ ${shared} });` };
    });
  },
};

/** In the start and the parts: pino is another file. @type {import('esbuild').Plugin} */
const pinoBeside = {
  name: 'pino',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^pino$/ }, () => ({ path: 'pino', namespace: 'beside' }));
    onLoad({ filter: /^pino$/, namespace: 'beside' }, () => ({
      loader: 'js',
      contents: `module.exports = load('pino');`,
    }));
  },
};

/** How wide a text is on a terminal: yargs needs that for help alone, and its setting up takes as long as a command. One version
 * instead of two, and when it is first called. @type {import('esbuild').Plugin} */
const widthsLater = {
  name: 'widths',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^string-width$/ }, ({ namespace }) =>
      namespace === 'later'
        ? resolve('./node_modules/string-width', { kind: 'require-call', resolveDir: root })
        : { path: 'string-width', namespace: 'later' },
    );
    onLoad({ filter: /^string-width$/, namespace: 'later' }, () => ({
      loader: 'js',
      resolveDir: root,
      contents: `let width;
module.exports = (...words) => (width ??= require('string-width').default)(...words);`,
    }));
  },
};

/** In the formats: the shared modules come from who loads them. @type {import('esbuild').Plugin} */
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

/** A shorter text than this is not worth a file. */
const SHORT = 1000;

/** esbuild's plugin for the modules in folders named data, which export texts. @param {string} folder @returns {import('esbuild').Plugin} */
function tablesBeside(folder) {
  return {
    name: 'tables',
    setup({ onLoad, onResolve }) {
      // In a namespace of their own, because a file of this package would have to be an ES module, which has no getters.
      onResolve({ filter: /^\.\/data\/[^/]+\.ts$/ }, ({ path, resolveDir }) => ({
        path: relative(root, join(resolveDir, path)),
        namespace: 'table',
      }));
      onLoad({ filter: /./, namespace: 'table' }, async ({ path }) => {
        const { code } = await transform(readFileSync(join(root, path), 'utf8'), {
          loader: 'ts',
          format: 'esm',
        });
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
  if (typeof text !== 'string') throw new Error(`table ${name} is no text`);
  if (text.length < SHORT) return `exports.${name} = ${JSON.stringify(text)};`;
  // Read as one byte a character, which is the fastest.
  if (/[^\0-\x7f]/.test(text)) throw new Error(`table ${name} is not ASCII`);
  mkdirSync(join(folder, 'tables'), { recursive: true });
  writeFileSync(join(folder, 'tables', `${name}.txt`), text);
  const path = `require('node:path').join(__filename, '../tables/${name}.txt')`;
  return `let ${name};
Object.defineProperty(exports, '${name}', {
  enumerable: true,
  get: () => (${name} ??= require('node:fs').readFileSync(${path}, 'latin1')),
});`;
}

// As a command of its own: node scripts/bundle.js FOLDER [plain].
if (argv[1] === fileURLToPath(import.meta.url)) {
  if (argv[2] === undefined) throw new Error('name the folder to write to');
  await bundleCommand(argv[2], { plain: argv[3] === 'plain' });
}
