#!/usr/bin/env node
// The thin entry. CommonJS, because that is what Node starts fastest; dist/start.cjs holds all that a plain run needs, and
// dist/start.cache the code that V8 made of it when the package was built. V8 refuses a cache of another version of
// itself or of other flags, and then reads the source.
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const dist = join(__dirname, '..', 'dist');
const filename = join(dist, 'start.cjs');

function read(file, encoding) {
  try {
    return readFileSync(join(dist, file), encoding);
  } catch {
    return undefined;
  }
}

// The bundle is ASCII, and one function expression.
const source = read('start.cjs', 'latin1');
if (source === undefined) {
  process.stderr.write('sandbox-run: dist/start.cjs is missing\n  run `npm run build` in the package\n');
  process.exit(125);
}
const cachedData = read('start.cache');
const script = new Script(source, { filename, cachedData });
const bundle = { exports: {} };
script.runInThisContext()(bundle, require, filename);

bundle.exports.start(process.argv.slice(2), (part) => import(`../dist/lib/cli/${part}.js`));

// scripts/build.js asks for the cache after a dry run, which has compiled nearly all that a run needs.
const cache = process.env.SANDBOX_RUN_MAKE_CACHE;
if (cache !== undefined) require('node:fs').writeFileSync(cache, script.createCachedData());
