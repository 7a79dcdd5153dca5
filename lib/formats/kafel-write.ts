// Policies as kafel's. See kafel.ts.

import type { Abi } from '../linux/abi.ts';
import { errnoNumber } from '../linux/errno.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { actionText, sameAction } from '../policy/action.ts';
import type { Action, Policy } from '../policy/model.ts';
import type { Box } from './cubes.ts';
import type { Loss, WriteOptions, WriteResult } from './format.ts';
import { innerNames, KILL, plainActions } from './kafel-names.ts';
import { planFor } from './plan.ts';

export function write(policy: Policy, { abis: served, name }: WriteOptions): WriteResult {
  const [native] = served;
  const plan = planFor(policy, [native], { foreign: KILL, trapData: true });
  const lost: Loss[] = [...plan.lost];
  const blocks: string[] = [];
  const conditional = new Map<string, string[]>();
  const plain = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, action: Action, text: string) => {
    const word = actionWord(action, native, lost);
    map.set(word, [...(map.get(word) ?? []), text]);
  };
  for (const call of plan.calls) {
    const own = kafelName(call.name, native);
    for (const { action, boxes } of call.rules) {
      add(
        conditional,
        action,
        `${own}(${argumentList(boxes)}) {\n      ${boxes.map(boxText).join(' ||\n      ')}\n    }`,
      );
    }
    if (!sameAction(call.otherwise, plan.default)) add(plain, call.otherwise, own);
  }
  for (const [word, rules] of [...conditional, ...plain]) {
    blocks.push(`  ${word} {\n    ${rules.join(',\n    ')}\n  }`);
  }
  const policyName = name.replace(/\W/g, '_').replace(/^(?=[\d_])/, 'p') || 'policy';
  const body = blocks.length === 0 ? '{}' : `{\n${blocks.join(',\n')}\n}`;
  const fallback = actionWord(plan.default, native, lost);
  return { text: `POLICY ${policyName} ${body}\n\nUSE ${policyName} DEFAULT ${fallback}\n`, lost };
}

function kafelName(name: string, abi: Abi): string {
  const inner = Object.entries(innerNames).find(([, own]) => own === name)?.[0];
  return inner !== undefined && syscallNumber(abi, inner) === undefined ? inner : name;
}

/** Names for the arguments up to the last that is looked at. */
function argumentList(boxes: readonly Box[]): string {
  const last = Math.max(...boxes.flatMap((box) => [...box.keys()]));
  return Array.from({ length: last + 1 }, (_, index) => `arg${index}`).join(', ');
}

function boxText(box: Box): string {
  return [...box]
    .map(([index, { mask, value }]) => `(arg${index} & 0x${mask.toString(16)}) == 0x${value.toString(16)}`)
    .join(' && ');
}

function actionWord(action: Action, abi: Abi, lost: Loss[]): string {
  switch (action.kind) {
    case 'errno':
      return `ERRNO(${typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, abi)})`;
    case 'trace':
      return `TRACE(${action.data ?? 0})`;
    case 'trap':
      return `TRAP(${action.data ?? 0})`;
    default: {
      const found = Object.entries(plainActions).find(([, one]) => one.kind === action.kind)?.[0];
      if (found === undefined)
        lost.push({ what: `${actionText(action)} has no name in kafel`, restricts: false });
      return found ?? 'KILL';
    }
  }
}
