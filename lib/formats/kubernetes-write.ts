// Policies as SeccompProfile resources. Source: the operator's CRD, deploy/base-crds/crds/seccompprofile.yaml, of 2026 (v1) and of 2023
// (v1beta1); both take what is written here (test/formats/kubernetes-schema.test.ts).
//
// A resource has no field for the default's errno; errnoRet 0 is as if it were absent, and means EPERM; its
// architectures are a fixed list; values are int64.

import { syscallNumber } from '../linux/syscalls.ts';
import { permits } from '../policy/action.ts';
import { meaningOf } from '../policy/meaning.ts';
import type { Policy } from '../policy/model.ts';
import type { Loss, WriteOptions, WriteResult } from './format.ts';
import { yaml } from './json.ts';
import { seccompOf } from './oci.ts';

type Fields = Readonly<Record<string, unknown>>;

export function writeResource(policy: Policy, options: WriteOptions, version: 'v1' | 'v1beta1'): WriteResult {
  const { seccomp, lost } = seccompOf(policy, options, { mostValue: (1n << 63n) - 1n });
  const { defaultErrnoRet, ...spec } = seccomp;
  const notifies = spec.defaultAction === 'SCMP_ACT_NOTIFY';
  const resource = {
    apiVersion: `security-profiles-operator.x-k8s.io/${version}`,
    kind: 'SeccompProfile',
    metadata: { name: resourceName(options.name) },
    spec: {
      ...spec,
      ...(notifies ? { defaultAction: 'SCMP_ACT_ERRNO' } : {}),
      architectures: known(spec),
      syscalls: (seccomp.syscalls as readonly Fields[]).map(withSayableErrno),
    },
  };
  const text = yaml().stringify(resource, { lineWidth: 110 });
  return {
    text,
    lost: [
      ...lost,
      ...otherDefault(defaultErrnoRet, notifies),
      ...errnosLost(seccomp),
      ...forRuntime(policy, options),
    ],
  };
}

/** Architectures that the CRD does not list. The native one is served without being named. */
const unlisted = ['SCMP_ARCH_LOONGARCH64'];

function known({ architectures }: Fields): readonly string[] {
  return (architectures as readonly string[]).filter((name) => !unlisted.includes(name));
}

/** What runc and crun call themselves once the filter is in, up to the program. Measured with runc 1.1.5 and crun 1.8.1 under a profile
 * that logs, as several users and with several options; and what Go's runtime, which runc is on, may call at any time. */
export const runtimeCalls: readonly string[] = [
  ...['capget', 'capset', 'chdir', 'clock_gettime', 'clone', 'close', 'epoll_ctl', 'epoll_pwait'],
  ...['execve', 'exit_group', 'faccessat2', 'fchdir', 'fchown', 'fcntl', 'fstat', 'fstatfs', 'futex'],
  ...['getcwd', 'getdents64', 'getpid', 'getppid', 'gettid', 'madvise', 'mmap', 'munmap', 'nanosleep'],
  ...['newfstatat', 'openat', 'prctl', 'pselect6', 'read', 'readlinkat', 'rt_sigaction'],
  ...['rt_sigprocmask', 'rt_sigreturn', 'sched_yield', 'setgid', 'setgroups', 'setresgid'],
  ...['setresuid', 'setuid', 'sigaltstack', 'statfs', 'tgkill', 'uname', 'write'],
];

export function forRuntime(policy: Policy, options: WriteOptions): readonly Loss[] {
  const [native] = options.abis;
  const refused = runtimeCalls.filter((name) => {
    const nr = syscallNumber(native, name);
    if (nr === undefined) return false;
    const { rules, otherwise } = meaningOf(policy, native, nr);
    return !permits(otherwise) && !rules.some((rule) => permits(rule.action));
  });
  if (refused.length === 0) return [];
  const what = `a container's runtime needs calls itself that the policy refuses; add --with-runtime, or --allow ${refused.join(',')}`;
  return [{ what, restricts: false }];
}

const EPERM = 1;

function otherDefault(errno: unknown, notifies: boolean): readonly Loss[] {
  if (notifies)
    return [{ what: 'default notify is errno EPERM: only single calls can notify', restricts: false }];
  if (errno === undefined || errno === EPERM) return [];
  return [{ what: `the default's errno ${errno}: a resource always has EPERM`, restricts: false }];
}

/** What errnoRet can be in a resource. */
const isSayable = (errno: unknown): boolean =>
  errno === undefined || (typeof errno === 'number' && errno > 0 && errno <= 4095);

function withSayableErrno(rule: Fields): Fields {
  if (isSayable(rule.errnoRet)) return rule;
  const { errnoRet: _, ...rest } = rule;
  return rest;
}

function errnosLost({ syscalls }: Fields): readonly Loss[] {
  const rules = (syscalls as readonly Fields[]).filter((rule) => !isSayable(rule.errnoRet));
  const names = [...new Set(rules.flatMap((rule) => rule.names as readonly string[]))];
  if (names.length === 0) return [];
  return [
    { what: `errno 0, trace numbers 0 and above 4095 are EPERM: ${names.join(', ')}`, restricts: false },
  ];
}

/** A DNS subdomain (RFC 1123), as names of resources are. */
export function resourceName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/[.-]*\.[.-]*/g, '.')
    .slice(0, 253)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return plain === '' ? 'sandbox' : plain;
}
