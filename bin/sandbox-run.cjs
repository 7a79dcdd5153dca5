#!/usr/bin/env node
// CommonJS, because that is what Node starts fastest. dist/start.cjs holds all that a plain run needs.
'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const bundle = join(__dirname, '..', 'dist', 'start.cjs');
if (!existsSync(bundle)) {
  process.stderr.write('sandbox-run: dist/ is missing\n  run `npm run build` in the package\n');
  process.exit(125);
}
require(bundle).start(process.argv.slice(2), () => import('../dist/lib/cli/main.js'));
