// A running Node process narrows itself: the filter applies to all its threads at once, those of V8 and libuv and its workers, or to
// none (seccomp(2), SECCOMP_FILTER_FLAG_TSYNC). It cannot be taken away again, and children inherit it.
//
// Node itself has to go on under it. The calls that no Node process can do without are asked of the policy beforehand.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { answersFor } from '../asking/answers.ts';
import { contextOf } from '../asking/lint/context.ts';
import { encode } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import { CompileError, LaunchError, UsageError } from '../errors.ts';
import { servedBy } from '../launch/machine.ts';
import type { Abi } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { actionText } from '../policy/action.ts';
import { parseInvocation } from '../policy/language/invocation.ts';
import type { Policy } from '../policy/model.ts';
import { addonForNode } from './launcher.ts';
import { policyOf } from './sandbox.ts';

export interface RestrictOptions {
  /** Install it even where the policy refuses what Node needs: for a process that is about to do one last thing. */
  readonly force?: boolean;
  /** Install it although this process has an io_uring, through which native code could do past any filter what the policy refuses. Right where
   * JavaScript is all that is to be held. */
  readonly acceptRing?: boolean;
}

/** What a Node process makes whatever its program does (V8's heap and compiler, libuv's loop and threads, the C library, the end), with
 * arguments as it makes them. Found by refusing, one by one, the calls that Node 20, 22 and 24 were seen to make in a program that only
 * computes and waits, and looking who dies; test/node/restrict.test.ts does it again. */
export const neededByNode: readonly string[] = [
  'mmap(0, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1)',
  'mmap(0, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1)',
  'mprotect(0, 4096, PROT_READ|PROT_WRITE)',
  'mprotect(0, 4096, PROT_NONE)',
  'madvise(0, 4096, MADV_DONTNEED)',
  'madvise(0, 4096, MADV_DONTFORK)',
  'munmap(0, 4096)',
  'brk(0)',
  'futex(0, FUTEX_WAIT_PRIVATE)',
  'futex(0, FUTEX_WAKE_PRIVATE, 1)',
  'read(20)',
  'write(20)',
  'close(20)',
  'fcntl(20, F_GETFL)',
  'fstat(20)',
  'epoll_ctl(20, EPOLL_CTL_ADD, 21)',
  'epoll_pwait(20)',
  'rt_sigaction(SIGTERM)',
  'rt_sigprocmask(SIG_SETMASK)',
  'rt_sigreturn',
  'getpid',
  'exit',
  'exit_group',
];

/** Only where the event loop has a ring already. libuv of Node 22 and later makes one wherever the kernel lets it, for epoll_ctl. */
const NEEDED_BY_RING = 'io_uring_enter(20)';

/** What a ring does without the call: include/uapi/linux/io_uring.h, enum io_uring_op, up to Linux 6.16. */
const doneByRings = `
  read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 fsync fdatasync sync_file_range fallocate ftruncate
  open creat openat openat2 close statx fadvise64 madvise splice tee pipe pipe2 epoll_ctl epoll_wait epoll_pwait
  rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat symlink symlinkat link linkat
  setxattr fsetxattr getxattr fgetxattr socket bind listen connect accept accept4 shutdown
  sendto sendmsg recvfrom recvmsg waitid futex_wait futex_wake futex_waitv`
  .trim()
  .split(/\s+/);

/** Applies a policy to this process: all threads of it, from now on, and every program that it starts.
 *
 * It changes nothing and throws where a thread cannot be narrowed (LaunchError, which names it: a thread that has a filter of its own), where the
 * kernel takes no filter (LaunchError), where the policy refuses what Node needs (UsageError; see `force`) or what an open io_uring does past it
 * (UsageError; see `acceptRing`), has a phase of main (UsageError), is
 * too long for one filter (CompileError) or cannot be proved (ProofError). no_new_privs comes with it.
 *
 * An answer of `errno` is an exception in JavaScript (EPERM …); `kill` ends the process by SIGSYS. */
export function restrictSelf(policy: Policy | string, options: RestrictOptions = {}): void {
  const value = policyOf(policy);
  const addon = addonForNode();
  if (value.main !== undefined) {
    throw new UsageError('a policy with phases cannot narrow a process that runs already', {
      advice: 'give the policy that is to hold from now on, without phases',
    });
  }
  const abis = servedBy(value.abis);
  const hasRing = findRing();
  if (options.force !== true) mustLetNodeGoOn(value, abis, hasRing);
  if (hasRing && options.acceptRing !== true) mustHoldForRings(value, abis);
  const [program, second] = compile(value, { abis });
  if (program === undefined || second !== undefined) {
    throw new CompileError('the policy needs several filters, which cannot all be installed at once', {
      advice: 'use a shorter policy',
    });
  }
  const result = addon.restrictAll(encode(program));
  if (result > 0) {
    throw new LaunchError(
      `thread ${result}${nameOf(result)} cannot be narrowed: it has a filter that the others do not have; nothing has changed`,
      125,
      { advice: 'let it end first, or begin before it takes a filter of its own' },
    );
  }
  if (result < 0) {
    const errno = errnoName(-result, abis[0]!) ?? `errno ${-result}`;
    throw new LaunchError(`the kernel does not take the filter (${errno}); nothing has changed`, 125, {
      advice: 'an outer sandbox or container has to allow seccomp and prctl; Linux 3.17 or newer is needed',
    });
  }
}

function mustLetNodeGoOn(policy: Policy, abis: readonly Abi[], hasRing: boolean): void {
  const needed = hasRing ? [...neededByNode, NEEDED_BY_RING] : neededByNode;
  const refused = needed.flatMap((text) => {
    const [answer] = answersFor(parseInvocation(text, 'Node'), text, policy, abis.slice(0, 1));
    const { kind } = answer!.decision.action;
    return kind === 'allow' || kind === 'log' ? [] : [`${text} (${actionText(answer!.decision.action)})`];
  });
  if (refused.length === 0) return;
  throw new UsageError(`Node cannot go on without ${refused.join(', ')}; nothing has changed`, {
    advice: refused.some((one) => one.startsWith('io_uring'))
      ? `${WITHOUT_RING}; permit the other calls`
      : 'permit them, or start from `default allow` and refuse what the program must not do',
  });
}

const WITHOUT_RING =
  "start it by sandbox-run --rule 'default allow' --rule 'errno ENOSYS @io-uring' -- node …, and its event loop makes no ring";

/** What a filter forbids, a ring that is open already may still do. */
function mustHoldForRings(policy: Policy, abis: readonly Abi[]): void {
  const context = contextOf(policy, abis[0]!, []);
  const open = doneByRings.filter((call) => context.mayRefuse(call));
  if (open.length === 0) return;
  throw new UsageError(
    `this Node has an io_uring, through which native code does ${open.slice(0, 5).join(', ')}${open.length > 5 ? ' …' : ''} past any filter; nothing has changed`,
    { advice: `${WITHOUT_RING}; or give acceptRing: true where JavaScript is all that is to be held` },
  );
}

function findRing(): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[io_uring]';
    } catch {
      return false;
    }
  });
}

/** ` (libuv-worker)`, as the thread calls itself. */
function nameOf(thread: number): string {
  try {
    return ` (${readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()})`;
  } catch {
    return '';
  }
}
