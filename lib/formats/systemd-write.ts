// Policies as lines of a systemd unit. See systemd.ts.

import { type AbiName, abis } from '../linux/abi.ts';
import { errnoNumber } from '../linux/errno.ts';
import { groupMembers } from '../linux/groups.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { isNewerThan } from '../linux/versions.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { type Action, defaultOf, type Policy } from '../policy/model.ts';
import { distinct, type Loss, type WriteOptions, type WriteResult } from './format.ts';
import { planFor } from './plan.ts';

/** Names of SystemCallArchitectures=; those that we have no table for are refused as foreign anyway. */
export const archNames: Readonly<Record<string, AbiName | undefined>> = {
  ...{ 'x86-64': 'x86_64', x86: 'i386', x32: 'x32', arm64: 'aarch64', arm: 'arm', riscv64: 'riscv64' },
  ...{
    loongarch64: 'loongarch64',
    'ppc64-le': 'ppc64le',
    s390x: 's390x',
    mips64: 'mips64',
    'mips64-le': 'mipsel64',
  },
  ...{ mips: undefined, 'mips-le': undefined, 'mips64-n32': undefined, 'mips64-le-n32': undefined },
  ...{ ppc: undefined, ppc64: undefined, s390: undefined, parisc: undefined, parisc64: undefined },
};

/** Up to which kernel the libseccomp of Debian 12 (2.5.4) knows the calls. */
const OLDEST_LIBSECCOMP = '5.17';

export function write(policy: Policy, { abis: served }: WriteOptions): WriteResult {
  const [native] = served;
  const fallback = defaultOf(policy);
  const isAllowList = !permits(fallback);
  const plan = planFor(policy, [native], {
    foreign: { kind: 'kill' },
    ...(isAllowList ? { unknown: { kind: 'errno' as const, errno: 'ENOSYS' } } : {}),
  });
  const lost: Loss[] = [...plan.lost];
  const refusal = isAllowList ? fallback : commonRefusal(plan.calls.map((call) => call.otherwise));
  const narrowed: string[] = [];
  const allowed = new Set<string>();
  const refused = new Map<string, Action>();
  const logged: string[] = [];
  const other = new Map<string, string[]>();
  for (const { name, rules, otherwise } of plan.calls) {
    const all = [...rules.map((rule) => rule.action), otherwise];
    if (all.every(permits)) {
      allowed.add(name);
      if (all.some((action) => action.kind === 'log')) logged.push(name);
      continue;
    }
    // There are no conditions on arguments: a call that is refused for some is refused altogether.
    if (rules.length > 0) narrowed.push(name);
    const action = all.find((one) => !permits(one))!;
    refused.set(name, action);
    if (isAllowList && !sameAction(action, refusal)) {
      other.set(actionText(action), [...(other.get(actionText(action)) ?? []), name]);
    }
  }
  if (narrowed.length > 0) {
    lost.push({
      what: `there are no conditions on arguments; refused altogether: ${narrowed.join(', ')}`,
      restricts: false,
    });
  }
  for (const [action, names] of other) {
    lost.push({ what: `${action} is ${actionText(refusal)}: ${names.join(', ')}`, restricts: false });
  }
  const lines = ['[Service]'];
  if (isAllowList) {
    lines.push(...wrapped('SystemCallFilter=', [...allowed]));
    // What systemd permits by itself and the policy does not.
    const always = (groupMembers('@default') ?? []).filter(
      (name) => syscallNumber(native, name) !== undefined && !allowed.has(name),
    );
    if (always.includes('execve')) {
      lost.push({
        what: 'execve must be permitted: systemd starts the program behind the filter',
        restricts: true,
      });
    }
    const removed = always.filter((name) => name !== 'execve');
    if (removed.length > 0) lines.push(...wrapped('SystemCallFilter=~', removed));
  } else {
    for (const action of new Map([...refused.values()].map((one) => [actionText(one), one])).values()) {
      const names = [...refused].flatMap(([name, own]) => (sameAction(own, action) ? [name] : []));
      const suffix = sameAction(action, refusal) ? '' : `:${errorText(action, lost)}`;
      lines.push(
        ...wrapped(
          'SystemCallFilter=~',
          names.map((name) => `${name}${suffix}`),
        ),
      );
    }
    const late = [...refused.keys()].filter((name) => isNewerThan(name, OLDEST_LIBSECCOMP));
    if (late.length > 0) {
      lost.push({
        what: `a systemd whose libseccomp does not know a call leaves it out of a deny list (systemd-analyze verify tells); newer than Linux ${OLDEST_LIBSECCOMP}: ${late.join(', ')}`,
        restricts: false,
      });
    }
  }
  const error = errorText(refusal, lost);
  if (error !== 'kill') lines.push(`SystemCallErrorNumber=${error}`);
  if (logged.length > 0) lines.push(...wrapped('SystemCallLog=', logged));
  if (fallback.kind === 'log')
    lost.push({ what: 'default log: what is permitted by default is not logged', restricts: false });
  const names = distinct([native.name, ...(policy.abis ?? [])]).map((abi) => nameOfArch(abi));
  lines.push(`SystemCallArchitectures=${names.length === 1 ? 'native' : names.join(' ')}`);
  return { text: `${lines.join('\n')}\n`, lost };
}

function nameOfArch(abi: AbiName): string {
  return Object.entries(archNames).find(([, own]) => own === abi)?.[0] ?? 'native';
}

/** What most of the refused calls get; of several alike the first. */
function commonRefusal(actions: readonly Action[]): Action {
  const counts = new Map<string, { action: Action; count: number }>();
  for (const action of actions) {
    if (permits(action)) continue;
    const entry = counts.get(actionText(action)) ?? { action, count: 0 };
    counts.set(actionText(action), { action, count: entry.count + 1 });
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return most?.action ?? { kind: 'errno', errno: 'EPERM' };
}

function errorText(action: Action, lost: Loss[]): string {
  if (action.kind === 'errno') {
    const { errno } = action;
    if (errno !== 0 && errnoNumber(String(errno), abis.x86_64) !== 0) return String(errno);
    lost.push({ what: 'errno 0 is EPERM: systemd has no error 0', restricts: false });
    return 'EPERM';
  }
  if (action.kind !== 'kill') lost.push({ what: `${actionText(action)} is kill`, restricts: false });
  return 'kill';
}

function wrapped(start: string, words: readonly string[]): readonly string[] {
  if (words.length === 0) return start.endsWith('~') ? [] : [`${start}@default`];
  const lines: string[] = [];
  let line = start;
  for (const word of words) {
    if (line !== start && line.length + word.length > 100) {
      lines.push(line.trimEnd());
      line = start;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}
