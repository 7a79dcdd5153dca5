// One file's code, read once: where its functions are, and for each what it leads to. Nothing is known of values yet.
//
// A function is a range of addresses. Whoever reaches an address in it is taken to reach all of it, so that jump tables,
// landing pads and anything else within a function need no understanding. Ranges come from the unwind tables; code without
// them is cut where something is known to begin, and a piece that nothing is known of belongs to what stands before it,
// which can only make more reachable.

import { fail } from '../../elf/bytes.ts';
import { readDebugSymbols } from '../../elf/debug.ts';
import { type Dynamic, type ElfSymbol, readDynamic, STT_FUNC, STT_GNU_IFUNC } from '../../elf/dynamic.ts';
import { type ElfFile, ET_EXEC, PF_X, PT_LOAD } from '../../elf/file.ts';
import { firstFrom } from '../../elf/order.ts';
import { type Relocations, readRelocations, relocationTypes } from '../../elf/relocations.ts';
import { functionRanges } from '../../elf/unwind.ts';
import { type CodeFile, forEachWord, lastNotAbove, use } from './code.ts';
import { markedFunctions } from './conditional.ts';
import { endsOfNothing, ownHandle } from './crtstuff.ts';
import { goFunctions } from './go.ts';
import { knownObjects } from './known-objects.ts';
import { serviceFunctions } from './name-services.ts';
import { objectsOf, piecesOf } from './objects.ts';
import { type Region, regionsOf } from './regions.ts';
import { flow, found, readInstruction, reference } from './x86-64/lengths.ts';

/** What assembly hides by chance (readHidden), and far more than that; of Haskell, where data stands before each function, a part of all. */
const MAX_ROUNDS = 16;
const MAX_HIDDEN = 10_000;
const MAX_SHARE = 1 / 4;

/** Throws ElfError. */
export function readCode(elf: ElfFile): CodeFile {
  const dynamic = readDynamic(elf);
  const relocations = readRelocations(elf, dynamic);
  const regions = regionsOf(elf);
  const isFixed = elf.type === ET_EXEC;
  const code = regions.filter((one) => one.isCode);
  const unwind = functionRanges(elf);
  const ranges = unwind.ranges
    .filter((one) => code.some((region) => one.start >= region.start && one.end <= region.end))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const collector = newCollector(isFixed, regions);
  const pieces: Piece[] = [];
  const gaps: Gap[] = [];
  let next = 0;
  for (const region of code) {
    const bytes = elf.bytes.subarray(region.offset!, region.offset! + (region.end - region.start));
    const isStubs = region.name.startsWith('.plt') || region.name === '.iplt';
    let at = region.start;
    const gap = (end: number) => {
      if (end <= at) return;
      if (isStubs) sweep(collector, bytes, region.start, at, end, true, pieces);
      else {
        const seen = new Uint8Array(end - at);
        sweep(collector, bytes, region.start, at, end, true, undefined, { seen, start: at });
        gaps.push({ bytes, base: region.start, start: at, end, seen });
        pieces.push({ start: at, end, isGap: true });
      }
    };
    for (; next < ranges.length && ranges[next]!.start < region.end; next++) {
      const range = ranges[next]!;
      if (range.end <= at || isStubs) continue;
      const start = Math.max(range.start, at);
      gap(start);
      const runsOut = sweep(collector, bytes, region.start, start, range.end, false, undefined);
      pieces.push({ start, end: range.end, isGap: false, runsOut });
      at = range.end;
    }
    gap(region.end);
  }
  let references = finish(collector);
  const debug = readDebugSymbols(elf);
  const symbols = [...(dynamic?.symbols ?? []), ...debug.symbols];
  const known = debug.symbols.length > 0 ? undefined : knownObjects(elf, regions);
  const goStarts = goFunctions({ elf, regions, relocations }) ?? [];
  let functions = cutGaps(elf, symbols, dynamic, relocations, regions, pieces, gaps, references, goStarts);
  for (let round = 0; readHidden(collector, gaps, functions); round++) {
    const hidden = collector.count - references.site.length;
    if (round === MAX_ROUNDS || hidden > Math.max(MAX_HIDDEN, references.site.length * MAX_SHARE))
      fail(elf, 'its code is hidden behind what looks like other code');
    references = finish(collector);
    functions = cutGaps(elf, symbols, dynamic, relocations, regions, pieces, gaps, references, goStarts);
  }
  const { personalities } = unwind;
  const unwound = new Map(ranges.filter((one) => one.lsda !== 0).map((one) => [one.start, one]));
  const read = { elf, dynamic, relocations, regions, ...references };
  for (const at of endsOfNothing(read)) references.use[at] = use.nothing;
  const objects = {
    pieces: piecesOf(
      regions,
      relocations,
      objectsOf(symbols, [...(known?.objects ?? []), ...ownHandle(read)]),
      isFixed || reachesByOffset(regions, symbols),
    ),
    marked: known?.marked ?? markedFunctions(dynamic?.soname, symbols),
    services: serviceFunctions(dynamic?.soname, dynamic?.symbols ?? []),
    knowsObjects: debug.symbols.length > 0 || known !== undefined,
    looked: debug.looked,
  };
  return { ...read, isFixed, personalities, unwound, ...objects, ...functions };
}

