// How differences look: who permits what the other one does not, call by call, for people and for machines.

import type { CallRange, Change, Difference } from '../asking/difference.ts';
import type { AbiName } from '../linux/abi.ts';
import { actionText, permits } from '../policy/action.ts';
import { printCondition } from '../policy/language/print.ts';

/** What became of a call's permission. */
function kindOf({ from, to }: Pick<Change, 'from' | 'to'>): 'gained' | 'lost' | 'other' {
  if (permits(from) === permits(to)) return 'other';
  return permits(to) ? 'gained' : 'lost';
}

export function changesAsJson({ changes, elsewhere }: Difference) {
  return {
    equal: changes.length === 0 && elsewhere === undefined,
    changes: changes.map((change) => ({
      abi: change.calls.abi,
      ...(change.calls.name === undefined ? {} : { call: change.calls.name }),
      numbers: [change.calls.low, change.calls.high],
      from: actionText(change.from),
      to: actionText(change.to),
      ...(change.when === undefined ? {} : { when: printCondition(change.when) }),
      permission: kindOf(change),
      ...(change.phase === undefined ? {} : { phase: change.phase }),
    })),
    ...(elsewhere === undefined
      ? {}
      : { elsewhere: { from: actionText(elsewhere.from), to: actionText(elsewhere.to) } }),
  };
}

/** The difference from `a` to `b` in sections. Empty where there is none. */
export function changesText(
  { changes, elsewhere }: Difference,
  a: string,
  b: string,
  native: AbiName,
): string {
  const sections = [
    [`${b} permits, ${a} does not`, 'gained'],
    [`${a} permits, ${b} does not`, 'lost'],
    ['Answered differently, and permitted by both or by neither', 'other'],
  ] as const;
  const out: string[] = [];
  for (const [heading, kind] of sections) {
    const own = changes.filter((change) => kindOf(change) === kind);
    const lines = sectionLines(own, native);
    if (elsewhere !== undefined && kindOf(elsewhere) === kind) {
      lines.push(
        `  ${actionText(elsewhere.from)} → ${actionText(elsewhere.to)}, on any other architecture: every call`,
      );
    }
    if (lines.length > 0) out.push(`${heading}:\n${lines.join('\n')}\n`);
  }
  return out.join('\n');
}

function sectionLines(changes: readonly Change[], native: AbiName): string[] {
  const groups = new Map<string, Change[]>();
  for (const change of changes) {
    const where = change.calls.abi === native ? '' : `, through ${change.calls.abi}`;
    const phase = change.phase === undefined ? '' : ', from main on';
    const key = `${actionText(change.from)} → ${actionText(change.to)}${where}${phase}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [change]);
    else group.push(change);
  }
  return [...groups].flatMap(([heading, group]) => {
    const plain = group.filter(({ when }) => when === undefined).map(({ calls }) => rangeText(calls));
    const conditional = group.flatMap(({ calls, when }) =>
      when === undefined ? [] : [`    ${rangeText(calls)}(${printCondition(when)})`],
    );
    return [`  ${heading}:`, ...wrapped(plain), ...conditional];
  });
}

function rangeText({ name, low, high, isBeyond, isWhole }: CallRange): string {
  if (isWhole) return 'every call';
  if (name !== undefined) return name;
  if (low === high) return `#${low}`;
  return isBeyond ? `calls that are not known yet (from #${low})` : `#${low} to #${high}`;
}

function wrapped(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = '   ';
  words.forEach((word, index) => {
    const text = ` ${word}${index < words.length - 1 ? ',' : ''}`;
    if (line.length + text.length > 100 && line.trim() !== '') {
      lines.push(line);
      line = '   ';
    }
    line += text;
  });
  return line.trim() === '' ? lines : [...lines, line];
}
