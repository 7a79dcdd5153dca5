// PAM's modules: those that its configuration names for the services that a program asks for. Debian: libpam-modules, passwd, gcc.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Analysis } from '../../lib/analysis/analyze.ts';
import { pamModules, pamPrograms } from '../../lib/analysis/files/pam.ts';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, runsUnder } from './programs.ts';

const folder = temporaryFolder('pam');
const modulesOf = ({ reach }: Analysis) =>
  reach.world.modules.map(({ path }) => basename(path)).filter((one) => /^pam_/.test(one));

test('the files of a service, what they include, and that for all others', () => {
  const [own, vendor] = ['own', 'vendor'].map((one) => join(folder, one)) as [string, string];
  for (const one of [own, vendor]) mkdirSync(one);
  writeFileSync(
    join(own, 'door'),
    '# auth required pam_no.so\nauth [success=1 default=ignore] pam_one.so x # pam_no.so\n-session optional \\\n  pam_two.so\n@include common\naccount substack deep\n',
  );
  writeFileSync(join(own, 'common'), '@include common\nauth required /opt/x/pam_three.so\n');
  writeFileSync(join(vendor, 'deep'), 'auth include missing\nauth required pam_four.so\n');
  writeFileSync(join(vendor, 'other'), 'auth required pam_five.so\n');
  writeFileSync(join(vendor, 'window'), 'auth required pam_six.so\n');
  const seen = new Set<string>();
  const all = [...pamModules([], new Set(), [])!];
  const named = (services?: readonly string[]) =>
    [...pamModules(services, seen, [own, vendor])!].filter((one) => !all.includes(one)).sort();
  expect(named(['DOOR'])).toEqual([
    '/opt/x/pam_three.so',
    'pam_five.so',
    'pam_four.so',
    'pam_one.so',
    'pam_two.so',
  ]);
  expect(named(['/a/window'])).toEqual(['pam_five.so', 'pam_six.so']);
  expect(named(['none'])).toEqual(['pam_five.so']);
  expect(named()).toContain('pam_six.so');
  for (const one of [own, join(own, 'none'), join(vendor, 'missing')]) expect(seen.has(one), one).toBe(true);
  // What cannot be read, or is another path on each machine.
  mkdirSync(join(own, 'dark'));
  expect(pamModules(['dark'], seen, [own])).toBeUndefined();
  writeFileSync(join(own, 'isa'), 'auth required /lib/$ISA/pam_one.so\n');
  expect(pamModules(['isa'], seen, [own])).toBeUndefined();
});

test('a comment ends with its line, keywords have no case, and programs are named by their paths', () => {
  const own = join(folder, 'more');
  mkdirSync(own);
  const [there, late] = ['there', 'late'].map((one) => join(own, one)) as [string, string];
  writeFileSync(there, '#!/bin/sh\n');
  chmodSync(there, 0o755);
  writeFileSync(
    join(own, 'door'),
    `# see \\\nauth required pam_one.so\nauth Include second\nsession optional pam_exec.so quiet ${there}\n# ${own}/never\n`,
  );
  writeFileSync(
    join(own, 'second'),
    `auth required /opt/pam_two.so.1\nauth optional pam_exec.so ${late} x\n`,
  );
  const modules = pamModules(['door'], new Set(), [own])!;
  for (const one of ['pam_one.so', '/opt/pam_two.so.1', 'pam_exec.so']) expect(modules).toContain(one);
  const seen = new Set<string>();
  expect(pamPrograms(['door'], seen, [own])).toEqual([there]);
  expect(seen.has(late)).toBe(true);
  expect(seen.has(`${own}/never`)).toBe(false);
});

test('passwd loads what its service needs, and mounts nothing', () => {
  const analysis = analysisOf('/usr/bin/passwd', { also: ['@none'] });
  const loaded = modulesOf(analysis);
  expect(loaded).toContain('pam_unix.so');
  expect(loaded).not.toContain('pam_namespace.so');
  expect(analysis.calls.has('mount')).toBe(false);
  for (const one of ['/etc/pam.d', '/etc/pam.d/passwd', '/etc/pam.d/common-password'])
    expect(analysis.files).toContain(one);
});

const start =
  'struct conv { int (*f)(); void *p; } conv = { 0, 0 }; int pam_start(const char *, const char *, struct conv *, void **), pam_end(void *, int), pam_acct_mgmt(void *, int), pam_set_item(void *, int, const char *);';

test.each([
  ['a service that is not known', 'pam_start(words[0], "nobody", &conv, &handle);', true],
  [
    'one that is changed later',
    'pam_start("other", "nobody", &conv, &handle); pam_set_item(handle, 1, "login");',
    true,
  ],
  [
    'another item is set',
    'pam_start("other", "nobody", &conv, &handle); pam_set_item(handle, 3, "tty");',
    false,
  ],
])('%s', (name, body, isAny) => {
  const file = join(folder, name.replaceAll(' ', '-'));
  const source = `${start} int main(int count, char **words) { void *handle = 0; ${body} pam_acct_mgmt(handle, 0); return pam_end(handle, 0) < 0; }`;
  execFileSync(
    'gcc',
    ['-O2', '-w', '-x', 'c', '-', '-o', file, '-x', 'none', '/usr/lib/x86_64-linux-gnu/libpam.so.0'],
    {
      input: source,
    },
  );
  const analysis = analysisOf(file, { also: ['@none'] });
  // The service of login(1) has it (Debian: login).
  expect(modulesOf(analysis).includes('pam_loginuid.so')).toBe(isAny);
  expect(modulesOf(analysis)).toContain('pam_unix.so');
  runsUnder(policyOfAnalysis(analysis), file);
});
