// Libraries that are loaded while a program runs, from folders that are known. One row each: which library brings them
// (a name that it exports), and where they lie. Rows only ever add: a family that is not listed is reported by the call of
// dlopen that stays unexplained.

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Cut, eachLibrary } from './folders.ts';

export interface Family {
  readonly name: string;
  /** The family is in use where a loaded file defines this name, and code of that file which loads libraries is reached. */
  readonly exported: string;
  /** Folders, `*` for any part of a path, `**` for any depth, `%` for the folder of the file that defines the name; at the beginning `@`
   * and `~` for users' places (user-folders.ts). */
  readonly folders: readonly string[];
}

/** Who exports this is Python, or has it in it. */
export const PYTHON = 'PyModule_Create2';

const triplet = '/usr/lib/x86_64-linux-gnu';

/** Sources: the file lists of Debian 12's packages, and the manual pages of each system (gconv: iconv(1);
 * OpenSSL: provider(7); SASL: sasl_client_init(3); Python: sys.path; Perl: perlrun(1)). */
export const families: readonly Family[] = [
  { name: 'gconv', exported: 'iconv_open', folders: [`${triplet}/gconv`] },
  {
    name: 'OpenSSL providers',
    exported: 'OSSL_PROVIDER_load',
    folders: [`${triplet}/ossl-modules`, `${triplet}/engines-3`],
  },
  { name: 'SASL', exported: 'sasl_client_init', folders: [`${triplet}/sasl2`] },
  { name: 'SASL server', exported: 'sasl_server_init', folders: [`${triplet}/sasl2`] },
  {
    name: 'Python extensions',
    exported: PYTHON,
    folders: [
      '/usr/lib/python3*/lib-dynload',
      '%/../lib/python3*/lib-dynload',
      '/usr/lib/python3/dist-packages/**',
      '/usr/local/lib/python3*/dist-packages/**',
      '%/../lib/python3*/site-packages/**',
      '@/../lib/python3*/site-packages/**',
      '~/.local/lib/python3*/site-packages/**',
    ],
  },
  {
    name: 'Perl extensions',
    exported: 'Perl_newXS',
    folders: [`${triplet}/perl*/**`, `${triplet}/perl5/**`, '/usr/local/lib/x86_64-linux-gnu/perl/**'],
  },
  {
    name: 'Ruby extensions',
    exported: 'rb_define_method',
    folders: [
      `${triplet}/ruby/**`,
      '/usr/lib/ruby/**',
      '/var/lib/gems/**',
      '~/.local/share/gem/ruby/**',
      '~/.gem/ruby/**',
    ],
  },
  { name: 'Tcl packages', exported: 'Tcl_CreateInterp', folders: ['/usr/lib/tcltk/**'] },
  { name: 'GIO modules', exported: 'g_io_module_load', folders: [`${triplet}/gio/modules`] },
  { name: 'Kerberos plug-ins', exported: 'krb5_init_context', folders: [`${triplet}/krb5/plugins/**`] },
  { name: 'Apache modules', exported: 'ap_hook_handler', folders: ['/usr/lib/apache2/modules'] },
  { name: 'nginx modules', exported: 'ngx_module_names', folders: ['/usr/lib/nginx/modules'] },
  { name: 'gawk extensions', exported: 'gawk_api_major_version', folders: [`${triplet}/gawk`] },
  { name: 'PostgreSQL modules', exported: 'pg_module_magic_block', folders: ['/usr/lib/postgresql/**'] },
  { name: 'PKCS #11 modules', exported: 'p11_kit_modules_load', folders: [`${triplet}/pkcs11`] },
  { name: 'Java', exported: 'JLI_Launch', folders: ['%/**'] },
];

/** Where PAM looks for modules that are named without a path; which of them are loaded, its configuration says (pam.ts). */
export const PAM_MODULES = '/lib/x86_64-linux-gnu/security';
export const PAM: Family = { name: 'PAM', exported: 'pam_start', folders: [PAM_MODULES] };

const MAX_FILES = 5000;

/** The libraries in one of a family's folders; `origin` is the file that defines the family's name. Folders that were looked at go into `seen`, so that
 * a cache can notice new ones. `cut` is told where there are more than are taken. */
export function familyFiles(pattern: string, origin: string, seen: Set<string>, cut: Cut): readonly string[] {
  const files: string[] = [];
  const isDeep = pattern.endsWith('/**');
  const plain = (isDeep ? pattern.slice(0, -3) : pattern).replace('%', dirname(origin));
  for (const folder of expand(plain, seen))
    eachLibrary(folder, isDeep ? Number.POSITIVE_INFINITY : 0, seen, (path) => {
      if (files.length >= MAX_FILES) cut(`${folder}: more than ${MAX_FILES} libraries`);
      else if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) files.push(realpathSync(path));
    });
  return files;
}

/** Folders that match a pattern with `*` in single parts; where one could appear goes into `seen`. */
function expand(pattern: string, seen: Set<string>): readonly string[] {
  let found = [''];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (!part.includes('*')) {
      found = found.map((one) => `${one}/${part}`);
      continue;
    }
    const matcher = new RegExp(`^${part.replace(/[.+]/g, '\\$&').replace(/\*/g, '.*')}$`);
    found = found.flatMap((one) => {
      seen.add(one);
      try {
        return readdirSync(one)
          .filter((name) => matcher.test(name))
          .map((name) => `${one}/${name}`);
      } catch {
        return [];
      }
    });
  }
  for (const folder of found) seen.add(folder);
  return found.filter((one) => existsSync(one));
}

/** The name service's plug-ins that the configuration names (nsswitch.conf(5)); `files` and `dns` are built into glibc. */
export function nameServices(configuration = '/etc/nsswitch.conf'): readonly string[] {
  const names = new Set(['compat']);
  try {
    for (const line of readFileSync(configuration, 'utf8').split('\n')) {
      const [, services] = /^\s*[\w-]+\s*:([^#]*)/.exec(line) ?? [];
      for (const word of (services ?? '').replace(/\[[^\]]*\]/g, ' ').split(/\s+/))
        if (/^[\w-]+$/.test(word)) names.add(word);
    }
  } catch {
    // Without a configuration glibc uses what is built in.
  }
  return [...names].map((name) => `libnss_${name}.so.2`);
}
