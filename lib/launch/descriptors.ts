// Which descriptors the program shall get. Node marks the inherited ones close-on-exec when it starts, and opens some of
// its own, so by now both kinds look alike, and have to be told apart:
//
//  - 0, 1 and 2 are the caller's.
//  - One without close-on-exec is inherited, since Node opens all of its own with it. (libuv marks 0 to 15, and goes on
//    as long as there is no gap: uv_disable_stdio_inheritance. Bash's process substitution at 63 is never marked.)
//  - The kernel gives out the lowest free number, and the first thing that Node opens is the event poll of its first loop.
//    So whatever lies below that is inherited, of whatever kind: a jobserver's pipe, LISTEN_FDS, an event poll.
//  - Above it, Node's own are event polls, event descriptors, io_uring, and pipes that have both ends here and do not block.
//    Everything else (files, sockets, one end of a pipe) is inherited: `9>lock`.
//  - What is left is an inherited one of such a kind above the first event poll: the caller left a gap, as cargo does for its
//    jobserver's pipe. Then the numbers do not come out even any more: each loop of Node's has one event poll, one event
//    descriptor and one pipe. And the parent has it too: the same pipe at any number, or the same kind at the same number
//    and not close-on-exec. Node's own cannot be there, because they were made after the fork.
//
// The first loop's event poll is the one that is followed by libuv's lock pipe, which is made once in a process and is the
// only one of Node's that blocks (src/unix/signal.c, uv__signal_global_init). An inherited event poll is not followed by
// such a pair, or the parent has that pair. Where the parent cannot be read (another user's, another PID namespace's) the
// last rule finds nothing: then what the caller left above a gap and what looks just like Node's is closed.

import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** One open descriptor, as /proc/PID/fd and /proc/PID/fdinfo show it (proc_pid_fd(5)). */
export interface Descriptor {
  readonly fd: number;
  /** `pipe:[123]`, `anon_inode:[eventpoll]`, `/dev/null` … */
  readonly target: string;
  /** Open flags with O_CLOEXEC; only known for kinds that Node opens, else 0. */
  readonly flags: number;
}

// include/uapi/asm-generic/fcntl.h; the same on every architecture that the launch runs on.
const O_ACCMODE = 0o3;
const O_RDONLY = 0o0;
const O_WRONLY = 0o1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const EVENT_POLL = 'anon_inode:[eventpoll]';
const EVENT_DESCRIPTOR = 'anon_inode:[eventfd]';
const ownKinds: ReadonlySet<string> = new Set([EVENT_POLL, EVENT_DESCRIPTOR, 'anon_inode:[io_uring]']);

/** Numbers of all descriptors to hand on, 0 to 2 included, ascending. Without /proc: those three. `flagsOf`: the flags of one
 * of this process's own, -1 if it is not open; asking the kernel itself is faster than reading a file of /proc for each. */
export function descriptorsToHandOn(flagsOf?: (fd: number) => number): readonly number[] {
  const here = readDescriptors('self', flagsOf);
  return here === undefined ? [0, 1, 2] : inherited(here, () => readDescriptors(String(process.ppid)) ?? []);
}

/** The rule above on two tables; `parent` is asked for only where it can matter, since reading it takes a while. */
export function inherited(
  here: readonly Descriptor[],
  parent: () => readonly Descriptor[],
): readonly number[] {
  const marked = here.filter((one) => one.fd > 2 && (one.flags & O_CLOEXEC) !== 0);
  const suspects = marked.filter((one) => looksOwn(one, marked));
  const own = new Set(ownOf(comesOutEven(suspects) ? suspects : withoutHeld(suspects, parent())));
  return here.filter((one) => !own.has(one)).map((one) => one.fd);
}

/** Of those that look it, the ones from Node's first event poll on. */
function ownOf(suspects: readonly Descriptor[]): readonly Descriptor[] {
  const loop = firstLoop(suspects);
  if (loop === undefined) return [];
  return suspects.filter(
    (one) => one.fd >= loop.eventPoll && (!isPipe(one) || !isBlocking(one) || one.target === loop.lockPipe),
  );
}

