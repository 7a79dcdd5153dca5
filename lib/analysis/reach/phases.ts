// What can still run when main begins. Start-up code (the loader, initialisers, the C library's own start) is done by then, and
// comes back only where something leads to it: a pointer that it left behind, the finalisers, or main itself. So execution
// begins anew at main, at the code that runs when main returns, at the finalisers, and at everything that any code of the
// start-up took the address of or read a pointer to; calls alone leave nothing behind.

import { readFullSymbols, STT_FUNC } from '../../elf/dynamic.ts';
import { functionAt, offsetIn, regionAt, use } from '../code/code.ts';
import { sitesBetween } from '../code/tables.ts';
import { addressRegister } from '../code/x86-64/flow.ts';
import { flow, found } from '../code/x86-64/lengths.ts';
import { VDSO } from '../files/vdso.ts';
import type { Module, Spot, World } from '../files/world.ts';
import { endsThere, readAt } from '../values/bodies.ts';
import { addLookup, addModuleRoots, addRoot, addSurface, addTaken, addWord } from './beginnings.ts';
import { flightFrom } from './flight.ts';
import { run } from './follow.ts';
import { leadsNowhere, newReach, type Reach, reachedFunctions, stillAwaited } from './reach.ts';

export interface Later {
  /** What can be reached from main on; undefined: that is not known, and `why` says why. */
  readonly reach: Reach | undefined;
  readonly main: Spot | undefined;
  readonly why: string;
}

const RDI = 7;

/** `starting`: the files that are loaded before main. All others are loaded later, with their initialisers. */
export function laterReach(whole: Reach, program: Module, starting: ReadonlySet<Module>): Later {
  const { world } = whole;
  const start = findMain(world, program);
  if (typeof start === 'string') return { reach: undefined, main: undefined, why: start };
  const reach = newReach(world, runOnce(world), new Set(whole.released));
  addRoot(reach, start.main, 'main');
  for (const frame of start.frames) addRoot(reach, frame, 'where main returns to');
  for (const module of world.modules) {
    if (module.path === VDSO) continue;
    addModuleRoots(reach, module, !starting.has(module));
  }
  // Roots that are no file's own: the vDSO, names that are looked up, exports of plug-ins.
  for (const { spot, why, by, isNamed } of whole.given) {
    if (by === undefined) addRoot(reach, spot, why);
    else addLookup(reach, spot, by, isNamed);
  }
  run(reach);
  for (const module of world.modules) {
    if (module.isSurface) addSurface(reach, module, 'plug-in');
    leftBehind(whole, reach, module);
    run(reach);
  }
  return { reach, main: start.main, why: '' };
}

/** What the code of the whole process can have stored. */
function leftBehind(whole: Reach, reach: Reach, module: Module): void {
  const { code } = module;
  for (const index of reachedFunctions(whole, module)) {
    // What main reaches is followed anyway.
    if (reach.from[module.base + index] !== 0) continue;
    const [first, behind] = sitesBetween(code.site, code.functionStart[index]!, code.functionEnd[index]!);
    for (let at = first; at < behind; at++) {
      const kind = code.use[at]!;
      if (kind === use.call || kind === use.jump || kind === use.through) continue;
      if (stillAwaited(reach, code, at).length > 0) continue;
      const spot = { module, address: code.target[at]! };
      const why = 'start-up code has its address';
      if (kind === use.memory && code.width[at] !== 0) {
        addWord(reach, spot, code.width[at]!, why);
        continue;
      }
      if (leadsNowhere(reach, spot)) continue;
      if (reach.barred.get(module)?.has(spot.address) === true) continue;
      if (!stays(whole.world, module, at)) addTaken(reach, spot, why);
    }
  }
}

/** Functions that run once, before main: the entry of each file that is started, and of a loader what the code that its entry calls
 * hands on to be called (glibc's dl_main). That their addresses are not called again is taken from knowledge: the entry is no function at all, it has
 * no return address (System V ABI for x86-64, 3.4.1); both are compared with other addresses (glibc, elf/rtld.c, dl_main
 * and dlmopen_doit), which leads through memory and cannot be followed. */
