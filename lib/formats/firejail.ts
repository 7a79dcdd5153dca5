// firejail profiles: their seccomp part. Source: firejail(1), firejail-profile(5), and the behaviour of firejail 0.9.72.
//
// `seccomp` refuses firejail's own list, more of it with a list behind it; `seccomp.drop` refuses what it names alone, `seccomp.keep`
// permits what it names alone. What is refused gets EPERM unless seccomp-error-action or `name:errno` says otherwise.
// firejail lets 32-bit code past its 64-bit filter unless seccomp.block-secondary is set: here it is always refused.

import { dirname, isAbsolute, join } from 'node:path';
import type { AbiName } from '../linux/abi.ts';
import { errnoName, isErrnoName } from '../linux/errno.ts';
import { groupMembers } from '../linux/groups.ts';
import { nearest } from '../linux/nearest.ts';
import { isSyscallName, syscallName, syscallNames } from '../linux/syscalls.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import { placeAt, type Source } from '../policy/language/source.ts';
import { didYouMean } from '../policy/language/values.ts';
import type { Action, Call, Condition, Origin, Policy, Statement, Value } from '../policy/model.ts';
import { errorIn, type Format, type ReadOptions, type ReadResult } from './format.ts';
import { namespaceFlags } from './namespaces.ts';

export const firejail: Format = {
  name: 'firejail',
  help: 'firejail profile: its seccomp part',
  detect,
  read,
};

/** Commands of profiles, by their first word up to a dot. */
const commands: ReadonlySet<string> = new Set(
  `include noblacklist whitelist mkdir caps seccomp nonewprivs protocol notv noroot restrict-namespaces nodvd nogroups
   private private-dev private-tmp private-bin private-cache private-etc private-lib private-opt private-srv private-cwd
   nou2f noinput novideo tracelog netfilter netfilter6 dbus-system dbus-user nosound apparmor apparmor-replace ignore
   disable-mnt no3d net netns netmask veth-name quiet machine-id ipc-namespace blacklist blacklist-nolog memory-deny-write-execute
   read-only read-write x11 mkfile writable-var writable-run-user writable-etc writable-var-log noprinters noexec nonice nice
   join-or-start hostname hosts-file nowhitelist whitelist-ro deterministic-shutdown deterministic-exit-code
   allow-debuggers env rmenv allusers keep-var-tmp keep-fd keep-dev-shm keep-config-pulse keep-shell-rc seccomp-error-action
   bind tmpfs overlay overlay-named overlay-tmpfs cgroup cpu rlimit-as rlimit-cpu rlimit-fsize rlimit-nproc
   rlimit-nofile rlimit-sigpending timeout name shell dns ip ip6 iprange mac mtu defaultgw interface bandwidth nodbus
   noautopulse nogroups nodvd u2f xephyr-screen tab oom`.split(/\s+/),
);

/** Every line is a command of firejail's, and one of them is about calls: nothing else is taken for a profile, since one that
 * refuses little permits all the rest. */
