// The instructions that can run just before one, within the function and from others: jumps, calls, and what goes through
// words that the loader fills. A way that is not known is said, so that a value is lost there and never left out.

import { forEachWord, functionAt, lastNotAbove, regionAt, use } from '../code/code.ts';
import { goPlainFunctions, goText } from '../code/go.ts';
import { flow, found, reference } from '../code/x86-64/lengths.ts';
import { type Module, relocationTargets, type Spot } from '../files/world.ts';
import { Kept, KeptWhileReached } from '../kept.ts';
import { isReached, isWordReached, type Reach } from '../reach/reach.ts';
import { type Body, bodyOf, endsThere, readAt, referencesTo } from './bodies.ts';
import { frameOf } from './frames.ts';

/** Where a pointer to a function comes from: the reference of a file's code that names the function, by its index, or a word that
 * holds its address. */
export type Taking =
  | { readonly kind: 'reference'; readonly module: Module; readonly at: number }
  | { readonly kind: 'word'; readonly module: Module; readonly address: number };

export type Way =
  /** The instruction before it in the same function. */
  | { readonly kind: 'step'; readonly address: number }
  /** From another function, to here: nothing but control has moved. `call`: the return address was pushed. */
  | { readonly kind: 'jump' | 'call'; readonly spot: Spot }
  /** By what runs on into it from the function before. */
  | { readonly kind: 'run-on'; readonly spot: Spot }
  /** Through a pointer that comes from there; undefined: it is not known from where. */
  | { readonly kind: 'pointer'; readonly taking: Taking | undefined }
  /** Perhaps there are others: the function's name stands among a file's strings. A number is not taken to come from there,
   * which is said; an argument can. */
  | { readonly kind: 'unsure'; readonly why: string }
  | { readonly kind: 'lost'; readonly why: string };

const known = new KeptWhileReached<Module, Map<number, readonly Way[]>>();

/** All ways to an instruction of code that was reached. Asked only once nothing more is reached. */
export function waysTo(reach: Reach, spot: Spot, index: number): readonly Way[] {
  const own = known.get(reach, spot.module, () => new Map());
  let ways = own.get(spot.address);
  if (ways === undefined) {
    ways = [...findWays(reach, spot, index)];
    if (ways.length === 0) ways = [{ kind: 'lost', why: 'no way leads here' }];
    own.set(spot.address, ways);
  }
  return ways;
}

function* findWays(reach: Reach, spot: Spot, index: number): Generator<Way> {
  const { module, address } = spot;
  const { code } = module;
  const body = bodyOf(module, index);
  const position = body.positions.get(address);
  if (position === undefined) {
    yield { kind: 'lost', why: 'a jump into an instruction' };
    return;
  }
  if (position > 0) {
    const before = body.addresses[position - 1]!;
    if (
      body.fallsThrough[position - 1] === 1 &&
      !endsThere(reach.world, module, before) &&
      !isDeadPadding(reach, module, body, position - 1)
    )
      yield { kind: 'step', address: before };
  } else if (code.functionContinues[index] === 1) {
    const previous = bodyOf(module, index - 1);
    const last = previous.addresses.at(-1);
    if (
      last !== undefined &&
      isReached(reach, module, last) &&
      !isDeadPadding(reach, module, previous, previous.addresses.length - 1)
    )
      yield { kind: 'run-on', spot: { module, address: last } };
  }
  for (const jump of body.jumps.get(address) ?? []) yield { kind: 'step', address: jump };
  if (body.tableTargets.has(address))
    for (const jump of body.indirectJumps) yield { kind: 'step', address: jump };
  if (isWild(reach, module, index)) yield { kind: 'lost', why: 'a jump whose table is not found' };
  if (reach.pads.get(module)?.has(address) === true)
    yield { kind: 'lost', why: 'a place where the unwinder goes on' };
  // A label that a table of this function names is no function to be called.
  const isCase = position > 0 && body.tableTargets.has(address);
  // From other functions: jumps into this one, and calls.
  for (const named of referencesTo(module, address)) {
    const site = code.site[named]!;
    if (!isReached(reach, module, site)) continue;
    const kind = code.use[named]!;
    if (kind === use.nothing) continue;
    if (kind === use.jump && functionAt(code, site) === index) continue;
    if (kind === use.jump) yield { kind: 'jump', spot: { module, address: site } };
    else if (kind === use.call) yield { kind: 'call', spot: { module, address: site } };
    else if (!isCase && isLabel(spot, index, position, kind))
      yield { kind: 'lost', why: 'a place within a function whose address is taken' };
    // Bytes of code that are read are no pointer.
    else if (!isCase && kind !== use.memory)
      yield { kind: 'pointer', taking: { kind: 'reference', module, at: named } };
  }
  if (!isCase) yield* fromElsewhere(reach, spot, index, position === 0);
}