function runOnce(world: World): ReadonlyMap<Module, ReadonlySet<number>> {
  const found = new Map<Module, ReadonlySet<number>>();
  for (const module of world.started) {
    const { code } = module;
    const once = new Set([code.elf.entry]);
    found.set(module, once);
    if (module.interpreter === undefined) continue;
    const seen = new Set<number>();
    const queue = [functionAt(code, code.elf.entry)];
    for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
      if (index < 0 || seen.has(index)) continue;
      seen.add(index);
      const [first, behind] = sitesBetween(code.site, code.functionStart[index]!, code.functionEnd[index]!);
      for (let at = first; at < behind; at++) {
        const kind = code.use[at]!;
        const target = code.target[at]!;
        if (kind === use.call || kind === use.jump) queue.push(functionAt(code, target));
        if (kind !== use.address || code.regions[regionAt(code, target)]?.isCode !== true) continue;
        const site = code.site[at]!;
        const register = addressRegister(code.elf.bytes, offsetIn(module.code, site), site);
        if (register < 0) continue;
        const flight = flightFrom(world, module, site, register, {
          isData: false,
          self: { module, address: target },
        });
        if (!flight.escapes && flight.calls.some((one) => one.isItself)) once.add(target);
      }
    }
  }
  return found;
}

/** Whether an address is only compared, or called, where it is taken. */
function stays(world: World, module: Module, at: number): boolean {
  const { code } = module;
  const target = code.target[at]!;
  const site = code.site[at]!;
  const region = code.regions[regionAt(code, target)];
  if (region === undefined) return false;
  const isCode = region.isCode;
  // Strings and numbers lead nowhere.
  const register = addressRegister(code.elf.bytes, offsetIn(module.code, site), site);
  if (register < 0) return false;
  const flight = flightFrom(
    world,
    module,
    site,
    register,
    isCode ? { isData: false, self: { module, address: target } } : { isData: true },
  );
  return !flight.escapes && !(flight.isUsed && !isCode);
}

interface Start {
  readonly main: Spot;
  /** Code that runs when main has returned. */
  readonly frames: readonly Spot[];
}

/** As the launcher finds it (native/core/breakpoint.c): by its symbol, and as the first parameter that the code at the
 * entry hands on (glibc: sysdeps/x86_64/start.S). What becomes of it then is followed. */
function findMain(world: World, program: Module): Start | string {
  const { code } = program;
  const index = functionAt(code, code.elf.entry);
  if (index < 0) return 'its entry point is no code';
  const [first, behind] = sitesBetween(code.site, code.elf.entry, code.functionEnd[index]!);
  for (let at = first; at < behind; at++) {
    const kind = code.use[at]!;
    if (kind !== use.address && kind !== use.constant) continue;
    const site = code.site[at]!;
    if (addressRegister(code.elf.bytes, offsetIn(program.code, site), site) !== RDI) continue;
    const main = { module: program, address: code.target[at]! };
    if (code.regions[regionAt(code, main.address)]?.isCode !== true) continue;
    if (mainSymbols(program).some((one) => one.address !== main.address))
      return 'its start hands on something else than main';
    const flight = flightFrom(world, program, site, RDI, { isData: false, self: main });
    if (flight.escapes) return 'its start code does more with main than to call it';
    if (flight.calls.length === 0) return 'its start code does not call main';
    // A function that only hands main on is come back to unless the one it calls never returns.
    const frames = flight.calls.filter((one) => one.isItself || !isLast(world, one));
    return { main, frames };
  }
  return 'its start code does not name main';
}

function mainSymbols(program: Module): readonly { address: number }[] {
  return [...(program.code.dynamic?.symbols ?? []), ...readFullSymbols(program.code.elf)].filter(
    (one) => one.defined && one.type === STT_FUNC && one.name === 'main',
  );
}

/** Whether a call does not come back, or nothing but a stop comes behind it. */
function isLast(world: World, call: Spot): boolean {
  if (endsThere(world, call.module, call.address)) return true;
  readAt(call.module.code, call.address);
  const next = call.address + found.length;
  if (functionAt(call.module.code, next) < 0) return false;
  readAt(call.module.code, next);
  return found.flow === flow.stop;
}
