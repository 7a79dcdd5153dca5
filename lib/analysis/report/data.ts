// What the report page shows, as plain data: each call with what is permitted of it, the places that make it and the way to
// each; each file with what it brings; what was widened and why. Made from the policy as well as from the analysis, so that
// conditions on arguments and a phase of main show as soon as the policy has them.

import { abis } from '../../linux/abi.ts';
import { parametersOf } from '../../linux/arguments.ts';
import { syscallNumber } from '../../linux/syscalls.ts';
import { permits } from '../../policy/action.ts';
import { printCall, printPolicy } from '../../policy/language/print.ts';
import type { Policy, Statement } from '../../policy/model.ts';
import { type Analysis, labelOf } from '../analyze.ts';
import { VDSO } from '../files/vdso.ts';
import { isLoader, type Module } from '../files/world.ts';
import { isReached, reachedFunctions } from '../reach/reach.ts';
import { type CallSite, setIdCalls } from '../values/numbers.ts';
import { chainTo } from '../why.ts';

export interface ReportData {
  readonly program: string;
  readonly calls: readonly ReportCall[];
  readonly files: readonly ReportFile[];
  readonly places: readonly ReportPlace[];
  /** Indices of places whose number is not known, or is known only from other places. */
  readonly widened: readonly number[];
  readonly notices: readonly string[];
  /** Libraries that are needed and were not found. */
  readonly missing: readonly { readonly name: string; readonly by: string }[];
  /** Whether the policy narrows itself from main on. */
  readonly hasMain: boolean;
  /** In the policy language. */
  readonly policy: string;
}

export interface ReportCall {
  readonly name: string;
  /** On x86-64. */
  readonly number: number;
  /** The kernel's names and C types; absent: not known. */
  readonly parameters?: readonly (readonly [name: string, type: string])[];
  /** What is permitted of it from exec on, as the policy says it: the name alone, or with conditions. */
  readonly permits: readonly string[];
  /** The same from main on; absent: no change. Empty: refused from then on. */
  readonly main?: readonly string[];
  readonly isConstrained: boolean;
  /** No place is known that makes it: it is permitted because the number of some call is not known. */
  readonly isWidened: boolean;
  /** Indices of the places that make it, the one with the shortest way first; none: widened, or the kernel's own. */
  readonly places: readonly number[];
  readonly note: string;
}

/** An instruction that makes calls. */
export interface ReportPlace {
  readonly file: number;
  readonly label: string;
  readonly address: number;
  readonly calls: readonly string[];
  /** Why the number is not known, and where it was lost. */
  readonly lost: readonly string[];
  readonly isSetId: boolean;
  /** Why execution begins there, and from there to the instruction: file, function, address. */
  readonly root: string;
  readonly links: readonly (readonly [file: number, label: string, address: number])[];
}

export interface ReportFile {
  readonly path: string;
  readonly role: 'program' | 'loader' | 'library' | 'plug-in' | 'kernel';
  /** Who needs it, or who loads it. */
  readonly why: string;
  readonly functions: number;
  readonly reached: number;
  /** `syscall` instructions in it, and those of them that are reached. */
  readonly places: number;
  readonly reachedPlaces: number;
  readonly calls: readonly string[];
}

const abi = abis.x86_64;

export function reportData(analysis: Analysis, policy: Policy): ReportData {
  const { modules, missing } = analysis.reach.world;
  const indices = new Map(modules.map((module, index) => [module.path, index]));
  const places = analysis.sites
    .filter((site) => !site.isForeign)
    .map((site) => placeOf(analysis, site, indices))
    .sort((a, b) => a.links.length - b.links.length);
  const widened = places.flatMap((place, index) => (place.lost.length > 0 || place.isSetId ? [index] : []));
  return {
    program: analysis.programs[0] ?? '',
    calls: callsOf(analysis, policy, places),
    files: modules.map((module, index) => fileOf(analysis, module, placesIn(places, index))),
    places,
    widened,
    notices: analysis.notices,
    missing,
    hasMain: policy.main !== undefined,
    policy: printPolicy(policy),
  };
}

const placesIn = (places: readonly ReportPlace[], file: number) =>
  places.filter((place) => place.file === file);

function placeOf(analysis: Analysis, site: CallSite, indices: ReadonlyMap<string, number>): ReportPlace {
  const chain = chainTo(analysis, site.module, site.address);
  return {
    file: indices.get(site.module.path) ?? 0,
    label: labelOf(site.module, site.address),
    address: site.address,
    calls: site.names,
    lost: site.lost.map((one) => `${one.why}, at ${labelOf(one.module, one.address)}`),
    isSetId: site.isSetId,
    root: chain.root,
    links: chain.links.map(({ file, label, address }) => [indices.get(file) ?? 0, label, address]),
  };
}

