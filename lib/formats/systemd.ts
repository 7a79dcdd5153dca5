// systemd units: the parts of their directives that become seccomp filters. Source: systemd.exec(5), src/shared/seccomp-util.c.
//
// Each directive is a filter of its own, so their policies meet as the strictest of all. SystemCallFilter= lists add up over the lines
// of a unit and its drop-ins; the first line decides whether it is a list of what is permitted or (`~`) of what is not, an empty one
// begins anew. A list of what is permitted has @default in it. Sets of calls are those of systemd 257 (see linux/groups.ts).

import { basename, dirname, join } from 'node:path';
import { type AbiName, abis, familyOf } from '../linux/abi.ts';
import { errnoName, isErrnoName } from '../linux/errno.ts';
import { groupMembers, groups } from '../linux/groups.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallNames } from '../linux/syscalls.ts';
import { actionText } from '../policy/action.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import type { Source } from '../policy/language/source.ts';
import { placeAt } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Call, Origin, Policy, Statement } from '../policy/model.ts';
import { distinct, errorIn, type Format, type ReadOptions, type ReadResult } from './format.ts';
import { hardening, type Setting } from './systemd-hardening.ts';
import { archNames, write } from './systemd-write.ts';

export const systemd: Format = {
  name: 'systemd',
  help: 'systemd unit with its drop-ins: SystemCallFilter= and what else becomes a filter',
  detect(text) {
    return (
      /^[ \t]*\[(?:Unit|Service|Socket|Mount|Swap|Install)\][ \t\r]*$/m.test(text) &&
      new RegExp(`^[ \\t]*(?:${[...directives].join('|')})[ \\t]*=`, 'm').test(text)
    );
  },
  read,
  write,
};

const listed = ['SystemCallFilter', 'SystemCallErrorNumber', 'SystemCallLog', 'SystemCallArchitectures'];
const directives: ReadonlySet<string> = new Set([...listed, ...hardening.keys()]);

/** Sections whose processes the directives are for. */
const sections: readonly string[] = ['Service', 'Socket', 'Mount', 'Swap'];

function read(text: string, options: ReadOptions): ReadResult {
  const warnings: string[] = [];
  const settings = settingsOf({ name: options.file, text });
  // Drop-ins of foo.service lie in foo.service.d, and are read after it.
  for (const path of options.files?.list(join(dirname(options.file), `${basename(options.file)}.d`)) ?? []) {
    if (path.endsWith('.conf')) settings.push(...settingsOf({ name: path, text: options.files!.text(path) }));
  }
  const served = architectures(settings, options);
  const parts = [systemCallFilter(settings, warnings), systemCallLog(settings, warnings)];
  for (const [name, make] of hardening) {
    const own = settings.filter((one) => one.name === name);
    // A list is added up over its lines; of anything else the last line counts.
    const last = own.at(-1);
    if (last !== undefined) parts.push(make(own, options.exact === true, warnings));
  }
  const found = parts.filter((one) => one !== undefined).map((one): Policy => ({ ...one, abis: served }));
  const [first, ...others] = found;
  if (first === undefined) {
    const policy: Policy = { default: { kind: 'allow' }, abis: served, statements: [], defaults: [] };
    return { policy, warnings: [...warnings, 'no directive of this unit refuses a call'] };
  }
  const policy = others.reduce((sum, one) => intersect(sum, one, { abis: served }), first);
  return { policy, warnings };
}

