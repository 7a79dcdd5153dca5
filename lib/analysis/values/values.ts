// Which values registers can hold at an instruction: asked backwards, through all ways that lead there, within the function
// and, where a value is a parameter, through every reached caller. Several registers are asked for at once, so that what is
// found belongs together: the number of a call and its arguments, a domain and its type. What cannot be followed is "not
// known" with the place where it was lost; no answer is ever narrower than the code.

import { firstRelocation } from '../../elf/relocations.ts';
import { type CodeFile, functionAt, regionAt, use } from '../code/code.ts';
import { isGo } from '../code/go.ts';
import type { Spot } from '../files/world.ts';
import { KeptWhileReached } from '../kept.ts';
import { isReached, type Reach } from '../reach/reach.ts';
import {
  applied,
  type Bits,
  bitwise,
  combine,
  exactly,
  isExact,
  join,
  joinSteps,
  keyOfBits,
  keyOfSteps,
  low,
  mask,
  type Step,
  type Steps,
  unknownBits,
  withStep,
} from './bits.ts';
import { bodyOf, operationAt, referencesTo } from './bodies.ts';
import { heldAfter } from './branches.ts';
import { frameOf } from './frames.ts';
import { carried, keyOfPlace, type Load, type Place, type Source, sourcesOf } from './places.ts';
import { callersThrough, isCallThrough } from './pointers.ts';
import { type Taking, type Way, waysTo } from './ways.ts';

export interface Lost extends Spot {
  readonly why: string;
}

/** Whether an address that is not known was put together from others, and not kept in memory. */
export const isComputed = ({ why }: Lost): boolean => [COMPUTED, LOOPING, IN_PART].includes(why);

export interface Values {
  readonly constants: ReadonlySet<number>;
  /** Where other values may come from; empty: there are none. */
  readonly lost: readonly Lost[];
  /** A function on the way may be looked up by name: from there come no values. */
  readonly isOpen: boolean;
}

/** Registers that were asked for together, in one of the ways to come there. */
export interface Context {
  readonly values: readonly Bits[];
  /** Why a value is not known, by register asked for; only where it is not. */
  readonly lost: readonly (Lost | undefined)[];
  /** Where the last of the values was found. */
  readonly spot: Spot;
}

export interface Found {
  readonly contexts: readonly Context[];
  /** Ways on which the number is not known. */
  readonly lost: readonly Lost[];
  /** The number's function can be called from places that are not known: what stands beside a number there can be anything. */
  readonly isOpen: boolean;
  /** There are too many ways: the contexts are not all. */
  readonly isGivenUp: boolean;
}

export interface Wanted {
  /** RAX 0 …; each stands for 64 bits. */
  readonly registers: readonly number[];
  /** The first register is a call's number: 32 bits that have to be known, and calls through pointers are looked at. */
  readonly isNumbered: boolean;
  /** The first register is an address, which has to be known: see `addressesBefore`. */
  readonly isAddress?: boolean;
  /** What several files hold is found for each of them: a number is an address of its file alone (files at fixed addresses). */
  readonly isByFile?: boolean;
  /** States that are looked at. What needs more has a loop that changes a value, or very many callers. */
  readonly budget: number;
}

const NUMBER_BUDGET = 20_000;
const OPERAND_BUDGET = 600;
const MAX_LOST = 8;
const MAX_LOST_NAMES = 64;
const TOO_MANY = 'too many ways lead here';
const COMPUTED = 'a computed address';
const LOOPING = 'a value that changes in a loop';
const IN_PART = 'a number in part';
const MAX_CONTEXTS = 400;
/** What happens to one value at one place, on different ways, before it is joined. */
const MAX_VARIANTS = 12;
const MAX_STEPS = 16;
const MAX_OFFSETS = 4;
const MAX_OPERANDS = 12;
const NUMBER_BITS = 32;
const POINTER = 8;