/** Whether its language finds objects by their distance from others, without a pointer to them: Go its types, Haskell its
 * closures. What is named then is not all that is read. */
function reachesByOffset(regions: readonly Region[], symbols: readonly ElfSymbol[]): boolean {
  return (
    regions.some((one) => one.name.endsWith('.gopclntab')) ||
    symbols.some((one) => one.name === 'hs_init' || one.name.startsWith('stg_'))
  );
}

/** A file whose code is not looked into: nothing in it makes a system call, so what it leads to is what its words point to,
 * which the caller takes as reached altogether. */
export function readSurface(elf: ElfFile, dynamic: Dynamic | undefined): CodeFile {
  const none = new Float64Array(0);
  const nothing = new Uint8Array(0);
  const relocations = readRelocations(elf, dynamic);
  const regions = regionsOf(elf);
  return {
    elf,
    dynamic,
    relocations,
    regions,
    pieces: piecesOf(regions, relocations, objectsOf(dynamic?.symbols ?? []), false),
    knowsObjects: false,
    looked: [],
    isFixed: false,
    marked: new Map(),
    services: new Map(),
    personalities: [],
    unwound: new Map(),
    functionStart: none,
    functionEnd: none,
    functionContinues: nothing,
    functionIsKnown: nothing,
    site: none,
    use: nothing,
    target: none,
    width: nothing,
    syscalls: none,
    foreign: none,
    instructions: 0,
  };
}

/** Whether the bytes of a `syscall` instruction stand anywhere in code, and of sysenter or int 0x80. */
export function mayCallKernel(elf: ElfFile): boolean {
  return elf.segments.some((one) => {
    if (one.type !== PT_LOAD || (one.flags & PF_X) === 0) return false;
    const bytes = elf.bytes.subarray(one.offset, one.offset + one.fileSize);
    return ['\x0f\x05', '\x0f\x34', '\xcd\x80'].some((code) => bytes.includes(code, 0, 'latin1'));
  });
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly isGap: boolean;
  /** The last instruction is followed by what comes next, and is no call: calls at an end do not return. Some functions of
   * assembly end their unwind entry in the middle (glibc's clone3). */
  readonly runsOut?: boolean;
}

/** What is known of a byte in a gap: an instruction that is read begins there, which only fills space, goes on behind itself, or not. */
const begins = { padding: 1, open: 2, closed: 3 } as const;

/** Code without unwind tables, and what was read in it, a byte each (`begins`), from its start. */
interface Gap {
  readonly bytes: Uint8Array;
  readonly base: number;
  readonly start: number;
  readonly end: number;
  readonly seen: Uint8Array;
}

