// What the arguments of each call can be: for those that tell one use from another (commands, enums, flags), the values of every
// way to every `syscall` instruction that makes the call. Values that belong together stay together: each way is one context.
// A way that is not known makes an argument "any", and says where it was lost.

import type { Abi } from '../../linux/abi.ts';
import { parametersOf } from '../../linux/arguments.ts';
import { groupMembers } from '../../linux/groups.ts';
import { syscallNumber } from '../../linux/syscalls.ts';
import type { Reach } from '../reach/reach.ts';
import { isExact, join, unknownBits } from './bits.ts';
import type { ArgumentContext, Asked, CallArguments } from './contexts.ts';
import { headersOf, heldToHeaders } from './executable.ts';
import type { CallSite } from './numbers.ts';
import { type Context, contextsBefore, type Found, type Lost } from './values.ts';

/** Registers by argument (System V ABI, AMD64, A.2.1): rdi rsi rdx r10 r8 r9. */
const REGISTERS = [7, 6, 2, 10, 8, 9] as const;
const RAX = 0;

/** States for one `syscall` instruction, all its arguments together; and for one argument alone, where that is too much. */
const JOINT_BUDGET = 8_000;
const SINGLE_BUDGET = 3_000;
const MAX_COMBINED = 128;

/** Families that say nothing about what a call may do to others, or whose arguments are numbers of the caller's own. */
const IDLE = new Set(['file-mode', 'permission-bits', 'ipc-keys', 'rseq-flags']);
/** Which signal a handler is for is its own business; which one is sent is not. */
const IDLE_ARGUMENTS = new Set(['rt_sigaction.sig']);

/** The arguments of a call that are worth a rule. */
export function askedOf(name: string, abi: Abi): readonly Asked[] {
  return (parametersOf(name, abi) ?? []).flatMap((parameter, index) => {
    const { constants, pointer, names } = parameter;
    if (pointer || constants === undefined || IDLE.has(constants.family)) return [];
    return IDLE_ARGUMENTS.has(`${name}.${names[0]}`) ? [] : [{ index, parameter }];
  });
}

/** The arguments of the calls `names`, which the sites make; a call that is missing can have any. `wide`: the group that is
 * permitted for numbers that are not known, where there are such. */
export function argumentsOfCalls(
  reach: Reach,
  sites: readonly CallSite[],
  names: Iterable<string>,
  wide: string | undefined,
  abi: Abi,
): ReadonlyMap<string, CallArguments> {
  const isWide = new Set(wide === undefined ? [] : (groupMembers(wide) ?? []));
  const found = new Map<string, { asked: readonly Asked[]; contexts: ArgumentContext[] }>();
  for (const name of names) {
    const asked = askedOf(name, abi);
    if (asked.length > 0 && !isWide.has(name)) found.set(name, { asked, contexts: [] });
  }
  const made = new Set<string>();
  const headers = headersOf(reach.world);
  for (const site of sites) {
    if (site.isForeign) continue;
    const wanted = site.names.filter((name) => found.has(name));
    for (const name of wanted) made.add(name);
    if (wanted.length === 0) continue;
    for (const { name, context } of contextsOf(reach, site, wanted, abi)) {
      const { asked, contexts } = found.get(name)!;
      contexts.push(...heldToHeaders(name, context, asked, headers, abi));
    }
  }
  // A call without a place that makes it is permitted for a reason of its own.
  return new Map([...found].filter(([name]) => made.has(name)));
}

interface Named {
  readonly name: string;
  readonly context: ArgumentContext;
}

