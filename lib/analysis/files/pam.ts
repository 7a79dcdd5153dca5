// The modules that PAM loads: those that its configuration names for the services which a program asks for (pam.conf(5)). Read wider
// than PAM does: any word of a file that ends in `.so` is a module, any that follows `include` is another file, and any path of a program
// may be executed.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { Work } from '../work.ts';
import { canLoad, cutOf, tryPlugin } from './loading.ts';
import { pamServices } from './lookups.ts';
import { familyFiles, PAM, PAM_MODULES } from './plugins.ts';
import { isExecutable } from './programs.ts';

/** Sources: pam.conf(5), and libpam's PAM_CONFIG_DIST_DIR on Debian and others. */
const FOLDERS = ['/etc/pam.d', '/usr/lib/pam.d', '/usr/etc/pam.d', '/usr/local/etc/pam.d'];
const CONFIGURATION = '/etc/pam.conf';
/** For services, and kinds of modules, that have none of their own. */
const OTHER = 'other';

/** Adds the modules for what is asked for by now. Whether there was anything new. */
export function followPam(work: Work): boolean {
  const { world, reach, files } = work;
  const by = world.definitions.get(PAM.exported)?.[0]?.module;
  if (by === undefined || !canLoad(reach, by)) return false;
  work.familiesDone.add(PAM.name);
  const named = pamModules(pamServices(work), files);
  const paths =
    named === undefined
      ? familyFiles(PAM_MODULES, by.path, files, cutOf(work))
      : [...named].map((one) => resolve(PAM_MODULES, one));
  const before = world.modules.length;
  for (const path of paths) {
    files.add(path);
    if (existsSync(path)) tryPlugin(work, path, by, PAM.name);
  }
  return world.modules.length > before;
}

/** The modules' paths, or their names if they lie where PAM looks; `services`: undefined for any. Undefined: that is not known, so that
 * any module can be loaded. What was looked for goes into `seen`. */
export function pamModules(
  services: readonly string[] | undefined,
  seen: Set<string>,
  folders: readonly string[] = FOLDERS,
): ReadonlySet<string> | undefined {
  const words = pamWords(services, seen, folders);
  const modules = words?.filter((word) => /\.so(\.[\d.]+)?$/.test(word));
  // Another part of the path for each kind of machine ($ISA).
  return modules?.some((word) => word.includes('$')) === false ? new Set(modules) : undefined;
}

/** The programs that the configuration names, as pam_exec(8) has them. */
export function pamPrograms(
  services: readonly string[] | undefined,
  seen: Set<string>,
  folders: readonly string[] = FOLDERS,
): readonly string[] {
  const paths = (pamWords(services, seen, folders) ?? []).filter(isAbsolute);
  // They may come to be there.
  for (const path of paths) if (!existsSync(path)) seen.add(path);
  return paths.filter(isExecutable);
}

/** All words but comments; undefined: of a file that cannot be read. */
function pamWords(
  services: readonly string[] | undefined,
  seen: Set<string>,
  folders: readonly string[],
): readonly string[] | undefined {
  const found: string[] = [];
  const files: string[] = [CONFIGURATION];
  for (const folder of folders) {
    seen.add(folder);
    // libpam takes a service's last part, in small letters (libpam/pam_start.c).
    const names = services?.map((one) => basename(one).toLowerCase()).concat(OTHER) ?? namesIn(folder);
    files.push(...names.map((one) => join(folder, one)));
  }
  const done = new Set<string>();
  for (let file = files.pop(); file !== undefined; file = files.pop()) {
    if (done.has(file)) continue;
    done.add(file);
    seen.add(file);
    if (!existsSync(file)) continue;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
    // A comment ends with its line, whatever that ends with (libpam/pam_handlers.c, _pam_assemble_line).
    const words = text.replace(/#.*/g, '').split(/[\s[\]\\]+/);
    found.push(...words);
    for (const [at, word] of words.entries()) {
      const next = words[at + 1];
      if (!/^(@include|include|substack)$/i.test(word) || next === undefined) continue;
      files.push(...(isAbsolute(next) ? [next] : folders.map((folder) => join(folder, next))));
    }
  }
  return found;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