type Track =
  | { readonly kind: 'open'; readonly place: Place; readonly steps: Steps }
  | { readonly kind: 'done'; readonly bits: Bits; readonly lost: Lost | undefined };

interface State extends Spot {
  readonly tracks: readonly Track[];
}

interface Search {
  readonly reach: Reach;
  readonly wanted: Wanted;
  readonly contexts: Map<string, Context>;
  readonly lost: Lost[];
  readonly queue: State[];
  readonly seen: Set<string>;
  /** What happened to values on the ways to a place. */
  readonly variants: Map<string, Steps[]>;
  /** Offsets from a register at which memory was looked for at a place. */
  readonly offsets: Map<string, Set<number>>;
  /** A pointer to a function on the way is never called. */
  isUncalled: boolean;
  isOpen: boolean;
  isGivenUp: boolean;
}

/** What `register` (RAX 0 …) can hold just before the instruction at `spot`. */
export function valuesBefore(reach: Reach, spot: Spot, register: number): Values {
  const found = contextsBefore(reach, spot, {
    registers: [register],
    isNumbered: true,
    budget: NUMBER_BUDGET,
  });
  const constants = new Set(found.contexts.map((one) => Number(one.values[0]!.value)));
  return { constants, lost: found.lost, isOpen: found.isOpen };
}

/** Addresses in files, or plain numbers (`module` is then the file that they stand in). */
export interface Addresses {
  readonly found: readonly { readonly spot: Spot; readonly isNumber: boolean }[];
  /** Where others may come from. */
  readonly lost: readonly Lost[];
}

/** Addresses of all files in one number: the file's index, counted from 1, above the address. */
const ADDRESS_BITS = 48n;

/** Which addresses `register` can hold just before the instruction at `spot`. */
export function addressesBefore(reach: Reach, spot: Spot, register: number): Addresses {
  const { contexts, lost, isGivenUp } = contextsBefore(reach, spot, {
    registers: [register],
    isNumbered: false,
    isAddress: true,
    isByFile: true,
    budget: NUMBER_BUDGET,
  });
  const found = contexts.map(({ values, spot: at }) => {
    const { value } = values[0]!;
    const module = reach.world.modules[Number(value >> ADDRESS_BITS) - 1];
    const address = Number(BigInt.asUintN(Number(ADDRESS_BITS), value));
    return { spot: { module: module ?? at.module, address }, isNumber: module === undefined };
  });
  return { found, lost: isGivenUp && lost.length === 0 ? [{ ...spot, why: TOO_MANY }] : lost };
}

/** What the wanted registers can hold together just before the instruction at `spot`. */
export function contextsBefore(reach: Reach, spot: Spot, wanted: Wanted): Found {
  const places = wanted.registers.map((register): Place => ({ kind: 'register', register }));
  return ask(reach, spot, places, wanted);
}

function ask(reach: Reach, spot: Spot, places: readonly Place[], wanted: Wanted): Found {
  const search: Search = {
    reach,
    wanted,
    contexts: new Map(),
    lost: [],
    queue: [{ ...spot, tracks: places.map((place): Track => ({ kind: 'open', place, steps: [] })) }],
    seen: new Set(),
    variants: new Map(),
    offsets: new Map(),
    isUncalled: false,
    isOpen: false,
    isGivenUp: false,
  };
  let left = wanted.budget;
  for (let state = search.queue.pop(); state !== undefined; state = search.queue.pop()) {
    const widened = widen(search, state);
    const key = keyOf(widened);
    if (search.seen.has(key)) continue;
    if (left-- === 0 || search.contexts.size > MAX_CONTEXTS) {
      search.isGivenUp = true;
      if (wanted.isNumbered) addLost(search, { ...spotOf(state), why: TOO_MANY });
      break;
    }
    search.seen.add(key);
    if (settled(search, widened)) continue;
    goBack(search, widened);
  }
  // Nothing leads there: then it is our view of the code that is wrong. But where all that leads there is a pointer that nothing
  // calls, nothing does.
  if (wanted.isNumbered && search.contexts.size === 0 && search.lost.length === 0 && !search.isUncalled)
    search.lost.push({ ...spot, why: 'no way leads here' });
  return {
    contexts: [...search.contexts.values()],
    lost: search.lost,
    isOpen: search.isOpen,
    isGivenUp: search.isGivenUp || (search.contexts.size === 0 && !wanted.isNumbered),
  };
}