/** Whether there is, from the first event poll on, as much of each as a number of libuv loops needs: then nothing inherited is
 * among them. */
function comesOutEven(suspects: readonly Descriptor[]): boolean {
  const loop = firstLoop(suspects);
  if (loop === undefined) return suspects.length === 0;
  const count = (is: (one: Descriptor) => boolean) =>
    suspects.filter((one) => one.fd >= loop.eventPoll && is(one)).length;
  const loops = count((one) => one.target === EVENT_POLL);
  return (
    count((one) => one.target === EVENT_DESCRIPTOR) === loops &&
    count((one) => isPipe(one) && !isBlocking(one)) === 2 * loops &&
    count((one) => isPipe(one) && isBlocking(one)) === 2
  );
}

function looksOwn(one: Descriptor, all: readonly Descriptor[]): boolean {
  if (isPipe(one)) return all.some((other) => other.fd !== one.fd && other.target === one.target);
  return ownKinds.has(one.target);
}

function withoutHeld(suspects: readonly Descriptor[], parent: readonly Descriptor[]): readonly Descriptor[] {
  return suspects.filter(
    (one) =>
      !parent.some(
        (other) =>
          other.target === one.target &&
          (isPipe(one) || (other.fd === one.fd && (other.flags & O_CLOEXEC) === 0)),
      ),
  );
}

/** The highest event poll whose next pipe, upwards, blocks and has both ends above it. None: then nothing is Node's. */
function firstLoop(
  suspects: readonly Descriptor[],
): { readonly eventPoll: number; readonly lockPipe: string } | undefined {
  return suspects
    .flatMap((one, index) => {
      if (one.target !== EVENT_POLL) return [];
      const rest = suspects.slice(index + 1);
      const next = rest.findIndex((other) => isPipe(other) || other.target === EVENT_POLL);
      const read = rest[next];
      // Not always the next number: an inherited one may stand between the two.
      const write = rest.slice(next + 1).find((other) => other.target === read?.target);
      if (read === undefined || write === undefined || !isLockPipe(read, write)) return [];
      return [{ eventPoll: one.fd, lockPipe: read.target }];
    })
    .at(-1);
}

function isLockPipe(read: Descriptor, write: Descriptor): boolean {
  return (
    isPipe(read) &&
    isBlocking(read) &&
    isBlocking(write) &&
    (read.flags & O_ACCMODE) === O_RDONLY &&
    (write.flags & O_ACCMODE) === O_WRONLY
  );
}

function isBlocking(one: Descriptor): boolean {
  return (one.flags & O_NONBLOCK) === 0;
}

function isPipe(one: Descriptor): boolean {
  return one.target.startsWith('pipe:');
}

/** All open descriptors of a process, ascending; undefined where /proc does not show them. */
function readDescriptors(
  process: string,
  flagsOf: (fd: number) => number = (fd) => readFlags(`/proc/${process}/fdinfo/${fd}`),
): readonly Descriptor[] | undefined {
  let names: string[];
  try {
    names = readdirSync(`/proc/${process}/fd`);
  } catch {
    return undefined;
  }
  const found: Descriptor[] = [];
  for (const fd of names.map(Number).sort((a, b) => a - b)) {
    try {
      const target = readlinkSync(`/proc/${process}/fd/${fd}`);
      const matters = ownKinds.has(target) || target.startsWith('pipe:');
      const flags = matters ? flagsOf(fd) : 0;
      if (flags >= 0) found.push({ fd, target, flags });
    } catch {
      // Closed since the folder was read: the one it was read through.
    }
  }
  return found;
}

const text = Buffer.alloc(256);

/** The line `flags:` is the second, in octal. Twice as fast as readFileSync, and this is read for every start. */
function readFlags(path: string): number {
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, text);
    const flags = /^flags:\s*([0-7]+)/m.exec(text.toString('latin1', 0, length))?.[1];
    if (flags === undefined) throw new Error(`${path} has no flags`);
    return Number.parseInt(flags, 8);
  } finally {
    closeSync(file);
  }
}