/** Data in front of a function can look like the beginning of an instruction that covers the function's first: reads each function
 * that begins within such an instruction, until what is read is what was read before. Whether there was any. */
function readHidden(
  to: Collector,
  gaps: readonly Gap[],
  { functionStart, functionIsKnown }: Pick<CodeFile, 'functionStart' | 'functionIsKnown'>,
): boolean {
  let isAny = false;
  for (const { bytes, base, start, end, seen } of gaps) {
    for (let index = lastNotAbove(functionStart, start); functionStart[index]! < end; index++) {
      const from = functionStart[index]!;
      if (from < start || functionIsKnown[index] === 1 || seen[from - start] !== 0) continue;
      isAny = true;
      let named = to.count;
      sweep(to, bytes, base, from, end, true, undefined, { seen, start });
      // What that names in turn, while it is at hand: a table for each round of cuts takes far longer.
      for (; named < to.count; named++) {
        const target = to.target[named]!;
        if (target < start || target >= end || seen[target - start] !== 0) continue;
        const kind = to.use[named];
        if (kind === use.call || kind === use.address || kind === use.constant)
          sweep(to, bytes, base, target, end, true, undefined, { seen, start });
      }
    }
  }
  return isAny;
}

interface Collector {
  readonly isFixed: boolean;
  readonly low: number;
  readonly high: number;
  site: Float64Array;
  use: Uint8Array;
  target: Float64Array;
  width: Uint8Array;
  count: number;
  instructions: number;
  readonly syscalls: number[];
  readonly foreign: number[];
}

interface References {
  readonly site: Float64Array;
  readonly use: Uint8Array;
  readonly target: Float64Array;
  readonly width: Uint8Array;
  readonly syscalls: Float64Array;
  readonly foreign: Float64Array;
  readonly instructions: number;
}

function newCollector(isFixed: boolean, regions: readonly Region[]): Collector {
  const capacity = 1 << 14;
  return {
    isFixed,
    low: Math.min(...regions.map((one) => one.start)),
    high: Math.max(...regions.map((one) => one.end)),
    site: new Float64Array(capacity),
    use: new Uint8Array(capacity),
    target: new Float64Array(capacity),
    width: new Uint8Array(capacity),
    count: 0,
    instructions: 0,
    syscalls: [],
    foreign: [],
  };
}

function note(to: Collector, site: number, kind: number, target: number, width = 0): void {
  if (to.count === to.site.length) {
    const size = to.count * 2;
    const grow = <T extends Float64Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old as never);
      return fresh;
    };
    to.site = grow(to.site, new Float64Array(size));
    to.target = grow(to.target, new Float64Array(size));
    to.use = grow(to.use, new Uint8Array(size));
    to.width = grow(to.width, new Uint8Array(size));
  }
  to.site[to.count] = site;
  to.width[to.count] = width;
  to.use[to.count] = kind;
  to.target[to.count++] = target;
}

function finish(from: Collector): References {
  const { count } = from;
  // What was read a second time stands at the end.
  let sorted = 1;
  while (sorted < count && from.site[sorted - 1]! <= from.site[sorted]!) sorted++;
  if (sorted < count) inOrder(from, sorted);
  return {
    site: from.site.slice(0, count),
    use: from.use.slice(0, count),
    target: from.target.slice(0, count),
    width: from.width.slice(0, count),
    syscalls: Float64Array.from(from.syscalls).sort(),
    foreign: Float64Array.from(from.foreign).sort(),
    instructions: from.instructions,
  };
}

/** Puts what stands from `first` on where it belongs: behind all with the same site. */
function inOrder({ site, use, target, width, count }: Collector, first: number): void {
  const tail = Uint32Array.from({ length: count - first }, (_, index) => first + index);
  tail.sort((a, b) => site[a]! - site[b]! || a - b);
  const lists = [site, use, target, width];
  const moved = lists.map((list) => Float64Array.from(tail, (index) => list[index]!));
  let from = first - 1;
  let next = tail.length - 1;
  for (let to = count - 1; next >= 0; to--) {
    const isTail = from < 0 || site[from]! <= moved[0]![next]!;
    for (let at = 0; at < lists.length; at++) lists[at]![to] = isTail ? moved[at]![next]! : lists[at]![from]!;
    if (isTail) next--;
    else from--;
  }
}

