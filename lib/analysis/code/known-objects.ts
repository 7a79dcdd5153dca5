// Where the objects of well-known libraries end, for machines without debug files. Distributions strip the C library, and so
// take away the table that says it; its bounds were read from the distribution's own debug packages once (scripts/objects.js)
// and come with us as a table, found by build id. A build id is the linker's fingerprint of a file: equal ids, equal
// addresses. A file that was changed behind the linker's back can still carry it, so its sections have to lie where the table
// says; otherwise it is not that file, and nothing is known of it.
//
// The text: `# ` and a package; below it `BUILD-ID NAME` for a file; below that `.SECTION START-END COUNT` for each section
// that holds pointers; below that lines of a blank and `START+SIZE` for each object, all in hex but for COUNT. A line `= MARK START …` has
// functions of conditional.ts. The last line is the hash of all before it.

import { buildId, type ElfFile } from '../../elf/file.ts';
import { SandboxError } from '../../errors.ts';
import { hash } from '../states.ts';
import { type Mark, type Marked, marks } from './conditional.ts';
import { knownObjects as shipped } from './data/known-objects.ts';
import type { Bounds } from './objects.ts';

/** A section of a file, and all of its objects, ascending and apart. */
export interface KnownSection extends Bounds {
  readonly name: string;
  readonly objects: readonly Bounds[];
}

export interface KnownFileObjects {
  /** In hex. */
  readonly buildId: string;
  /** As it is called in its package: for people. */
  readonly name: string;
  readonly sections: readonly KnownSection[];
  readonly marked: Marked;
}

/** What is known of one file's objects and functions. */
export interface KnownBounds {
  readonly objects: readonly Bounds[];
  readonly marked: Marked;
}

/** A package: distribution, name, version, architecture, and when it was made. */
export interface KnownPackage {
  readonly title: string;
  readonly files: readonly KnownFileObjects[];
}

/** In hex digits: 16 bytes are the shortest that a linker makes (ld, --build-id=md5 and uuid). */
const SHORTEST_ID = 32;

/** What a table says of a file; undefined: nothing, or it means another file. `regions` are the file's own. Throws
 * SandboxError where the table itself is damaged. */
export function knownObjects(
  elf: ElfFile,
  regions: readonly Named[],
  table: () => readonly KnownPackage[] = shippedTable,
): KnownBounds | undefined {
  const id = buildId(elf);
  if (id === undefined || id.length < SHORTEST_ID) return undefined;
  const file = table()
    .flatMap((one) => one.files)
    .find((one) => one.buildId === id);
  if (file === undefined || !file.sections.every((section) => regions.some((one) => isAt(one, section))))
    return undefined;
  return { objects: file.sections.flatMap((section) => section.objects), marked: file.marked };
}

type Named = Bounds & { readonly name: string };

function isAt(a: Named, b: Named): boolean {
  return a.name === b.name && a.start === b.start && a.end === b.end;
}

let kept: readonly KnownPackage[] | undefined;

function shippedTable(): readonly KnownPackage[] {
  kept ??= parseKnownObjects(shipped);
  return kept;
}

/** Reads a table. Throws SandboxError unless it is whole: its hash is right, and the objects of each section are as many as it
 * says, ascending, apart, and within it. */
export function parseKnownObjects(text: string): readonly KnownPackage[] {
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, end);
  if (text.slice(end) !== `${hash(body)}\n`) damaged('it has another hash');
  const packages: { title: string; files: DraftFile[] }[] = [];
  for (const line of body.split('\n').slice(0, -1)) {
    const files = packages.at(-1)?.files;
    const sections = files?.at(-1)?.sections;
    const [first = '', second = '', count] = line.split(' ');
    if (line.startsWith('# ')) packages.push({ title: line.slice(2), files: [] });
    else if (line.startsWith(' ') && sections?.at(-1) !== undefined)
      sections.at(-1)!.objects.push(...line.slice(1).split(' ').map(objectOf));
    else if (first === '=' && files?.at(-1) !== undefined) mark(files.at(-1)!, line.slice(2).split(' '));
    else if (line.startsWith('.') && sections !== undefined) {
      const [from = '', to = ''] = second.split('-');
      sections.push({
        name: first,
        start: address(from),
        end: address(to),
        count: Number(count),
        objects: [],
      });
    } else if (/^[0-9a-f]+$/.test(first) && files !== undefined)
      files.push({ buildId: first, name: second, sections: [], marked: new Map() });
    else damaged(`line ${JSON.stringify(line)}`);
  }
  for (const { files } of packages) for (const { sections } of files) sections.forEach(check);
  return packages;
}

function objectOf(text: string): Bounds {
  const [from = '', size = ''] = text.split('+');
  return { start: address(from), end: address(from) + address(size) };
}

function address(digits: string): number {
  return /^[0-9a-f]{1,13}$/.test(digits) ? Number.parseInt(digits, 16) : damaged(`the number ${digits}`);
}

interface Draft extends Named {
  readonly count: number;
  readonly objects: Bounds[];
}

interface DraftFile {
  readonly buildId: string;
  readonly name: string;
  readonly sections: Draft[];
  readonly marked: Map<Mark, readonly number[]>;
}

function mark({ marked }: DraftFile, [name = '', ...starts]: readonly string[]): void {
  if (!Object.hasOwn(marks, name) || starts.length === 0) damaged(`functions marked ${name}`);
  marked.set(name as Mark, starts.map(address));
}

function check(section: Draft): void {
  const { name, start, end, count, objects } = section;
  let last = start;
  for (const one of objects) {
    if (one.start < last || one.end <= one.start || one.end > end)
      damaged(`the object at ${one.start.toString(16)} of ${name} does not fit`);
    last = one.end;
  }
  if (objects.length !== count) damaged(`${name} has ${objects.length} objects and not ${count}`);
}

function damaged(what: string): never {
  throw new SandboxError(`the table of known objects is damaged: ${what}`, {
    advice: 'install sandbox-run again',
  });
}