/** The assignments of a unit file that are about processes, with lines that a backslash continues joined. */
function settingsOf(source: Source): Setting[] {
  const found: Setting[] = [];
  let section: string | undefined;
  let offset = 0;
  let pending: { readonly parts: string[]; readonly start: number } | undefined;
  for (const raw of source.text.split('\n')) {
    const start = pending?.start ?? offset;
    offset += raw.length + 1;
    const line = raw.trim();
    // Comments do not end a continued line.
    if (/^[#;]/.test(line)) continue;
    if (line.endsWith('\\')) {
      pending ??= { parts: [], start };
      pending.parts.push(line.slice(0, -1));
      continue;
    }
    const joined = [...(pending?.parts ?? []), line].join(' ').trim();
    pending = undefined;
    if (joined === '') continue;
    const header = /^\[(.*)\]$/.exec(joined);
    if (header !== null) {
      section = header[1];
      continue;
    }
    const equals = joined.indexOf('=');
    if (equals <= 0) throw errorIn(source, start, 'expected [Section] or Name=value');
    const name = joined.slice(0, equals).trim();
    if (section === undefined)
      throw errorIn(source, start, `${name.slice(0, 40)}= stands before any [Section]`);
    if (!sections.includes(section) || !directives.has(name)) continue;
    const origin: Origin = { source: source.name, place: placeAt(source, start) };
    found.push({
      name,
      value: joined.slice(equals + 1).trim(),
      origin,
      error: (message, advice) => errorIn(source, start, message, advice),
    });
  }
  return found;
}

/** Words of a value; quotes do nothing here. */
function wordsOf(value: string): readonly string[] {
  return value
    .replace(/["']/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '');
}

interface List {
  readonly isAllowList: boolean;
  /** Calls with the error that they are given, if any. */
  readonly calls: ReadonlyMap<string, { readonly action: Action | undefined; readonly origin: Origin }>;
}

/** The calls that the lines of a list directive add up to; undefined if there is none. */
function listOf(settings: readonly Setting[], name: string, warnings: string[]): List | undefined {
  let isAllowList = true;
  let calls: Map<string, { action: Action | undefined; origin: Origin }> | undefined;
  for (const setting of settings) {
    if (setting.name !== name) continue;
    if (setting.value === '') {
      calls = undefined;
      continue;
    }
    const isInverted = setting.value.startsWith('~');
    if (calls === undefined) {
      calls = new Map();
      isAllowList = !isInverted;
      // What every program needs is always permitted.
      if (isAllowList && name === 'SystemCallFilter') {
        for (const call of groupMembers('@default') ?? [])
          calls.set(call, { action: undefined, origin: setting.origin });
      }
    }
    for (const word of wordsOf(isInverted ? setting.value.slice(1) : setting.value)) {
      const [callName, error] = word.split(':') as [string, string | undefined];
      const action = error === undefined ? undefined : errorAction(error, setting);
      for (const call of membersOf(callName, setting, warnings)) {
        if (isInverted !== isAllowList) calls.set(call, { action, origin: setting.origin });
        else calls.delete(call);
      }
    }
  }
  return calls === undefined ? undefined : { isAllowList, calls };
}

function membersOf(word: string, setting: Setting, warnings: string[]): readonly string[] {
  if (word === '@known') return syscallNames();
  if (word.startsWith('@')) {
    const members = groupMembers(word);
    if (members !== undefined) return members;
    throw setting.error(
      `no set is called ${word.slice(0, 60)}`,
      didYouMean(nearest(word.slice(0, 64), groups().keys())),
    );
  }
  if (!isSyscallName(word)) {
    warnings.push(`unknown call ${word.slice(0, 60)} is left out, as systemd does`);
    return [];
  }
  return [word];
}

function errorAction(text: string, setting: Setting): Action {
  if (text === 'kill') return { kind: 'kill' };
  if (isErrnoName(text)) return { kind: 'errno', errno: text };
  const number = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (number >= 0 && number <= 4095)
    return { kind: 'errno', errno: errnoName(number, abis.x86_64) ?? number };
  throw setting.error(`${text.slice(0, 40)} is no error`, 'write an errno, a number up to 4095, or kill');
}

function systemCallFilter(settings: readonly Setting[], warnings: string[]): Policy | undefined {
  const list = listOf(settings, 'SystemCallFilter', warnings);
  if (list === undefined) return undefined;
  const error = settings.filter((one) => one.name === 'SystemCallErrorNumber').at(-1);
  const refusal: Action =
    error === undefined || error.value === '' ? { kind: 'kill' } : errorAction(error.value, error);
  const allow: Action = { kind: 'allow' };
  const statements = statementsOf(list, (action) => (list.isAllowList ? allow : (action ?? refusal)));
  // Calls that systemd does not know answer ENOSYS where a list says what is permitted, which is what a Policy says by itself.
  return { default: list.isAllowList ? refusal : allow, statements, defaults: [] };
}

function systemCallLog(settings: readonly Setting[], warnings: string[]): Policy | undefined {
  const list = listOf(settings, 'SystemCallLog', warnings);
  if (list === undefined) return undefined;
  const [log, allow]: readonly [Action, Action] = [{ kind: 'log' }, { kind: 'allow' }];
  const statements = statementsOf(list, () => (list.isAllowList ? log : allow));
  return { default: list.isAllowList ? allow : log, statements, defaults: [] };
}

function statementsOf(list: List, actionFor: (action: Action | undefined) => Action): readonly Statement[] {
  const found = new Map<string, { action: Action; calls: Call[]; origin: Origin }>();
  for (const [name, { action: own, origin }] of list.calls) {
    const action = actionFor(own);
    const key = `${actionText(action)} ${origin.place?.file} ${origin.place?.line}`;
    const group = found.get(key) ?? { action, calls: [], origin };
    found.set(key, group);
    group.calls.push({ target: { kind: 'name', name } });
  }
  return [...found.values()];
}

/** Without the directive a unit's processes may use every ABI of their machine. */
function architectures(settings: readonly Setting[], options: ReadOptions): readonly AbiName[] {
  const native = options.abi.name;
  let found: AbiName[] | undefined;
  for (const setting of settings.filter((one) => one.name === 'SystemCallArchitectures')) {
    if (setting.value === '') found = undefined;
    for (const word of wordsOf(setting.value)) {
      if (word !== 'native' && !Object.hasOwn(archNames, word)) {
        throw setting.error(
          `${word.slice(0, 40)} is no architecture`,
          `there are native, ${Object.keys(archNames).join(', ')}`,
        );
      }
      const abi = word === 'native' ? native : archNames[word];
      found = [...(found ?? [native]), ...(abi === undefined ? [] : [abi])];
    }
  }
  return distinct(found ?? familyOf(native));
}