function detect(text: string): boolean {
  let isAboutCalls = false;
  for (const raw of text.split('\n')) {
    const line = raw
      .replace(/#.*$/, '')
      .replace(/^\s*\?[A-Z0-9_]+:/, '')
      .trim();
    if (line === '') continue;
    const [word] = line.split(/\s/) as [string];
    if (/^\s/.test(raw) || !commands.has(word.split('.')[0]!)) return false;
    isAboutCalls ||=
      /^(?:seccomp(?:-error-action|\.[a-z0-9.-]+)?|protocol|memory-deny-write-execute|restrict-namespaces)$/.test(
        word,
      );
  }
  return isAboutCalls;
}

/** firejail's groups that systemd has not, or has otherwise. */
const ownGroups: Readonly<Record<string, string>> = {
  '@default': `@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap open_by_handle_at name_to_handle_at
    ioprio_set syslog fanotify_init kcmp add_key request_key mbind migrate_pages move_pages keyctl io_setup
    io_destroy io_getevents io_submit io_cancel remap_file_pages set_mempolicy vmsplice umount userfaultfd acct bpf
    chroot mount nfsservctl pivot_root setdomainname sethostname umount2 vhangup`,
  '@default-nodebuggers': '@default ptrace personality process_vm_readv',
  '@default-keep': 'execveat execve prctl',
  '@debug': 'lookup_dcookie perf_event_open process_vm_writev rtas s390_runtime_instr sys_debug_setcontext',
};

interface Line {
  readonly words: readonly [string, ...string[]];
  readonly rest: string;
  readonly origin: Origin;
  error(message: string, advice?: string): Error;
}

const EPERM: Action = { kind: 'errno', errno: 'EPERM' };

function read(text: string, options: ReadOptions): ReadResult {
  const warnings: string[] = [];
  const lines = [...linesOf({ name: options.file, text }, options, [options.file])];
  const refusal = errorAction(lines);
  const parts: Policy[] = [];
  for (const line of lines) {
    const made = policyOf(line, refusal, options, warnings);
    if (made !== undefined) parts.push(made);
  }
  const served: readonly AbiName[] = [options.abi.name];
  const [first, ...others] = parts.map((one): Policy => ({ ...one, abis: served }));
  if (first === undefined) {
    warnings.push('no line of this profile refuses a call');
    return { policy: { default: { kind: 'allow' }, abis: served, statements: [], defaults: [] }, warnings };
  }
  if (!lines.some((line) => line.words[0] === 'seccomp.block-secondary')) {
    warnings.push('firejail lets 32-bit code past this filter; here it is refused');
  }
  return { policy: others.reduce((sum, one) => intersect(sum, one, { abis: served }), first), warnings };
}

function* linesOf(source: Source, options: ReadOptions, chain: readonly string[]): Generator<Line> {
  let offset = 0;
  const ignored: string[] = [];
  for (const raw of source.text.split('\n')) {
    const start = offset;
    offset += raw.length + 1;
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') continue;
    const words = line.split(/\s+/) as [string, ...string[]];
    const rest = line.slice(words[0].length).trim();
    if (words[0] === 'ignore') ignored.push(rest);
    if (ignored.some((one) => line === one || line.startsWith(`${one} `))) continue;
    if (words[0] !== 'include') {
      const origin = { source: source.name, place: placeAt(source, start) };
      yield { words, rest, origin, error: (message, advice) => errorIn(source, start, message, advice) };
      continue;
    }
    const path = isAbsolute(rest) ? rest : join(dirname(source.name), rest);
    if (chain.includes(path) || chain.length > 16)
      throw errorIn(source, start, 'files include each other in a circle');
    if (options.files === undefined) throw errorIn(source, start, 'include works only in files');
    // A profile's .local files are for the user to write, and are often not there.
    if (/\.local$/.test(rest) && !options.files.list(dirname(path)).includes(path)) continue;
    yield* linesOf({ name: path, text: options.files.text(path) }, options, [...chain, path]);
  }
}

function errorAction(lines: readonly Line[]): Action {
  const line = lines.filter((one) => one.words[0] === 'seccomp-error-action').at(-1);
  if (line === undefined) return EPERM;
  if (line.rest === 'kill') return { kind: 'kill' };
  if (line.rest === 'log') return { kind: 'log' };
  if (isErrnoName(line.rest)) return { kind: 'errno', errno: line.rest };
  throw line.error(`${line.rest.slice(0, 40)} is no action`, 'it is kill, log or an errno');
}

function policyOf(line: Line, refusal: Action, options: ReadOptions, warnings: string[]): Policy | undefined {
  const [word] = line.words;
  switch (word) {
    case 'seccomp':
    case 'seccomp.drop': {
      const entries = entriesOf(line, refusal, options);
      const own = word === 'seccomp' ? expand('@default', line) : [];
      const removed = new Set(entries.flatMap((one) => (one.isKept ? one.calls.map(keyOf) : [])));
      const base = own.filter((call) => !removed.has(keyOf(call)));
      const dropped = entries.filter((one) => !one.isKept);
      return denying(line.origin, [{ action: refusal, calls: base }, ...dropped]);
    }
    case 'seccomp.keep': {
      const entries = entriesOf(line, refusal, options);
      if (line.rest.includes('@'))
        warnings.push('groups in seccomp.keep have the calls of systemd 257, which may be more');
      const calls = [
        ...entries.filter((one) => !one.isKept).flatMap((one) => one.calls),
        ...expand('@default-keep', line),
      ];
      return {
        default: refusal,
        unknown: refusal,
        statements: [{ action: { kind: 'allow' }, calls, origin: line.origin }],
        defaults: [],
      };
    }
    case 'seccomp.32':
    case 'seccomp.32.drop':
    case 'seccomp.32.keep':
      warnings.push(`${word} is left out: calls of 32-bit code are refused altogether`);
      return undefined;
    case 'protocol':
      return protocols(line, options.exact === true);
    case 'memory-deny-write-execute':
      return writeExecute(line.origin);
    case 'restrict-namespaces':
      return namespaces(line);
    default:
      return undefined;
  }
}

interface Entry {
  readonly action: Action;
  readonly calls: readonly Call[];
  /** `!name`: taken back from the list that firejail has. */
  readonly isKept: boolean;
}

function entriesOf(line: Line, refusal: Action, options: ReadOptions): readonly Entry[] {
  return line.rest
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const isKept = word.startsWith('!');
      const [name, error] = word.replace(/^!/, '').split(':') as [string, string | undefined];
      const action = error === undefined ? refusal : entryAction(error, line, options);
      if (!name.startsWith('$')) return { action, calls: expand(name, line), isKept };
      const number = /^\$\d{1,9}$/.test(name) ? Number(name.slice(1)) : Number.NaN;
      if (Number.isNaN(number)) throw line.error(`${name.slice(0, 40)} is no call number`);
      const known = syscallName(options.abi, number + options.abi.numberBase);
      const target =
        known === undefined
          ? ({ kind: 'number', number } as const)
          : ({ kind: 'name', name: known } as const);
      return { action, calls: [{ target }], isKept };
    });
}

