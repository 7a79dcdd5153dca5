// Completing calls as policies write them: names and groups, and within parentheses the call's own arguments and the constants that
// the one in question takes. What is typed is half a text, so it is looked at from its end, and no parser is asked.

import type { Abi } from '../../linux/abi.ts';
import { type Parameter, parametersOf } from '../../linux/arguments.ts';
import { familyConstants } from '../../linux/constants.ts';
import { errnoNames } from '../../linux/errno.ts';
import { group, groups } from '../../linux/groups.ts';
import { isSyscallName, syscallNames } from '../../linux/syscalls.ts';
import { actionKinds } from '../../policy/action.ts';

/** A word that may stand in the place of the last one, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly help: string;
}

/** A list: `read,@basic-io,ioctl(cmd == TC`. Candidates are the whole text with its end completed. */
export function completeCalls(text: string, abi: Abi): readonly Candidate[] {
  const open = openCall(text);
  return open === undefined ? names(text, abi) : condition(text, open, abi);
}

/** One imagined call, as `check` has it: `openat(AT_FDCWD, 0, O_RD`. */
export function completeInvocation(text: string, abi: Abi): readonly Candidate[] {
  const open = openCall(text);
  if (open === undefined) return names(text, abi).filter(({ word }) => !word.includes('@'));
  const at = [...open.inside].filter((one) => one === ',').length;
  const parameter = parametersOf(open.name, abi)?.[at];
  return parameter === undefined ? [] : constantsOf(text, parameter, abi);
}

/** A statement: `errno EPERM ptr`. */
export function completeStatement(text: string, abi: Abi): readonly Candidate[] {
  const [lead = ''] = /^\s*(errno\s+\w+\s+|\S+\s+)?/.exec(text) ?? [];
  const rest = text.slice(lead.length);
  if (lead.trim() === '') return starting(lead, rest, actionKinds, 'action');
  if (/^\s*errno\s+$/.test(lead)) return starting(lead, rest, errnoNames(), 'error');
  return completeCalls(rest, abi).map(({ word, help }) => ({ word: `${lead}${word}`, help }));
}

function starting(lead: string, text: string, all: readonly string[], help: string): readonly Candidate[] {
  return all.filter((one) => one.startsWith(text)).map((one) => ({ word: `${lead}${one}`, help }));
}

interface Open {
  readonly name: string;
  /** What stands behind its parenthesis. */
  readonly inside: string;
}

/** The call whose parenthesis is still open at the end of the text. */
function openCall(text: string): Open | undefined {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ')') depth++;
    if (text[at] !== '(' || depth-- > 0) continue;
    const [name] = /[\w-]*$/.exec(text.slice(0, at))!;
    // A parenthesis of a condition has no name before it; the call's own stands further out.
    if (isSyscallName(name)) return { name, inside: text.slice(at + 1) };
    depth = 0;
  }
  return undefined;
}

function names(text: string, abi: Abi): readonly Candidate[] {
  const [last] = /[^,:\s]*$/.exec(text)!;
  const lead = text.slice(0, text.length - last.length);
  const sets = [...groups().keys()].map((word) => ({ word, help: group(word)?.help ?? '' }));
  const calls = syscallNames(abi).map((word) => ({ word, help: 'system call' }));
  return [...sets, ...calls]
    .filter(({ word }) => word.startsWith(last))
    .map(({ word, help }) => ({ word: `${lead}${word}`, help }));
}

/** Behind an operator stand the constants of the argument before it; elsewhere the names of arguments. */
function condition(text: string, { name, inside }: Open, abi: Abi): readonly Candidate[] {
  const parameters = parametersOf(name, abi) ?? [];
  const [word] = /\w*$/.exec(inside)!;
  const before = inside.slice(0, inside.length - word.length);
  // The part of the condition that the end belongs to: from the last && or || on.
  const part = before.split(/&&|\|\|/).at(-1)!;
  if (/(==|!=|[<>]=?|&|\||~|\bin\b\s*\{.*)\s*$/s.test(part)) {
    const [, argument] = /^[\s!(]*(\w+)/.exec(part) ?? [];
    const parameter = parameters.find(
      (one, at) => one.names.includes(argument ?? '') || argument === `arg${at}`,
    );
    return parameter === undefined ? [] : constantsOf(text, parameter, abi);
  }
  if (!/^[\s!(]*$/.test(part)) return [];
  const lead = text.slice(0, text.length - word.length);
  return parameters.flatMap(({ names: all, type }, at) =>
    [...all, `arg${at}`]
      .filter((one) => one.startsWith(word))
      .map((one) => ({ word: `${lead}${one}`, help: type })),
  );
}

function constantsOf(text: string, { constants }: Parameter, abi: Abi): readonly Candidate[] {
  if (constants === undefined) return [];
  const [word] = /\w*$/.exec(text)!;
  const lead = text.slice(0, text.length - word.length);
  return familyConstants(constants.family, abi)
    .filter((one) => one.name.startsWith(word))
    .map((one) => ({ word: `${lead}${one.name}`, help: constants.family }));
}