const wild = new Kept<Module, number, boolean>();

/** Whether a function jumps to an address that it computes, with a frame of its own still on the stack, so that it is no call at
 * its end, and no table is found for it: then it can lead anywhere in the function. */
const isWild = (reach: Reach, module: Module, index: number) =>
  wild.get(module, index, () => findWild(reach, module, index));

function findWild(reach: Reach, module: Module, index: number): boolean {
  const body = bodyOf(module, index);
  if (body.indirectJumps.length === 0 || body.tableTargets.size > 0) return false;
  return body.indirectJumps.some((address) => {
    readAt(module.code, address);
    if (found.reference === reference.memory) return false;
    return frameOf(reach.world, module, index).stack[body.positions.get(address)!] !== 0;
  });
}

/** Whether an instruction only fills space that nothing leads into: behind a jump, or a call that does not come back. */
function isDeadPadding(reach: Reach, module: Module, body: Body, position: number): boolean {
  for (let at = position; at >= 0; at--) {
    const address = body.addresses[at]!;
    readAt(module.code, address);
    if (!found.isPadding || body.jumps.has(address) || body.tableTargets.has(address)) return false;
    if (referencesTo(module, address).length > 0) return false;
    if (at === 0) return module.code.functionContinues[functionAt(module.code, address)] === 0;
    if (body.fallsThrough[at - 1] === 0 || endsThere(reach.world, module, body.addresses[at - 1]!))
      return true;
  }
  return false;
}

/** Ways to an address that go through words in memory: offset tables, and pointers in data. */
function* fromElsewhere(reach: Reach, spot: Spot, index: number, isStart: boolean): Generator<Way> {
  if (isStart) {
    const node = spot.module.base + index;
    if (reach.entries.has(node) || (reach.lookedUp.has(node) && reach.from[node] === -1))
      yield { kind: 'lost', why: `an entry (${reach.roots.get(node) ?? ''})` };
    else if (reach.named.has(node)) yield { kind: 'lost', why: 'a function that is looked up by name' };
    else if (reach.lookedUp.has(node)) yield { kind: 'unsure', why: 'a function that is looked up by name' };
    if (reach.taken.has(node)) yield { kind: 'pointer', taking: undefined };
  }
  for (const word of wordsTo(reach, spot)) {
    const { module, address } = word;
    const { code } = module;
    if (module.isSurface) {
      yield { kind: 'lost', why: `a plug-in whose code is not looked into (${module.path})` };
      continue;
    }
    if (!isWordReached(reach, module, address)) continue;
    // What nobody but calls and jumps reads holds no pointer for others.
    let isPointer = code.regions[regionAt(code, address)]?.isSlots !== true;
    for (const named of referencesTo(module, address)) {
      const site = code.site[named]!;
      if (!isReached(reach, module, site)) continue;
      if (code.use[named] !== use.through || code.width[named] === 0) {
        isPointer = true;
        continue;
      }
      readAt(code, site);
      const isCall = found.flow === flow.callIndirect;
      yield { kind: isCall ? 'call' : 'jump', spot: { module, address: site } };
    }
    if (isPointer) yield { kind: 'pointer', taking: { kind: 'word', module, address } };
  }
}