function entryAction(error: string, line: Line, options: ReadOptions): Action {
  if (error === 'kill') return { kind: 'kill' };
  if (error === 'log') return { kind: 'log' };
  if (isErrnoName(error)) return { kind: 'errno', errno: error };
  const number = /^\d{1,4}$/.test(error) ? Number(error) : -1;
  if (number >= 0 && number <= 4095)
    return { kind: 'errno', errno: errnoName(number, options.abi) ?? number };
  throw line.error(`${error.slice(0, 40)} is no errno`);
}

function expand(word: string, line: Line): readonly Call[] {
  const own = Object.hasOwn(ownGroups, word) ? ownGroups[word] : undefined;
  if (own !== undefined) {
    // The group of this name is systemd's where it stands in its own list.
    return own.split(/\s+/).flatMap((one) => (one === word ? [] : isKnown(one) ? expand(one, line) : []));
  }
  if (word.startsWith('@')) {
    const members = groupMembers(word);
    if (members === undefined) throw line.error(`no group is called ${word.slice(0, 60)}`);
    return members.map((name) => ({ target: { kind: 'name', name } }));
  }
  if (!isSyscallName(word)) {
    throw line.error(
      `no system call is called ${word.slice(0, 60)}`,
      didYouMean(nearest(word.slice(0, 64), syscallNames())) ?? 'firejail would ignore it',
    );
  }
  return [{ target: { kind: 'name', name: word } }];
}

function isKnown(word: string): boolean {
  return Object.hasOwn(ownGroups, word) || groupMembers(word) !== undefined || isSyscallName(word);
}

function keyOf({ target }: Call): string {
  return target.kind === 'number' ? `#${target.number}` : target.name;
}