/** The first of them are enough to say; but the search goes on, for what else is found counts, too. */
function addLost(search: Search, lost: Lost): void {
  const { module, address, why } = lost;
  const isKnown = (one: Lost) => one.module === module && one.address === address && one.why === why;
  const most = search.wanted.isAddress === true ? MAX_LOST_NAMES : MAX_LOST;
  if (search.lost.length < most && !search.lost.some(isKnown)) search.lost.push(lost);
}

const spotOf = ({ module, address }: Spot): Spot => ({ module, address });

function keyOf(state: State): string {
  let key = `${state.module.index} ${state.address}`;
  for (const track of state.tracks)
    key +=
      track.kind === 'done'
        ? ` =${keyOfBits(track.bits)}`
        : ` ${keyOfPlace(track.place)}:${keyOfSteps(track.steps)}`;
  return key;
}

/** A loop that changes a value, or many ways that do: what they have in common. */
function widen(search: Search, state: State): State {
  let isChanged = false;
  const tracks = state.tracks.map((track, at): Track => {
    if (track.kind === 'done') return track;
    if (track.place.kind === 'memory' && isWalking(search, state, at, track.place)) {
      isChanged = true;
      return done(track.steps, unknownBits, { ...spotOf(state), why: 'memory at a pointer that moves' });
    }
    if (track.steps.length === 0) return track;
    const key = `${at} ${state.module.index} ${state.address} ${keyOfPlace(track.place)}`;
    const variants = search.variants.get(key);
    if (variants === undefined) {
      search.variants.set(key, [track.steps]);
      return track;
    }
    const own = keyOfSteps(track.steps);
    if (variants.some((one) => keyOfSteps(one) === own)) return track;
    variants.push(track.steps);
    if (variants.length <= MAX_VARIANTS && track.steps.length <= MAX_STEPS) return track;
    isChanged = true;
    let joined: Steps | undefined = track.steps;
    for (const one of variants) joined = joined === undefined ? undefined : joinSteps(joined, one);
    if (joined !== undefined) {
      variants.push(joined);
      return { ...track, steps: joined };
    }
    return done(track.steps, unknownBits, { ...spotOf(state), why: LOOPING });
  });
  return isChanged ? { ...state, tracks } : state;
}

/** Whether a pointer leads to ever new memory, in a loop. */
function isWalking(search: Search, state: State, at: number, place: Place & { kind: 'memory' }): boolean {
  const key = `${at} ${state.module.index} ${state.address} ${place.register}`;
  const offsets = search.offsets.get(key);
  if (offsets === undefined) search.offsets.set(key, new Set([place.offset]));
  else offsets.add(place.offset);
  return (offsets?.size ?? 0) > MAX_OFFSETS;
}

function done(steps: Steps, bits: Bits, lost: Lost | undefined): Track {
  const result = applied(bits, steps);
  return { kind: 'done', bits: result, lost: isExact(result) ? undefined : lost };
}

