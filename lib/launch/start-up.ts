// What holds up to main where libsandbox.so is to begin the filter there: the policy, and beside it what loaders, C libraries and ordinary
// constructors ask for. A library that is never loaded, or a constructor that goes its own way, is thus kept from whatever matters:
// it can write to nothing but standard error, start no process and no other program, and reach no network. Filters stack, so this one must
// permit all that the policy does; once the library's filter is in, that one alone decides.
//
// The list is what Debian 12's programs were seen to ask for before main (glibc, musl, C++, Rust, libselinux, OpenSSL), with what costs nothing to permit:
// it tells of the process itself, or reads. A program whose constructors need more says so in two phases.

import { groupMembers } from '../linux/groups.ts';
import { permits } from '../policy/action.ts';
import { and, not, type Truth } from '../policy/algebra/truth.ts';
import { parsePolicy } from '../policy/language/parse.ts';
import { type Call, defaultOf, emptyPolicy, type Policy, type Statement } from '../policy/model.ts';

/** What the library itself asks for, to read its filter, to install it, or to say why it cannot. */
const INSTALLING = `
allow  seccomp(op == SECCOMP_SET_MODE_FILTER || op == SECCOMP_GET_ACTION_AVAIL), prctl(option == PR_SET_NO_NEW_PRIVS)
allow  read, close, write(fd == 2), exit_group
`;

const STARTING = `
${INSTALLING}
# memory, and the thread's own
allow  brk, mmap, munmap, mprotect, mremap, madvise, arch_prctl, set_tid_address, set_robust_list, rseq, futex
# files, to be read
allow  openat(flags & O_ACCMODE == O_RDONLY && !(flags & O_CREAT|O_TRUNC)), open(flags & O_ACCMODE == O_RDONLY && !(flags & O_CREAT|O_TRUNC))
allow  readv, pread64, lseek, fstat, stat, lstat, newfstatat, statx, statfs, fstatfs, access, faccessat, faccessat2, readlink, readlinkat
allow  getcwd, getdents64, fcntl(cmd in {F_GETFD, F_SETFD, F_GETFL}), poll, ppoll, ioctl(cmd in {TCGETS, TIOCGWINSZ})
# who, where and when it is
allow  getpid, gettid, getppid, getuid, geteuid, getgid, getegid, uname, sysinfo, getrandom, getrlimit, prlimit64(new_rlim == 0)
allow  sched_getaffinity, clock_gettime, clock_getres, gettimeofday, time
# signals and threads; not clone3, whose flags cannot be seen: C libraries then take clone
allow  rt_sigaction, rt_sigprocmask, rt_sigreturn, restart_syscall, sigaltstack
allow  clone(flags & CLONE_THREAD), sched_yield, sched_getparam, sched_getscheduler
default errno ENOSYS clone3
# reasons for not starting
allow  writev(fd == 2), exit
`;

/** The policy from exec on. Every call that `policy` permits is permitted, and every other is answered as the policy does, unless a start asks for it. With a
 * phase of main the policy's own first phase says what a start may do, and only what the library needs is added. */
export function startUpPolicy(policy: Policy): Policy {
  const { main, ...whole } = policy;
  return alsoPermitting(whole, parsePolicy(main === undefined ? STARTING : INSTALLING, { file: 'start-up' }));
}

/** `policy`, with the allow statements of `added` stronger than its refusals, and its defaults stronger than a refusal of the whole call. `added` names
 * single calls. */
function alsoPermitting(policy: Policy, added: Policy): Policy {
  const weakened = new Map<string, Truth>();
  for (const { target, when } of callsOf(added.statements)) {
    if (target.kind === 'name') weakened.set(target.name, when ?? true);
  }
  const answered = namesIn(added.defaults).filter((name) => isRefusedWhole(policy, name));
  for (const name of answered) weakened.set(name, true);
  const statements = policy.statements.map((one) => (permits(one.action) ? one : weaker(one, weakened)));
  const defaults = policy.defaults.map((one) => weaker(one, new Map(answered.map((name) => [name, true]))));
  return {
    ...emptyPolicy,
    ...policy,
    statements: [...statements.filter(({ calls }) => calls.length > 0), ...added.statements],
    defaults: [
      ...defaults.filter(({ calls }) => calls.length > 0),
      ...added.defaults.filter((one) => namesIn([one]).every((name) => answered.includes(name))),
    ],
  };
}

/** Whether nothing in the policy permits this call under any condition. */
function isRefusedWhole(policy: Policy, name: string): boolean {
  const speaking = (list: readonly Statement[]) => list.filter((one) => namesIn([one]).includes(name));
  const own = speaking(policy.statements);
  if (own.some(({ action }) => permits(action))) return false;
  const defaults = speaking(policy.defaults).map(({ action }) => action);
  const otherwise = defaults.length > 0 ? defaults : [defaultOf(policy)];
  return (
    !otherwise.some(permits) ||
    own.some(({ calls }) => calls.some((call) => call.when === undefined && membersOf(call).includes(name)))
  );
}

function callsOf(statements: readonly Statement[]): readonly Call[] {
  return statements.flatMap(({ calls }) => calls);
}

function namesIn(statements: readonly Statement[]): readonly string[] {
  return callsOf(statements).flatMap(membersOf);
}

/** A refusal without what a start may ask for. */
function weaker(statement: Statement, permitted: ReadonlyMap<string, Truth>): Statement {
  return { ...statement, calls: statement.calls.flatMap((call) => weakerCall(call, permitted)) };
}

function weakerCall(call: Call, permitted: ReadonlyMap<string, Truth>): readonly Call[] {
  const met = membersOf(call).filter((name) => permitted.has(name));
  if (met.length === 0) return [call];
  const others: readonly Call[] =
    call.target.kind === 'group'
      ? [
          {
            ...call,
            except: [...(call.except ?? []), ...met.map((name) => ({ kind: 'name', name }) as const)],
          },
        ]
      : [];
  const rest = met.flatMap((name): readonly Call[] => {
    const when = and(call.when ?? true, not(permitted.get(name)!));
    if (when === false) return [];
    return [{ target: { kind: 'name', name }, ...(when === true ? {} : { when }) }];
  });
  return [...others, ...rest];
}

/** The names that are meant; none for a number, whose refusal stays as it is. */
function membersOf({ target, except = [] }: Call): readonly string[] {
  const namesOf = (one: Call['target']): readonly string[] =>
    one.kind === 'name' ? [one.name] : one.kind === 'group' ? (groupMembers(one.name) ?? []) : [];
  const without = new Set(except.flatMap(namesOf));
  return namesOf(target).filter((name) => !without.has(name));
}