function denying(
  origin: Origin,
  lists: readonly { readonly action: Action; readonly calls: readonly Call[] }[],
): Policy {
  const statements = lists.flatMap(({ action, calls }): Statement[] =>
    calls.length === 0 ? [] : [{ action, calls, origin }],
  );
  return { default: { kind: 'allow' }, statements, defaults: [] };
}

const families: Readonly<Record<string, string>> = {
  unix: 'AF_UNIX',
  inet: 'AF_INET',
  inet6: 'AF_INET6',
  netlink: 'AF_NETLINK',
  packet: 'AF_PACKET',
  bluetooth: 'AF_BLUETOOTH',
};

function protocols(line: Line, exact: boolean): Policy {
  const names = line.rest.split(/[\s,]+/).filter((word) => word !== '');
  if (names.length === 0)
    throw line.error('protocol names no protocols', `there are ${Object.keys(families).join(', ')}`);
  const ranges = names.map((name) => {
    if (!Object.hasOwn(families, name)) {
      throw line.error(
        `no protocol is called ${name.slice(0, 40)}`,
        `there are ${Object.keys(families).join(', ')}`,
      );
    }
    const value: Value = { kind: 'name', name: families[name]! };
    return { low: value, high: value };
  });
  const operand = exact ? { argument: 'arg0', bits: 32 as const } : { argument: 'family' };
  const when: Condition = { kind: 'not', of: { kind: 'in', operand, ranges } };
  const calls: readonly Call[] = [{ target: { kind: 'name', name: 'socket' }, when }];
  return denying(line.origin, [{ action: { kind: 'errno', errno: 'EOPNOTSUPP' }, calls }]);
}

const constant = (name: string): Value => ({ kind: 'name', name });

function writeExecute(origin: Origin): Policy {
  const both: Value = { kind: 'or', of: [constant('PROT_EXEC'), constant('PROT_WRITE')] };
  const operand = { argument: 'arg2' };
  const mapped: Condition = { kind: 'masked', operand, mask: both, op: '==', value: both };
  const any = (mask: string): Condition => ({ kind: 'any-bit', operand, mask: constant(mask) });
  const call = (name: string, when?: Condition): Call => ({
    target: { kind: 'name', name },
    ...(when === undefined ? {} : { when }),
  });
  const calls = [
    ...[call('mmap', mapped), call('mmap2', mapped), call('mprotect', any('PROT_EXEC'))],
    ...[call('pkey_mprotect', any('PROT_EXEC')), call('shmat', any('SHM_EXEC')), call('memfd_create')],
  ];
  return denying(origin, [{ action: EPERM, calls }]);
}

function namespaces(line: Line): Policy {
  const names = line.rest.split(/[\s,]+/).filter((word) => word !== '');
  const flags = (names.length === 0 ? Object.keys(namespaceFlags) : names).map((name) => {
    if (!Object.hasOwn(namespaceFlags, name)) {
      throw line.error(
        `no namespace is called ${name.slice(0, 40)}`,
        `there are ${Object.keys(namespaceFlags).join(', ')}`,
      );
    }
    return constant(namespaceFlags[name]!);
  });
  const mask: Value = flags.length === 1 ? flags[0]! : { kind: 'or', of: flags };
  const any = (argument: string): Condition => ({ kind: 'any-bit', operand: { argument }, mask });
  const zero: Condition = {
    kind: 'compare',
    operand: { argument: 'nstype' },
    op: '==',
    value: { kind: 'number', number: 0n },
  };
  const calls: readonly Call[] = [
    { target: { kind: 'name', name: 'clone' }, when: any('clone_flags') },
    { target: { kind: 'name', name: 'unshare' }, when: any('unshare_flags') },
    { target: { kind: 'name', name: 'setns' }, when: { kind: 'or', of: [zero, any('nstype')] } },
  ];
  const clone3: readonly Call[] = [{ target: { kind: 'name', name: 'clone3' } }];
  return denying(line.origin, [
    { action: EPERM, calls },
    { action: { kind: 'errno', errno: 'ENOSYS' }, calls: clone3 },
  ]);
}
