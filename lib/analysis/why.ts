// Why a call is in the policy: the shortest way from where execution begins to the instruction that makes it.

import { type Analysis, labelOf } from './analyze.ts';
import { functionAt } from './code/code.ts';
import { type Module, moduleOfNode } from './files/world.ts';

export interface Link {
  readonly file: string;
  /** The function or the piece of data, by name where it has one. */
  readonly label: string;
  /** The linked address where the step is made. */
  readonly address: number;
}

export interface Chain {
  /** Why execution begins there. */
  readonly root: string;
  /** From there to the instruction. */
  readonly links: readonly Link[];
}

/** One chain for each place that makes the call, shortest first. */
export function whyCall(analysis: Analysis, name: string): readonly Chain[] {
  return analysis.sites
    .filter((site) => site.names.includes(name))
    .map((site) => chainTo(analysis, site.module, site.address))
    .sort((a, b) => a.links.length - b.links.length);
}

export function chainTo({ reach }: Analysis, module: Module, address: number): Chain {
  const links: Link[] = [{ file: module.path, label: labelOf(module, address), address }];
  let node = module.base + functionAt(module.code, address);
  for (;;) {
    const from = reach.from[node]!;
    if (from <= 0) return { root: reach.roots.get(node) ?? '', links: links.reverse() };
    const caller = moduleOfNode(reach.world, from - 1);
    const site = reach.site[node]!;
    links.push({ file: caller.path, label: labelOf(caller, site), address: site });
    node = from - 1;
  }
}

export function printChain(chain: Chain): string {
  return [`  (${chain.root})`, ...chain.links.map((link) => `  ${link.label}`)].join('\n');
}
