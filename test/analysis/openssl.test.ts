// Names that OpenSSL looks up for others count, and its own do not make every string of every file one. Debian: libssl3, gcc.

import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { notTried } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, runsUnder } from './programs.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/libcrypto.so.3';
const folder = temporaryFolder('openssl');
const isHere = existsSync(LIBRARY);
if (!isHere) notTried('names that OpenSSL looks up', 'Debian package libssl3');

const head = `
  #include <stdio.h>
  void *DSO_load(void *, const char *, void *, int), *DSO_bind_func(void *, const char *), *DSO_global_lookup(const char *);
  int RAND_bytes(unsigned char *, int);
  typedef int (*function)(const char *);
`;
/** The libraries of the process are searched, of which one has it. */
const load = 'void *library = DSO_load(0, "libc.so.6", 0, 1);';

describe.skipIf(!isHere)('a program that has the name of swapoff(2) and uses OpenSSL', () => {
  test.each([
    [
      'it looks up nothing',
      'unsigned char text[4]; return puts("swapoff") < 0 || RAND_bytes(text, 4) != 1;',
      false,
    ],
    [
      'OpenSSL looks up another name for it',
      `${load} return !DSO_bind_func(library, "puts") + (puts("swapoff") < 0);`,
      false,
    ],
    [
      'OpenSSL looks it up',
      `${load} return ((function)DSO_bind_func(library, "swapoff"))("/nowhere") != -1;`,
      true,
    ],
    [
      'OpenSSL looks it up everywhere',
      'return ((function)DSO_global_lookup("swapoff"))("/nowhere") != -1;',
      true,
    ],
    [
      'OpenSSL looks up what the command line says',
      'puts("swapoff"); function found = count > 1 ? DSO_global_lookup(words[1]) : 0; return found ? found("/nowhere") : 0;',
      true,
    ],
    [
      'a function of OpenSSL that looks up is handed on',
      'void *(*volatile ask)(const char *) = DSO_global_lookup; puts("swapoff"); return ask(words[0]) != 0;',
      true,
    ],
  ])('%s', (name, body, isPossible) => {
    const program = join(folder, name.replaceAll(/\W/g, '-'));
    writeFileSync(`${program}.c`, `${head} int main(int count, char **words) { ${body} }`);
    execFileSync('gcc', ['-O2', '-w', '-o', program, `${program}.c`, LIBRARY]);
    const analysis = analysisOf(program);
    expect(analysis.calls.has('swapoff')).toBe(isPossible);
    runsUnder(policyOfAnalysis(analysis), program);
  });
});