/** Reads start … end one instruction after the other. `isGap`: it will be cut, so that jumps within it count, too. `stubs`:
 * a new function begins behind each jump (linkage tables). `read`: what was read before, where it ends, and marks. */
function sweep(
  to: Collector,
  bytes: Uint8Array,
  base: number,
  start: number,
  end: number,
  isGap: boolean,
  stubs: Piece[] | undefined,
  read?: Pick<Gap, 'seen' | 'start'>,
): boolean {
  const last = end - base;
  const shift = read === undefined ? 0 : read.start - base;
  let begin = start;
  let at = start - base;
  let runsOut = false;
  while (at < last) {
    if (read !== undefined) {
      if (read.seen[at - shift] !== 0) break;
    }
    readInstruction(bytes, at, last);
    if (read !== undefined)
      read.seen[at - shift] = found.isPadding
        ? begins.padding
        : goesOn(found.flow)
          ? begins.open
          : begins.closed;
    const site = base + at;
    at += found.length;
    const after = base + at;
    to.instructions++;
    const where = found.flow;
    if (!found.isPadding)
      runsOut =
        where === flow.next || where === flow.branch || where === flow.syscall || where === flow.foreign;
    if (where === flow.jump || where === flow.branch) {
      const target = after + found.target;
      // Within a function it changes nothing.
      if (isGap || target < start || target >= end) note(to, site, use.jump, target);
    } else if (where === flow.call) note(to, site, use.call, after + found.target);
    else if (where === flow.syscall) to.syscalls.push(site);
    else if (where === flow.foreign) to.foreign.push(site);
    const isThrough = where === flow.callIndirect || where === flow.jumpIndirect;
    if (found.reference !== reference.none) {
      if (found.reference === reference.address) note(to, site, use.address, after + found.displacement);
      else if (found.reference === reference.memory)
        note(to, site, isThrough ? use.through : use.memory, after + found.displacement, found.width);
      else if (to.isFixed && found.displacement >= to.low && found.displacement < to.high)
        note(to, site, isThrough ? use.through : use.constant, found.displacement);
    }
    if (to.isFixed && found.immediate >= to.low && found.immediate < to.high && found.immediate !== 0)
      note(to, site, use.constant, found.immediate);
    if (stubs !== undefined && (where === flow.jump || where === flow.jumpIndirect)) {
      stubs.push({ start: begin, end: after, isGap: false });
      begin = after;
    }
  }
  if (stubs !== undefined && begin < end) stubs.push({ start: begin, end, isGap: false });
  return runsOut;
}

