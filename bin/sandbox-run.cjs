#!/usr/bin/env node
// The thin entry. CommonJS, because that is what Node starts fastest; dist/start.cjs holds all that a plain run needs. Beside each
// bundle there may be a .cache with the code that V8 made of it (scripts/keep-code.js). V8 refuses a cache of another version
// of itself or of other flags, and then reads the source.
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const dist = join(__dirname, '..', 'dist');

function read(file, encoding) {
  try {
    return readFileSync(join(dist, file), encoding);
  } catch {
    return undefined;
  }
}

/** Brings in a bundle: ASCII, and one function expression. */
function load(name) {
  const source = read(`${name}.cjs`, 'latin1');
  if (source === undefined) {
    process.stderr.write(
      `sandbox-run: dist/${name}.cjs is missing\n  install the package again, or run \`npm run build\` in a checkout\n`,
    );
    process.exit(125);
  }
  const filename = join(dist, `${name}.cjs`);
  const script = new Script(source, { filename, cachedData: read(`${name}.cache`) });
  const bundle = { exports: {} };
  script.runInThisContext()(bundle, require, filename, load);
  return bundle.exports;
}

load('start').start(process.argv.slice(2), (part) => load('parts')[part]);