/** Whether all values are found: then they are kept. A number that is lost ends a way, too. */
function settled(search: Search, state: State): boolean {
  const { tracks } = state;
  const { isNumbered, isAddress } = search.wanted;
  if (isNumbered || isAddress === true) {
    const first = tracks[0]!;
    if (first.kind === 'done' && !isExact(first.bits, isNumbered ? NUMBER_BITS : 64)) {
      addLost(search, first.lost ?? { ...spotOf(state), why: IN_PART });
      return true;
    }
  }
  const values: Bits[] = [];
  for (const track of tracks) {
    if (track.kind === 'open') return false;
    values.push(track.bits);
  }
  if (search.wanted.isNumbered) values[0] = low(values[0]!, NUMBER_BITS);
  const where = search.wanted.isByFile === true ? [state.module.index] : [];
  const key = [...where, ...values.map(keyOfBits)].join(' ');
  const lost = tracks.map((track) => (track.kind === 'done' ? track.lost : undefined));
  if (!search.contexts.has(key)) search.contexts.set(key, { values, lost, spot: spotOf(state) });
  return true;
}

/** All that was open is not known. */
function lose(search: Search, state: State, why: string, at: Spot = spotOf(state)): void {
  const tracks = state.tracks.map((track) =>
    track.kind === 'done' ? track : done(track.steps, unknownBits, { ...at, why }),
  );
  settled(search, { ...state, tracks });
}

function goBack(search: Search, state: State): void {
  const { module, address } = state;
  const index = functionAt(module.code, address);
  if (index < 0) {
    lose(search, state, 'code outside of any function');
    return;
  }
  for (const way of waysTo(search.reach, state, index)) follow(search, state, index, way);
}

function follow(search: Search, state: State, index: number, way: Way): void {
  switch (way.kind) {
    case 'step':
      step(search, state, index, way.address);
      return;
    case 'jump':
    case 'call':
      cross(search, state, index, way.spot, way.kind === 'call');
      return;
    case 'run-on':
      runOn(search, state, way.spot);
      return;
    case 'pointer':
      throughPointer(search, state, index, way.taking);
      return;
    case 'unsure':
      if (!search.wanted.isNumbered || state.tracks[0]!.kind === 'done') lose(search, state, way.why);
      else search.isOpen = true;
      return;
    case 'lost':
      lose(search, state, way.why);
  }
}

/** Back over an instruction of the same function. */
function step(search: Search, state: State, index: number, address: number): void {
  const { module } = state;
  const position = bodyOf(module, index).positions.get(address)!;
  const where = { world: search.reach.world, module, index, position, address };
  const choices = narrowed(search, state.tracks, { module, address }, index, state.address).map((track) =>
    track.kind === 'done'
      ? [track]
      : sourcesOf(where, track.place).flatMap((source) =>
          tracksOf(search, { module, address }, track, source),
        ),
  );
  for (const tracks of combinations(choices)) search.queue.push({ ...state, address, tracks });
}

/** What a branch that was passed on the way to `next` says of the registers that are asked for. */
function narrowed(
  search: Search,
  tracks: readonly Track[],
  branch: Spot,
  index: number,
  next: number,
): readonly Track[] {
  const held = heldAfter(search.reach, branch, index, next);
  if (held === undefined) return tracks;
  return tracks.map((track, at): Track => {
    if (track.kind === 'done' || track.place.kind !== 'register' || track.place.register !== held.register)
      return track;
    const steps = withStep(track.steps, bitwise(~mask(held.width), held.value));
    const bits = applied(unknownBits, steps);
    // Who asks for the number of a call does not ask for what stands above it.
    const width = search.wanted.isNumbered && at === 0 ? NUMBER_BITS : 64;
    return isExact(bits, width) ? { kind: 'done', bits, lost: undefined } : { ...track, steps };
  });
}

function* combinations(choices: readonly (readonly Track[])[]): Generator<readonly Track[]> {
  if (choices.every((one) => one.length === 1)) {
    yield choices.map((one) => one[0]!);
    return;
  }
  const at = new Array<number>(choices.length).fill(0);
  for (;;) {
    yield choices.map((one, index) => one[at[index]!]!);
    let index = 0;
    while (index < at.length && ++at[index]! === choices[index]!.length) at[index++] = 0;
    if (index === at.length) return;
  }
}

