// What a lint rule may ask: what the policy does with a call under a condition, exactly, from its decision graph.

import { conditionGraph } from '../../compiler/condition.ts';
import { Graph, type Node } from '../../compiler/graph.ts';
import { type Numbers, resolve } from '../../compiler/resolve.ts';
import { PolicyError } from '../../errors.ts';
import type { Abi } from '../../linux/abi.ts';
import { syscallNumber } from '../../linux/syscalls.ts';
import { actionOfReturn, permits } from '../../policy/action.ts';
import { parseStatement } from '../../policy/language/parse.ts';
import type { Action, Condition, Origin, Policy } from '../../policy/model.ts';
import { feasible, reaches } from '../feasible.ts';

/** A risk that was found. */
export interface Finding {
  /** The id of the rule, as in its table. */
  readonly rule: string;
  readonly level: 'error' | 'warning' | 'note';
  /** One sentence about this policy. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string;
  /** The calls that it is about. */
  readonly calls: readonly string[];
  /** Where it is said, if one statement says it. */
  readonly origin?: Origin;
}

/** What a rule says of a policy, without what its row says already. */
export type Found = Pick<Finding, 'calls'> & Partial<Pick<Finding, 'message' | 'fix' | 'origin' | 'level'>>;

export interface Context {
  readonly policy: Policy;
  /** The ABI that is looked at. */
  readonly abi: Abi;
  /** What the reader of another format found in the text: names that are unknown, and the like. */
  readonly warnings: readonly string[];
  readonly graph: Graph;
  /** What is decided about a call; undefined where the ABI has none of this name. */
  decision(call: string): Node | undefined;
  /** Whether the call is permitted for some arguments; with a condition in the language's words, for some that fulfil it. */
  mayPermit(call: string, when?: string): boolean;
  /** Whether the call is refused for some arguments. */
  mayRefuse(call: string): boolean;
  /** The one answer to a call, whatever its arguments are; undefined where they matter. */
  only(call: string): Action | undefined;
}

export function contextOf(policy: Policy, abi: Abi, warnings: readonly string[]): Context {
  const graph = new Graph();
  const numbers = resolve(graph, policy, abi);
  const known = new Map<string, Node | undefined>();
  const decision = (call: string): Node | undefined => {
    if (!known.has(call)) {
      const nr = syscallNumber(abi, call);
      known.set(call, nr === undefined ? undefined : feasible(graph, nodeAt(numbers, nr)));
    }
    return known.get(call);
  };
  const regionOf = (call: string, when: string): Node | undefined => {
    try {
      return conditionGraph(graph, conditionIn(call, when), abi, call);
    } catch (error) {
      if (error instanceof PolicyError) return undefined;
      throw error;
    }
  };
  return {
    policy,
    abi,
    warnings,
    graph,
    decision,
    mayPermit(call, when) {
      const node = decision(call);
      if (node === undefined) return false;
      if (when === undefined) return reaches(node, isPermitted);
      const region = regionOf(call, when);
      // Where the argument lies in memory (mmap of i386 and s390x), a filter cannot tell.
      if (region === undefined) return reaches(node, isPermitted);
      const both = graph.zip(node, region, (value, holds) => (holds === 1 && isPermitted(value) ? 1 : 0));
      return reaches(feasible(graph, both), (value) => value === 1);
    },
    mayRefuse(call) {
      const node = decision(call);
      return node !== undefined && reaches(node, (value) => !isPermitted(value));
    },
    only(call) {
      const node = decision(call);
      return node?.kind === 'leaf' ? actionOfReturn(node.value) : undefined;
    },
  };
}

/** A SECCOMP_RET_ value lets the call go on. */
export function isPermitted(value: number): boolean {
  return permits(actionOfReturn(value));
}

function nodeAt({ starts, nodes }: Numbers, nr: number): Node {
  return nodes[starts.findLastIndex((start) => start <= nr)]!;
}

function conditionIn(call: string, when: string): Condition {
  return parseStatement(`allow ${call}(${when})`, 'lint').statements[0]!.calls[0]!.when!;
}