function callsOf(analysis: Analysis, policy: Policy, places: readonly ReportPlace[]): readonly ReportCall[] {
  const main = policy.main === undefined ? undefined : permitted(policy.main);
  return [...permitted(policy)].flatMap(([name, statements]) => {
    // A name that only other ABIs have, out of a group.
    const number = syscallNumber(abi, name);
    if (number === undefined) return [];
    const parameters = parametersOf(name, abi);
    const texts = textsOf(name, statements);
    const later = main === undefined ? texts : textsOf(name, main.get(name) ?? []);
    const making = places.flatMap((place, index) => (place.calls.includes(name) ? [index] : []));
    return {
      name,
      number,
      ...(parameters === undefined
        ? {}
        : { parameters: parameters.map((one) => [one.names[0] ?? '', one.type] as const) }),
      permits: texts,
      ...(texts.join() === later.join() ? {} : { main: later }),
      isConstrained: !texts.includes(name),
      isWidened: making.length === 0 && analysis.unknown.length > 0 && !isWithoutPlace(name),
      places: making,
      note: statements.map((one) => one.note).find((note) => note !== undefined) ?? '',
    };
  });
}

/** Permitted though no code makes it: the kernel restarts sleeps with it, and set*id goes to all threads through a structure. */
const isWithoutPlace = (name: string) =>
  name === 'restart_syscall' || (setIdCalls as readonly string[]).includes(name);

/** The statements that permit each call. */
function permitted(policy: Policy): ReadonlyMap<string, readonly Statement[]> {
  const found = new Map<string, Statement[]>();
  for (const statement of policy.statements) {
    if (!permits(statement.action)) continue;
    for (const { target } of statement.calls) {
      if (target.kind !== 'name') continue;
      const list = found.get(target.name);
      if (list === undefined) found.set(target.name, [statement]);
      else list.push(statement);
    }
  }
  return found;
}

function textsOf(name: string, statements: readonly Statement[]): readonly string[] {
  const calls = statements.flatMap((one) => one.calls);
  return calls.filter(({ target }) => target.kind === 'name' && target.name === name).map(printCall);
}

function fileOf(analysis: Analysis, module: Module, places: readonly ReportPlace[]): ReportFile {
  const { reach } = analysis;
  const { code } = module;
  const role = roleOf(analysis, module);
  return {
    path: module.path,
    role,
    why: whyLoaded(analysis, module, role),
    functions: code.functionStart.length,
    reached: reachedFunctions(reach, module).length,
    places: code.syscalls.length,
    reachedPlaces: [...code.syscalls].filter((address) => isReached(reach, module, address)).length,
    calls: [...new Set(places.flatMap((place) => place.calls))].sort(),
  };
}

function roleOf({ programs, reach }: Analysis, module: Module): ReportFile['role'] {
  if (module.path === VDSO) return 'kernel';
  if (programs.includes(module.path)) return 'program';
  if (isLoader(module)) return 'loader';
  return module.isSurface || neededBy(reach.world.modules, module).length === 0 ? 'plug-in' : 'library';
}

function neededBy(modules: readonly Module[], module: Module): readonly Module[] {
  const name = module.code.dynamic?.soname ?? baseName(module.path);
  return modules.filter((one) => one !== module && one.code.dynamic?.needed.includes(name) === true);
}

function whyLoaded({ programs, reach }: Analysis, module: Module, role: ReportFile['role']): string {
  if (role === 'kernel') return 'in every process';
  if (role === 'program') return module.path === programs[0] ? 'what is analysed' : 'can be executed';
  if (role === 'loader') return 'loads the program';
  const by = neededBy(reach.world.modules, module).map((one) => baseName(one.path));
  if (by.length > 0)
    return `needed by ${by.slice(0, 3).join(', ')}${by.length > 3 ? ` and ${by.length - 3} more` : ''}`;
  // Why its exports, or all that its words point to, are reached.
  const last = module.base + module.code.functionStart.length + module.code.pieces.start.length;
  for (let node = module.base; node < last; node++) {
    const why = reach.roots.get(node);
    if (why !== undefined && !/^(entry|init|fini|chosen|exception|thread)/.test(why)) return why;
  }
  return 'loaded by name';
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
