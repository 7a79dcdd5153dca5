// What Go's table of functions (.gopclntab) tells, which its runtime needs for itself and which no stripping takes away.
// Source: Go's src/debug/gosym/pclntab.go, ver12 to ver120.

import type { ElfFile } from '../../elf/file.ts';
import { relocationAt } from '../../elf/relocations.ts';
import { Kept } from '../kept.ts';
import type { CodeFile } from './code.ts';

type File = Pick<CodeFile, 'elf' | 'regions' | 'relocations'>;

const GO_12 = 0xfffffffb;
const GO_116 = 0xfffffffa;
const GO_118 = 0xfffffff0;
const GO_120 = 0xfffffff1;
/** The header's words, in 8 bytes each, from byte 8 on. */
const word = { functions: 0, text: 2, names: 3, table: 7 } as const;
/** Where the table begins in the header of versions before; the first has it just behind the header. */
const OLDER_TABLE = 6;
const HEADER = 8 + 8 * 8;

/** Go's own code keeps no registers over calls. Its table of functions tells such a file. */
export const isGo = (code: Pick<CodeFile, 'regions'>): boolean => tableOf(code) !== undefined;

const tableOf = ({ regions }: Pick<CodeFile, 'regions'>) =>
  regions.find((one) => one.name.endsWith('.gopclntab'));

function contentOf(code: File): Buffer | undefined {
  const region = tableOf(code);
  if (region?.offset === undefined) return undefined;
  const table = code.elf.bytes.subarray(region.offset, region.offset + (region.end - region.start));
  return table.length >= HEADER && table[7] === 8 ? table : undefined;
}

/** Where the code begins that distances of functions are counted from; undefined: there is no such table. */
export function goText(code: File): number | undefined {
  const table = tableOf(code);
  if (table?.offset === undefined || table.end - table.start < HEADER) return undefined;
  return wordAt(code, table.start + 8 + 8 * word.text, table.offset + 8 + 8 * word.text);
}

/** A word as the loader leaves it. */
function wordAt({ elf, relocations }: File, place: number, offset: number): number {
  const index = relocationAt(relocations, place);
  return index >= 0 ? relocations.addend[index]! : Number(elf.bytes.readBigUInt64LE(offset));
}

interface Functions {
  /** Undefined: the table is of a version that is not known. */
  readonly starts: readonly number[] | undefined;
  readonly plain: ReadonlySet<number>;
}

const kept = new Kept<ElfFile, 'functions', Functions>();

const functionsOf = (code: File): Functions => kept.get(code.elf, 'functions', () => readFunctions(code));

/** Where Go's functions begin, ascending; undefined: its table is of a version that is not known. */
export const goFunctions = (code: File): readonly number[] | undefined => functionsOf(code).starts;

/** Functions that are certainly no methods, by address: those whose name is a package's and their own. A table of a version before 1.18
 * has none. */
export const goPlainFunctions = (code: File): ReadonlySet<number> => functionsOf(code).plain;

function readFunctions(code: File): Functions {
  const plain = new Set<number>();
  const table = contentOf(code);
  const region = tableOf(code);
  if (table === undefined || region?.offset === undefined) return { starts: undefined, plain };
  const at = (index: number) => Number(table.readBigUInt64LE(8 + 8 * index));
  const magic = table.readUInt32LE(0);
  const count = at(word.functions);
  const starts: number[] = [];
  if (magic === GO_118 || magic === GO_120) {
    const text = goText(code)!;
    const [names, first] = [at(word.names), at(word.table)];
    for (let index = 0; index < count && first + 8 * index + 8 <= table.length; index++) {
      const start = text + table.readUInt32LE(first + 8 * index);
      starts.push(start);
      const data = first + table.readUInt32LE(first + 8 * index + 4);
      if (data + 8 > table.length) continue;
      const name = names + table.readInt32LE(data + 4);
      const end = table.indexOf(0, name);
      if (name >= 0 && end >= name && isPlain(table.toString('latin1', name, end))) plain.add(start);
    }
  } else if (magic === GO_116 || magic === GO_12) {
    const first = magic === GO_12 ? 16 : at(OLDER_TABLE);
    for (let index = 0; index < count && first + 16 * index + 16 <= table.length; index++)
      starts.push(wordAt(code, region.start + first + 16 * index, region.offset + first + 16 * index));
  } else return { starts: undefined, plain };
  return { starts, plain };
}

/** `package.function`: dots in a package's name are escaped, methods and functions within others have further parts. */
function isPlain(name: string): boolean {
  const [own, ...more] = name.slice(name.lastIndexOf('/') + 1).split('.');
  return more.length === 1 && own !== 'error' && /^[\w%-]+$/.test(own!) && /^\w+$/.test(more[0]!);
}