/** Whether what is named is no function, but a place where one goes on: compilers take its address to come back to it. */
function isLabel({ module }: Spot, index: number, position: number, kind: number): boolean {
  return (
    position > 0 &&
    (kind === use.address || kind === use.constant) &&
    module.code.functionIsKnown[index] === 1
  );
}

/** Words in memory that hold an address of one file's code, by that address. */
interface Words {
  /** Ascending. */
  readonly target: Float64Array;
  /** Where each stands: the file, by its index in the world, and the address there. */
  readonly file: Uint32Array;
  readonly place: Float64Array;
}

const words = new WeakMap<Reach, { modules: number; byModule: ReadonlyMap<Module, Words> }>();

/** Words that the loader fills with an address of code, and words of files at fixed addresses that are a function's. */
function* wordsTo(reach: Reach, { module, address }: Spot): Generator<Spot> {
  const { modules } = reach.world;
  let all = words.get(reach);
  if (all === undefined || all.modules !== modules.length) {
    all = { modules: modules.length, byModule: allWords(reach) };
    words.set(reach, all);
  }
  const own = all.byModule.get(module);
  if (own === undefined) return;
  for (let at = lastNotAbove(own.target, address); at >= 0 && own.target[at] === address; at--)
    yield { module: modules[own.file[at]!]!, address: own.place[at]! };
}

function allWords(reach: Reach): ReadonlyMap<Module, Words> {
  const { modules } = reach.world;
  const lists = modules.map(() => ({
    targets: [] as number[],
    files: [] as number[],
    places: [] as number[],
  }));
  const add = (target: Spot, module: Module, place: number) => {
    const { targets, files, places } = lists[target.module.index]!;
    targets.push(target.address);
    files.push(module.index);
    places.push(place);
  };
  for (const module of modules) {
    const { relocations, isFixed, regions, elf, functionStart } = module.code;
    for (let index = 0; index < relocations.count; index++) {
      for (const target of relocationTargets(reach.world, module, index)) {
        const { code } = target.module;
        if (code.regions[regionAt(code, target.address)]?.isCode !== true) continue;
        add(target, module, relocations.place[index]!);
      }
    }
    if (functionStart.length === 0) continue;
    for (const { target, place } of goMethods(module)) add({ module, address: target }, module, place);
    if (!isFixed) continue;
    const first = functionStart[0]!;
    const last = functionStart.at(-1)!;
    for (const region of regions) {
      if (region.isCode) continue;
      forEachWord(elf, region, region.start, region.end, (address, value) => {
        if (value < first || value > last || functionStart[lastNotAbove(functionStart, value)] !== value)
          return;
        add({ module, address: value }, module, address);
      });
    }
  }
  return new Map(
    lists.map(({ targets, files, places }, module) => {
      const order = Uint32Array.from(targets, (_, index) => index).sort((a, b) => targets[a]! - targets[b]!);
      return [
        modules[module]!,
        {
          target: Float64Array.from(order, (index) => targets[index]!),
          file: Uint32Array.from(order, (index) => files[index]!),
          place: Float64Array.from(order, (index) => places[index]!),
        },
      ];
    }),
  );
}

/** Go's descriptions of types name methods by their distance from the code's start (internal/abi/type.go, Method), for
 * reflection and interfaces to call. Each word of data that could be one is taken for one, unless the function is no method. */
function* goMethods({ code }: Module): Generator<{ target: number; place: number }> {
  const text = goText(code);
  if (text === undefined) return;
  const { bytes } = code.elf;
  const plain = goPlainFunctions(code);
  const { functionStart } = code;
  for (const region of code.regions) {
    if (
      region.isCode ||
      region.offset === undefined ||
      // Those of programs that can be loaded anywhere have relocations, too.
      !/rodata|typelink|^\.data/.test(region.name) ||
      region.name.endsWith('.gopclntab')
    )
      continue;
    for (let place = Math.ceil(region.start / 4) * 4; place + 4 <= region.end; place += 4) {
      const target = text + bytes.readUInt32LE(region.offset + (place - region.start));
      const at = lastNotAbove(functionStart, target);
      if (at >= 0 && functionStart[at] === target && !plain.has(target)) yield { target, place };
    }
  }
}
