// Makes lib/analysis/code/data/known-objects.ts, the table of where the objects of well-known libraries end (lib/analysis/code/known-objects.ts
// reads it, and says its form). Bounds come from a library's own symbols and those of its debug file; kept are the sections
// that these split further. scripts/objects.js gets the packages and runs this.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type Marked, markedFunctions } from '../lib/analysis/code/conditional.ts';
import type { KnownFileObjects, KnownPackage } from '../lib/analysis/code/known-objects.ts';
import { type Bounds, objectsIn, objectsOf, splitOf } from '../lib/analysis/code/objects.ts';
import { regionsOf } from '../lib/analysis/code/regions.ts';
import { hash } from '../lib/analysis/states.ts';
import { readDebugSymbols } from '../lib/elf/debug.ts';
import { type ElfSymbol, readDynamic, readFullSymbols } from '../lib/elf/dynamic.ts';
import { buildId, type ElfFile, EM_X86_64, ET_DYN, isElf, parseElf } from '../lib/elf/file.ts';
import { readRelocations } from '../lib/elf/relocations.ts';

/** The sections of a library that symbols of its debug file split, with all their objects, and its functions of conditional.ts; undefined:
 * there are none that its own symbols would not split just so, it keeps its full table of symbols, or it is of a kind that has no pieces. */
export function describe(
  elf: ElfFile,
  debug: readonly ElfSymbol[],
): Omit<KnownFileObjects, 'name'> | undefined {
  const id = buildId(elf);
  if (id === undefined || elf.machine !== EM_X86_64 || elf.type !== ET_DYN) return undefined;
  if (readFullSymbols(elf).length > 0) return undefined;
  const dynamic = readDynamic(elf);
  const relocations = readRelocations(elf, dynamic);
  const own = objectsOf(dynamic?.symbols ?? []);
  const all = objectsOf([...(dynamic?.symbols ?? []), ...debug]);
  const sections = regionsOf(elf)
    .filter((one) => splitOf(one, relocations) === 'objects')
    .filter((one) => !isEqual(objectsIn(one, own), objectsIn(one, all)))
    .map((one) => ({ name: one.name, start: one.start, end: one.end, objects: objectsIn(one, all) }));
  const marked = markedFunctions(dynamic?.soname, debug);
  return sections.length + marked.size === 0 ? undefined : { buildId: id, sections, marked };
}

/** A folder with what a package of libraries and the package of their debug files hold. `title`: distribution, package and
 * version; its date is that of the newest library, which packages carry so that they can be made again. */
export function describeFolder(folder: string, title: string): KnownPackage {
  const files: KnownFileObjects[] = [];
  let newest = 0;
  const debugFolder = join(folder, 'usr/lib/debug');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.startsWith(debugFolder + sep)) continue;
    const bytes = readFileSync(path);
    // 64-bit little-endian ones: others come with a C library, too.
    if (!isElf(bytes) || bytes[4] !== 2 || bytes[5] !== 1 || bytes.readUInt16LE(16) !== ET_DYN) continue;
    const elf = parseElf({ file: path, bytes });
    const found = describe(elf, readDebugSymbols(elf, debugFolder).symbols);
    if (found === undefined) continue;
    files.push({ ...found, name: entry.name });
    newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return {
    title: `${title} of ${new Date(newest).toISOString().slice(0, 10)}`,
    files: files.sort((a, b) => byText(a.name, b.name) || byText(a.buildId, b.buildId)),
  };
}

/** What is known of packages, with others added. What was known stays, for mirrors forget; a file that several packages have
 * in common stands with the first. Throws if a build id would mean two things. */
export function addPackages(
  known: readonly KnownPackage[],
  others: readonly KnownPackage[],
): readonly KnownPackage[] {
  const files = new Map(known.flatMap((one) => one.files).map((one) => [one.buildId, one]));
  const packages = new Map(known.map((one) => [one.title, [...one.files]]));
  for (const { title, files: found } of others) {
    for (const file of found) {
      const old = files.get(file.buildId);
      if (old !== undefined) {
        if (sectionsText(old) !== sectionsText(file))
          throw new Error(`${title}: ${file.name} has the build id of ${old.name}, and other objects`);
        continue;
      }
      files.set(file.buildId, file);
      packages.set(title, [...(packages.get(title) ?? []), file]);
    }
  }
  return [...packages].map(([title, files]) => ({ title, files })).sort((a, b) => byText(a.title, b.title));
}

/** The table's text, as parseKnownObjects reads it. */
export function renderKnownObjects(packages: readonly KnownPackage[]): string {
  const body = packages
    .map(({ title, files }) => {
      const lines = files.map((one) => `${one.buildId} ${one.name}\n${sectionsText(one)}`);
      return `# ${title}\n${lines.join('')}`;
    })
    .join('');
  return `${body}${hash(body)}\n`;
}

/** The module that holds a table. */
export function renderModule(packages: readonly KnownPackage[]): string {
  return `// Written by \`npm run objects\`; do not edit. Sizes of objects in libraries, as their debug packages give them: facts. The form is
// described in lib/analysis/code/known-objects.ts; \`readelf -sW\` shows the same of a debug file.

export const knownObjects: string = \`\\
${renderKnownObjects(packages)}\`;
`;
}

const WIDTH = 110;

function sectionsText({ sections, marked }: Pick<KnownFileObjects, 'sections' | 'marked'>): string {
  return sections
    .map(({ name, start, end, objects }) => {
      const lines: string[] = [];
      for (const one of objects) {
        const word = ` ${one.start.toString(16)}+${(one.end - one.start).toString(16)}`;
        if (lines.length > 0 && lines.at(-1)!.length + word.length <= WIDTH) lines.push(lines.pop()! + word);
        else lines.push(word);
      }
      const head = `${name} ${start.toString(16)}-${end.toString(16)} ${objects.length}`;
      return [head, ...lines].map((line) => `${line}\n`).join('');
    })
    .concat(functionLines(marked))
    .join('');
}

const functionLines = (marked: Marked): readonly string[] =>
  [...marked].map(([mark, starts]) => `= ${mark} ${starts.map((one) => one.toString(16)).join(' ')}\n`);

function isEqual(a: readonly Bounds[], b: readonly Bounds[]): boolean {
  return a.length === b.length && a.every((one, at) => one.start === b[at]!.start && one.end === b[at]!.end);
}

/** Numbers in versions by their value, and the same everywhere. */
const collator = new Intl.Collator('en', { numeric: true });
const byText = (a: string, b: string) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
