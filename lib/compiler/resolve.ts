// From a policy to a decision graph for one ABI: groups and names become numbers, rules become tests, and numbers with equal
// decisions become intervals. The reference gets from policy to meaning by another way (policy/meaning.ts); the
// two are held against each other by the proof.

import type { Abi } from '../linux/abi.ts';
import { groupMembers } from '../linux/groups.ts';
import {
  newestNumber,
  syscallName,
  syscallNames,
  syscallNumber,
  syscallNumbersOf,
} from '../linux/syscalls.ts';
import { isNewerThan } from '../linux/versions.ts';
import { rank, returnValue, stricter } from '../policy/action.ts';
import {
  type Action,
  type Call,
  type Condition,
  defaultOf,
  type Policy,
  type Target,
  unknownOf,
} from '../policy/model.ts';
import { conditionGraph } from './condition.ts';
import type { Graph, Node } from './graph.ts';

/** Numbers from `starts[i]` up to the next start are decided by `nodes[i]`. starts[0] is 0. */
export interface Numbers {
  readonly starts: readonly number[];
  readonly nodes: readonly Node[];
}

interface Rules {
  /** In the order written. */
  readonly list: { readonly action: Action; readonly when: Condition | undefined }[];
  /** The strictest call default. */
  fallback?: Action;
}

/** The decision for every number of an ABI (as in seccomp_data.nr). */
export function resolve(graph: Graph, policy: Policy, abi: Abi): Numbers {
  const rules = collect(policy, abi);
  const answer = (action: Action) => graph.leaf(returnValue(action, abi));
  const plain = answer(defaultOf(policy));
  const unknown = answer(unknownOf(policy));
  const above = newestNumber(abi);
  const single = new Map<number, Node>();
  for (const [nr, found] of rules) single.set(nr, decision(graph, found, policy, abi, nr));
  if (policy.kernel !== undefined) {
    for (const name of syscallNames(abi)) {
      const nr = syscallNumber(abi, name)!;
      if (!single.has(nr) && isNewerThan(name, policy.kernel)) single.set(nr, unknown);
    }
  }
  // Numbers that the ABI keeps far above the common range are known all the same.
  for (const nr of syscallNumbersOf(abi)) {
    if (nr > above && !single.has(nr)) single.set(nr, plain);
  }
  const starts = [0];
  const nodes: Node[] = [plain];
  const set = (start: number, node: Node) => {
    if (starts.at(-1) === start) nodes[nodes.length - 1] = node;
    else if (nodes.at(-1) !== node) {
      starts.push(start);
      nodes.push(node);
    }
  };
  let isBeyond = false;
  for (const nr of Uint32Array.from(single.keys()).sort()) {
    if (nr > above && !isBeyond) {
      set(above + 1, unknown);
      isBeyond = true;
    }
    set(nr, single.get(nr)!);
    if (nr < 0xffffffff) set(nr + 1, nr >= above ? unknown : plain);
  }
  if (!isBeyond) set(above + 1, unknown);
  return { starts, nodes };
}

/** What is said of each number, gathered in one pass over the policy. */
function collect(policy: Policy, abi: Abi): Map<number, Rules> {
  const rules = new Map<number, Rules>();
  for (const { action, calls } of policy.statements) {
    for (const call of calls) {
      for (const nr of numbersOf(call, abi, policy.kernel)) {
        const rule = { action, when: call.when };
        const found = rules.get(nr);
        if (found === undefined) rules.set(nr, { list: [rule] });
        else found.list.push(rule);
      }
    }
  }
  for (const { action, calls } of policy.defaults) {
    for (const call of calls) {
      for (const nr of numbersOf(call, abi, policy.kernel)) {
        let found = rules.get(nr);
        if (found === undefined) {
          found = { list: [] };
          rules.set(nr, found);
        }
        found.fallback = found.fallback === undefined ? action : stricter(found.fallback, action);
      }
    }
  }
  return rules;
}

function numbersOf(call: Call, abi: Abi, kernel: string | undefined): readonly number[] {
  const meant = targetNumbers(call.target, abi, kernel);
  if (call.except === undefined) return meant;
  const out = new Set(call.except.flatMap((target) => targetNumbers(target, abi, undefined)));
  return meant.filter((nr) => !out.has(nr));
}

function targetNumbers(target: Target, abi: Abi, kernel: string | undefined): readonly number[] {
  if (target.kind === 'number') return [target.number + abi.numberBase];
  if (target.kind === 'name') {
    const nr = syscallNumber(abi, target.name);
    return nr === undefined ? [] : [nr];
  }
  return (groupMembers(target.name) ?? [])
    .filter((name) => kernel === undefined || !isNewerThan(name, kernel))
    .map((name) => syscallNumber(abi, name))
    .filter((nr) => nr !== undefined);
}

/** Strictest first, of equally strict ones the first written first; up to the first that needs no condition. */
function decision(graph: Graph, rules: Rules, policy: Policy, abi: Abi, nr: number): Node {
  const [only, more] = rules.list;
  if (only !== undefined && more === undefined && only.when === undefined)
    return graph.leaf(returnValue(only.action, abi));
  const name = syscallName(abi, nr);
  const sorted =
    rules.list.length < 2 ? rules.list : [...rules.list].sort((a, b) => rank(a.action) - rank(b.action));
  const end = sorted.findIndex((rule) => rule.when === undefined);
  const base =
    sorted[end]?.action ??
    rules.fallback ??
    (isBeyondAuthor(policy, abi, name, nr) ? unknownOf(policy) : defaultOf(policy));
  let node: Node = graph.leaf(returnValue(base, abi));
  // From the loosest to the strictest, so that the strictest is asked first; neighbours with one answer are asked together.
  for (let last = (end < 0 ? sorted.length : end) - 1; last >= 0; ) {
    const value = returnValue(sorted[last]!.action, abi);
    let from = last;
    while (from > 0 && returnValue(sorted[from - 1]!.action, abi) === value) from--;
    const when: Condition = { kind: 'or', of: sorted.slice(from, last + 1).map((rule) => rule.when!) };
    node = graph.choose(conditionGraph(graph, when, abi, name), graph.leaf(value), node);
    last = from - 1;
  }
  return node;
}

function isBeyondAuthor(policy: Policy, abi: Abi, name: string | undefined, nr: number): boolean {
  if (name === undefined) return nr > newestNumber(abi);
  return policy.kernel !== undefined && isNewerThan(name, policy.kernel);
}