/** Every way to one instruction, for each of the calls that it makes. */
function contextsOf(reach: Reach, site: CallSite, names: readonly string[], abi: Abi): readonly Named[] {
  const isOne = site.names.length === 1 && site.strange.length === 0 && site.lost.length === 0;
  const indices = [...new Set(names.flatMap((name) => askedOf(name, abi).map((one) => one.index)))];
  const together = ask(reach, site, isOne, indices, JOINT_BUDGET);
  if (isOne) {
    const name = names[0]!;
    if (!together.isGivenUp)
      return together.contexts.map((one) => ({ name, context: contextOf(site, name, abi, indices, one, 0) }));
    return alone(reach, site, name, indices, abi).map((context) => ({ name, context }));
  }
  if (together.isGivenUp || together.isOpen || together.lost.length > 0)
    return names.map((name) => ({ name, context: anything(site, name, abi, reasonOf(together, site)) }));
  return names.flatMap((name) => {
    const number = BigInt.asUintN(32, BigInt(syscallNumber(abi, name)!));
    return together.contexts
      .filter((one) => one.values[0]!.value === number)
      .map((one) => ({ name, context: contextOf(site, name, abi, indices, one, 1) }));
  });
}

function ask(
  reach: Reach,
  site: CallSite,
  isOne: boolean,
  indices: readonly number[],
  budget: number,
): Found {
  const registers = indices.map((index) => REGISTERS[index]!);
  return contextsBefore(reach, site, {
    registers: isOne ? registers : [RAX, ...registers],
    isNumbered: !isOne,
    budget,
  });
}

function reasonOf(found: Found, site: CallSite): Lost {
  const { module, address } = site;
  const why = found.isOpen
    ? 'a function with the number as parameter, whose address is taken'
    : 'too many ways lead here';
  return found.lost[0] ?? { module, address, why };
}

/** `indices`: the arguments that were asked for, from place `first` of the values on. */
function contextOf(
  site: CallSite,
  name: string,
  abi: Abi,
  indices: readonly number[],
  { values, lost, spot }: Context,
  first: number,
): ArgumentContext {
  const at = askedOf(name, abi).map(({ index }) => first + indices.indexOf(index));
  return { site, values: at.map((one) => values[one]!), lost: at.map((one) => lost[one]), from: spot };
}

/** One argument after the other: what they can be together is then not known, so that all combinations count. */
function alone(
  reach: Reach,
  site: CallSite,
  name: string,
  indices: readonly number[],
  abi: Abi,
): readonly ArgumentContext[] {
  const { module, address } = site;
  const many: Lost = { module, address, why: 'too many ways lead here' };
  let combined: readonly Context[] = [{ values: [], lost: [], spot: site }];
  for (const index of indices) {
    const found = ask(reach, site, true, [index], SINGLE_BUDGET);
    let choices: readonly Pick<Context, 'values' | 'lost'>[] = found.contexts;
    if (found.isGivenUp) choices = [{ values: [unknownBits], lost: [many] }];
    else if (choices.length * combined.length > MAX_COMBINED) {
      const values = choices.map((one) => one.values[0]!).reduce(join);
      choices = [
        { values: [values], lost: [choices.find((one) => one.lost[0] !== undefined)?.lost[0] ?? many] },
      ];
    }
    combined = combined.flatMap((before) =>
      choices.map((one) => ({
        values: [...before.values, ...one.values],
        lost: [...before.lost, ...one.lost],
        spot: before.spot,
      })),
    );
  }
  return combined.map((one) => contextOf(site, name, abi, indices, one, 0));
}

function anything(site: CallSite, name: string, abi: Abi, why: Lost): ArgumentContext {
  const asked = askedOf(name, abi);
  return { site, values: asked.map(() => unknownBits), lost: asked.map(() => why), from: why };
}

/** How many arguments are held to values: of those asked for, and of all that the calls `names` have. */
export interface ArgumentCount {
  readonly constrained: number;
  readonly asked: number;
  readonly all: number;
}

export function countArguments(
  names: Iterable<string>,
  known: ReadonlyMap<string, CallArguments>,
  abi: Abi,
): ArgumentCount {
  let [constrained, asked, all] = [0, 0, 0];
  for (const name of names) {
    all += parametersOf(name, abi)?.length ?? 0;
    asked += askedOf(name, abi).length;
    const found = known.get(name);
    if (found === undefined) continue;
    found.asked.forEach(({ parameter }, at) => {
      if (found.contexts.every(({ values }) => isExact(values[at]!, parameter.bits))) constrained++;
    });
  }
  return { constrained, asked, all };
}