/** What a track becomes where its value comes from a source. */
function tracksOf(
  search: Search,
  spot: Spot,
  track: Track & { kind: 'open' },
  source: Source,
): readonly Track[] {
  if (source.kind === 'unknown' && source.address !== undefined && search.wanted.isAddress === true) {
    const value = (BigInt(spot.module.index + 1) << ADDRESS_BITS) | BigInt(source.address);
    return [done(track.steps, exactly(value), undefined)];
  }
  if (source.kind === 'unknown') return [done(track.steps, unknownBits, { ...spot, why: source.why })];
  const steps = source.steps.reduceRight<Steps>((all, one: Step) => withStep(all, one), track.steps);
  switch (source.kind) {
    case 'place':
      if (source.place.kind === 'register' && source.place.register === 4)
        return [done(steps, unknownBits, { ...spot, why: 'an address on the stack' })];
      return [{ kind: 'open', place: source.place, steps }];
    case 'constant':
      return [done(steps, exactly(source.value), undefined)];
    case 'load': {
      const value = constantMemory(spot.module.code, source.address, source.size);
      if (value !== undefined) return [done(steps, exactly(value), undefined)];
      const kept = keptVariable(search, spot, source.address);
      if (kept !== undefined) return kept.map((bits) => done(steps, bits, { ...spot, why: 'a variable' }));
      return [done(steps, sized(source.size), { ...spot, why: 'a variable' })];
    }
    case 'two': {
      const first = valuesOf(search.reach, spot, source.first);
      const second = valuesOf(search.reach, spot, source.second);
      return first.values.flatMap((a) =>
        second.values.map((b) =>
          done(
            steps,
            combine(source.operator, a, b, source.width),
            search.wanted.isAddress === true ? { ...spot, why: COMPUTED } : (first.lost ?? second.lost),
          ),
        ),
      );
    }
  }
}

/** Bytes that are not known, and nothing above them. */
const sized = (size: number): Bits => low(unknownBits, Math.min(64, size * 8));

interface Operands {
  readonly values: readonly Bits[];
  readonly lost: Lost | undefined;
}

const operands = new KeptWhileReached<string, Operands>();

/** The values of one operand by itself, asked for where two are put together. */
function valuesOf(reach: Reach, spot: Spot, place: Place | Load): Operands {
  if (place.kind === 'load') {
    const value = constantMemory(spot.module.code, place.address, place.size);
    return value === undefined
      ? { values: [sized(place.size)], lost: { ...spot, why: 'a variable' } }
      : { values: [exactly(value)], lost: undefined };
  }
  const known = operands.of(reach);
  const key = `${spot.module.index} ${spot.address} ${keyOfPlace(place)}`;
  const old = known.get(key);
  if (old !== undefined) return old;
  const nothing = { values: [unknownBits], lost: { ...spot, why: LOOPING } };
  // Whoever comes back here while it is being asked learns nothing.
  known.set(key, nothing);
  const found = ask(reach, spot, [place], { registers: [], isNumbered: false, budget: OPERAND_BUDGET });
  let result: Operands = nothing;
  if (!found.isGivenUp) {
    const values = found.contexts.map((one) => one.values[0]!);
    const lost = found.contexts.map((one) => one.lost[0]).find((one) => one !== undefined);
    result = { values: values.length > MAX_OPERANDS ? [values.reduce(join)] : values, lost };
  }
  known.set(key, result);
  return result;
}