/** Cuts code without unwind tables at every address that anything names. */
function cutGaps(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  dynamic: Dynamic | undefined,
  relocations: Relocations,
  regions: readonly Region[],
  pieces: readonly Piece[],
  gaps: readonly Gap[],
  references: References,
  goStarts: readonly number[],
): Pick<CodeFile, 'functionStart' | 'functionEnd' | 'functionContinues' | 'functionIsKnown'> {
  const gapFrom = new Map(gaps.map((one) => [one.start, one]));
  const cuts = new Set<number>();
  const gapAt = (address: number): boolean => {
    const index = firstFrom(gaps.length, (at) => gaps[at]!.end <= address);
    return index < gaps.length && gaps[index]!.start <= address;
  };
  const cut = (address: number) => {
    if (gapAt(address)) cuts.add(address);
  };
  if (gaps.length > 0) {
    cut(elf.entry);
    for (let index = 0; index < references.site.length; index++) {
      const kind = references.use[index]!;
      // A jump within such code may stay in its function; one from a function whose bounds are known leads to another.
      if (
        kind === use.call ||
        kind === use.address ||
        kind === use.constant ||
        (kind === use.jump && !gapAt(references.site[index]!))
      )
        cut(references.target[index]!);
    }
    for (const symbol of symbols) {
      if (symbol.defined && (symbol.type === STT_FUNC || symbol.type === STT_GNU_IFUNC)) cut(symbol.address);
    }
    for (let index = 0; index < relocations.count; index++) {
      const type = relocations.type[index];
      if (type === relocationTypes.relative || type === relocationTypes.irelative)
        cut(relocations.addend[index]!);
    }
    for (const tag of ['init', 'fini'] as const) cut(dynamic?.value(tag) ?? 0);
    for (const start of goStarts) cut(start);
    if (elf.type === ET_EXEC) {
      for (const region of regions)
        if (!region.isCode) forEachWord(elf, region, region.start, region.end, (_, value) => cut(value));
    }
  }
  const sortedCuts = Float64Array.from(cuts).sort();
  const starts: number[] = [];
  const ends: number[] = [];
  const continues: number[] = [];
  const known: number[] = [];
  let next = 0;
  let before: Piece | undefined;
  for (const piece of [...pieces].sort((a, b) => a.start - b.start)) {
    let runsOn = before?.end === piece.start && before.runsOut === true ? 1 : 0;
    before = piece;
    if (!piece.isGap) {
      starts.push(piece.start);
      ends.push(piece.end);
      continues.push(runsOn);
      known.push(1);
      continue;
    }
    let begin = piece.start;
    const gap = gapFrom.get(piece.start)!;
    while (next < sortedCuts.length && sortedCuts[next]! < piece.end) {
      const cutAt = sortedCuts[next++]!;
      if (cutAt <= begin) continue;
      starts.push(begin);
      ends.push(cutAt);
      continues.push(runsOn);
      known.push(0);
      runsOn = gapEndsOpen(gap, begin, cutAt) ? 1 : 0;
      begin = cutAt;
    }
    starts.push(begin);
    ends.push(piece.end);
    continues.push(runsOn);
    known.push(0);
    before = { ...piece, runsOut: gapEndsOpen(gap, begin, piece.end) };
  }
  return {
    functionStart: Float64Array.from(starts),
    functionEnd: Float64Array.from(ends),
    functionContinues: Uint8Array.from(continues),
    functionIsKnown: Uint8Array.from(known),
  };
}

const goesOn = (where: number) =>
  where !== flow.jump &&
  where !== flow.jumpIndirect &&
  where !== flow.return &&
  where !== flow.stop &&
  where !== flow.invalid;

/** An instruction's length is less. */
const LONGEST = 16;

/** The same of a range of a gap: by the instruction that was read last, where there is no doubt which that is. */
function gapEndsOpen({ bytes, base, start, seen }: Gap, from: number, to: number): boolean {
  const shift = start - base;
  if (seen[from - start] !== 0) {
    for (let end = to - start; end > from - start; ) {
      let last = -1;
      for (let at = end - 1; at >= from - start && end - at < LONGEST; at--) {
        if (seen[at] === 0) continue;
        readInstruction(bytes, at + shift, bytes.length);
        if (at + found.length !== end) continue;
        // Two that end there.
        if (last >= 0) return endsOpen(bytes, from - base, to - base);
        last = at;
      }
      if (last < 0) break;
      if (seen[last] !== begins.padding) return seen[last] === begins.open;
      end = last;
    }
  }
  return endsOpen(bytes, from - base, to - base);
}

/** Whether the code before `end` can go on there. */
function endsOpen(bytes: Uint8Array, start: number, end: number): boolean {
  let isOpen = true;
  for (let at = start; at < end; at += found.length) {
    readInstruction(bytes, at, end);
    if (found.isPadding) continue;
    isOpen = goesOn(found.flow);
  }
  return isOpen;
}
