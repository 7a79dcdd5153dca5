// Extensions of Python and addons of Node from users' own folders: each makes a call that nothing else makes, under the policy of
// an analysis. Debian: python3.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import type { Asked } from '../../lib/analysis/work.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('extensions');
const PYTHON = '/usr/bin/python3';
/** ustat(2), of a device that is not there, and a way to say that it was asked for. */
const call = `
  long ask(void) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(136L), "D"(0L), "S"(0L) : "rcx", "r11", "memory"); return r; }
  int puts(const char *); int fflush(void *);`;

function library(path: string, source: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(`${file}.c`, `${call}${source}`);
  execFileSync('gcc', ['-shared', '-fPIC', '-w', '-o', file, `${file}.c`]);
  return file;
}
const python = (path: string) =>
  library(path, 'void *PyInit_rare(void) { ask(); puts("asked"); fflush(0); return 0; }');
const SCRIPT = 'try:\n  import rare\nexcept SystemError: pass\n';

function runs(program: string, words: readonly string[], environment: Asked['environment']): void {
  const analysis = analysisOf(program, { words, environment, also: ['@none'] });
  expect(analysis.calls.has('ustat')).toBe(true);
  const sandbox = policyOfAnalysis(analysis);
  const { status, signal, stdout } = spawnSync(program, words, {
    sandbox,
    env: environment,
    encoding: 'utf8',
  });
  expect({ status, signal, stdout }).toEqual({ status: 0, signal: null, stdout: 'asked\n' });
}

const base = { PATH: '/usr/bin:/bin', HOME: join(folder, 'home') };

test('Python: a folder that PYTHONPATH names', () => {
  python('path/package/rare.so');
  const environment = { ...base, PYTHONPATH: join(folder, 'path') };
  runs(PYTHON, ['-c', `import sys; sys.path.append('${folder}/path/package')\n${SCRIPT}`], environment);
});

test('Python: a virtual environment', () => {
  const version = execFileSync(PYTHON, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  }).trim();
  python(`env/lib/python${version}/site-packages/rare.so`);
  mkdirSync(join(folder, 'env/bin'));
  symlinkSync(PYTHON, join(folder, 'env/bin/python3'));
  writeFileSync(join(folder, 'env/pyvenv.cfg'), 'home = /usr/bin\n');
  runs(join(folder, 'env/bin/python3'), ['-c', SCRIPT], base);
});

test('Python: beside the script', () => {
  python('beside/rare.so');
  writeFileSync(join(folder, 'beside/run.py'), SCRIPT);
  runs(PYTHON, [join(folder, 'beside/run.py')], base);
});

test('Node: a package beside the script', () => {
  library(
    'app/node_modules/rare/build/Release/rare.node',
    'void *napi_register_module_v1(void *e, void *x) { ask(); puts("asked"); fflush(0); return x; }',
  );
  writeFileSync(join(folder, 'app/run.js'), `require(${JSON.stringify('rare/build/Release/rare.node')});`);
  runs(process.execPath, [join(folder, 'app/run.js')], base);
});