/** Back to where control comes from another function. */
function cross(search: Search, state: State, index: number, spot: Spot, isCall: boolean): void {
  const { world } = search.reach;
  const from = functionAt(spot.module.code, spot.address);
  if (from < 0) {
    lose(search, state, 'code outside of any function', spot);
    return;
  }
  const position = bodyOf(spot.module, from).positions.get(spot.address);
  if (position === undefined) {
    lose(search, state, 'a jump into an instruction', spot);
    return;
  }
  const where = { world, module: spot.module, index: from, position, address: spot.address };
  const branched = isCall ? state.tracks : narrowed(search, state.tracks, spot, from, state.address);
  const tracks = branched.map((track): Track => {
    if (track.kind === 'done' || track.place.kind === 'register') return track;
    const here = bodyOf(state.module, index).positions.get(state.address)!;
    const depth = frameOf(world, state.module, index).stack[here]!;
    const there = frameOf(world, spot.module, from).stack[position]!;
    const place = carried(where, track.place, depth, there, isCall);
    return typeof place === 'string'
      ? done(track.steps, unknownBits, { ...spotOf(state), why: place })
      : { ...track, place };
  });
  search.queue.push({ ...spot, tracks });
}

/** Back into the function before, which has no jump at its end. */
function runOn(search: Search, state: State, spot: Spot): void {
  const tracks = state.tracks.map(
    (track): Track =>
      track.kind === 'done' || track.place.kind === 'register'
        ? track
        : done(track.steps, unknownBits, { ...spotOf(state), why: 'memory, from the function before' }),
  );
  step(search, { ...state, tracks }, functionAt(spot.module.code, spot.address), spot.address);
}

/** Only a number is followed through pointers; an argument can then be anything. */
function throughPointer(search: Search, state: State, index: number, taking: Taking | undefined): void {
  const first = state.tracks[0]!;
  const why = 'a function whose address is taken';
  if (!search.wanted.isNumbered || first.kind === 'done' || taking === undefined) {
    lose(search, state, why);
    return;
  }
  const { module, address } = state;
  const { calls, lost } = callersThrough(search.reach, { module, address }, taking);
  if (lost !== undefined) {
    lose(search, state, `${why}: ${lost.why}`, spotOf(lost));
    return;
  }
  if (calls.length === 0) search.isUncalled = true;
  for (const call of calls) cross(search, state, index, call, isCallThrough(call));
}

/** Memory that nobody can write: in a read-only part of the file, and without a relocation. */
function constantMemory(code: CodeFile, address: number, size: number): bigint | undefined {
  const region = code.regions[regionAt(code, address)];
  if (
    size > 8 ||
    region === undefined ||
    region.isWritable ||
    region.offset === undefined ||
    address + size > region.end
  )
    return undefined;
  const index = firstRelocation(code.relocations, address - 7);
  if (index < code.relocations.count && code.relocations.place[index]! < address + size) return undefined;
  const at = region.offset + (address - region.start);
  let value = 0n;
  for (let byte = size - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(code.elf.bytes[at + byte]!);
  return value;
}

/** A variable that only plain stores of its own file can set: its initial value, and what is stored. Only where the language
 * keeps variables apart: in C a structure's field can be set through the structure's address. */
function keptVariable(search: Search, spot: Spot, address: number): readonly Bits[] | undefined {
  const { code } = spot.module;
  const region = code.regions[regionAt(code, address)];
  if (region === undefined || region.isCode || !region.isWritable || !isGo(code)) return undefined;
  if (address + POINTER > region.end) return undefined;
  const initial =
    region.offset === undefined
      ? 0n
      : code.elf.bytes.readBigUInt64LE(region.offset + (address - region.start));
  const values: Bits[] = [exactly(initial)];
  for (const named of referencesTo(spot.module, address)) {
    const site = code.site[named]!;
    if (!isReached(search.reach, spot.module, site)) continue;
    if (code.use[named] !== use.memory) return undefined;
    const { store, stored } = operationAt(code, site);
    if (store === undefined) continue;
    const [origin] = stored;
    if (typeof store === 'string' || store.size !== 8 || stored.length !== 1) return undefined;
    if (origin?.kind === 'constant') values.push(exactly(origin.value));
    else if (origin?.kind === 'place' && origin.place.kind === 'register') {
      const found = valuesOf(search.reach, { module: spot.module, address: site }, origin.place);
      values.push(...found.values);
    } else return undefined;
  }
  return values;
}
