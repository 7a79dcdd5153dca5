// Functions of glibc's own name services run only where code looks up their names: who asks for users asks no name server.
// Debian: a C library from 2.34 on, which holds these services itself.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Analysis } from '../../lib/analysis/analyze.ts';
import { serviceFunctions } from '../../lib/analysis/code/name-services.ts';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { isReached, type Reach } from '../../lib/analysis/reach/reach.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, runsUnder } from './programs.ts';

const folder = temporaryFolder('name-services');

const head = `
  #define _GNU_SOURCE
  #include <aliases.h>
  #include <dlfcn.h>
  #include <grp.h>
  #include <netdb.h>
  #include <pwd.h>
  #include <stdio.h>
  #include <sys/socket.h>
  #include <unistd.h>
`;

function analysed(name: string, body: string): { analysis: Analysis; file: string } {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, `${head} int main(int count, char **words) { ${body} }`);
  execFileSync('gcc', ['-O2', '-w', '-o', file, `${file}.c`]);
  return { analysis: analysisOf(file), file };
}

function isServiceReached(reach: Reach, name: string): boolean {
  const found = reach.world.definitions.get(`_nss_${name}`) ?? [];
  expect(found.length).toBeGreaterThan(0);
  return found.some(({ module, symbol }) => isReached(reach, module, symbol.address));
}

test('who asks for a user asks no name server, from main on either', () => {
  const { analysis, file } = analysed(
    'user',
    'struct passwd *one = getpwnam("nobody"); return one == 0 || puts(one->pw_dir) < 0;',
  );
  for (const { reach } of [analysis, analysis.main!]) {
    expect(isServiceReached(reach, 'files_getpwnam_r')).toBe(true);
    expect(isServiceReached(reach, 'files_getaliasbyname_r')).toBe(false);
    expect(isServiceReached(reach, 'dns_gethostbyname4_r')).toBe(false);
    expect(isServiceReached(reach, 'dns_getnetbyname_r')).toBe(false);
  }
  runsUnder(policyOfAnalysis(analysis), file);
});

test.each([
  [
    'host',
    'struct addrinfo *list; return getaddrinfo("localhost", "http", 0, &list);',
    'dns_gethostbyname4_r',
  ],
  ['old-host', 'return gethostbyname("localhost") == 0;', 'dns_gethostbyname_r'],
  ['network', 'return getnetbyname("loopback") == 0;', 'dns_getnetbyname_r'],
  [
    'looked-up',
    'return ((struct hostent *(*)(const char *))dlsym(RTLD_DEFAULT, "gethostbyname"))("localhost") == 0;',
    'dns_gethostbyname_r',
  ],
  ['alias', 'return getaliasbyname("root") != 0;', 'files_getaliasbyname_r'],
  [
    'groups',
    'gid_t list[64]; int size = 64; return getgrouplist("nobody", 1, list, &size) < 0;',
    'files_initgroups_dyn',
  ],
  ['service', 'return getservbyname("http", "tcp") == 0;', 'files_getservbyname_r'],
  ['all-users', 'int all = 0; while (getpwent()) all++; endpwent(); return all == 0;', 'files_getpwent_r'],
])('a name that is asked for: %s', (name, body, service) => {
  const { analysis, file } = analysed(name, body);
  expect(isServiceReached(analysis.reach, service)).toBe(true);
  expect(isServiceReached(analysis.main!.reach, service)).toBe(true);
  runsUnder(policyOfAnalysis(analysis), file);
});

test('only functions of the C library’s own services are such', () => {
  const symbols = [
    ['_nss_dns_gethostbyname4_r', 1],
    ['_nss_files_setpwent', 2],
    ['_nss_files_endpwent', 2],
    ['_nss_files_parse_pwent', 3],
    ['_nss_files_init', 4],
    ['_nss_compat_getpwnam_r', 5],
  ].map(([name, address]) => ({ name: String(name), address: Number(address), defined: true }));
  expect(serviceFunctions('libc.so.6', symbols)).toEqual(
    new Map([
      [1, ['gethostbyname4_r']],
      [2, ['setpwent', 'endpwent']],
    ]),
  );
  expect(serviceFunctions('libnss_files.so.2', symbols).size).toBe(0);
  expect(serviceFunctions(undefined, symbols).size).toBe(0);
});
