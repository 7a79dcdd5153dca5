// Random policies, as dense in trouble as can be: few calls with several statements each, on few arguments, with constants that
// lie on, beside and 2^32 apart from one another, so that intervals touch, overlap and nest.

import type { Abi } from '../../lib/linux/abi.ts';
import { parametersOf } from '../../lib/linux/arguments.ts';
import { constantValue } from '../../lib/linux/constants.ts';
import { newestNumber, syscallNumber } from '../../lib/linux/syscalls.ts';
import type {
  Action,
  Call,
  Comparison,
  Condition,
  Operand,
  Policy,
  Range,
  Statement,
  Target,
  Value,
} from '../../lib/policy/model.ts';
import { fieldOf } from '../../lib/policy/operand.ts';
import type { Random } from './random.ts';

/** Calls whose arguments have all widths and signs, and names of constants that fit them. */
const calls: Readonly<Record<string, readonly string[]>> = {
  chmod: ['S_ISUID', 'S_IRWXU'],
  fchmodat: ['AT_FDCWD', 'S_ISVTX'],
  openat: ['AT_FDCWD', 'O_CREAT', 'O_DIRECTORY', 'O_ACCMODE', 'O_RDWR'],
  ioctl: ['TCGETS', 'TIOCSTI', 'FIONBIO'],
  lseek: ['SEEK_END', 'SEEK_CUR'],
  prctl: ['PR_SET_NAME', 'PR_SET_DUMPABLE'],
  mmap: ['PROT_EXEC', 'PROT_WRITE', 'MAP_ANONYMOUS'],
  mprotect: ['PROT_EXEC', 'PROT_READ'],
  kill: ['SIGKILL', 'SIGTERM'],
  setsockopt: ['SOL_SOCKET', 'SO_REUSEADDR'],
  socket: ['AF_INET', 'AF_NETLINK', 'SOCK_STREAM', 'SOCK_CLOEXEC'],
  clone: ['CLONE_NEWUSER', 'CLONE_VM', 'CLONE_THREAD'],
  fcntl: ['F_SETFL', 'F_GETFD'],
  madvise: ['MADV_FREE'],
  write: [],
  execve: [],
  exit_group: [],
  getpid: [],
  personality: [],
  pwrite64: [],
  ftruncate: [],
  fallocate: [],
  setuid: [],
  clone3: [],
  statx: [],
  mseal: [],
};

const plainCalls = [
  'read',
  'close',
  'futex',
  'brk',
  'munmap',
  'ptrace',
  'bpf',
  'io_uring_setup',
  'open',
  'time',
];
const groups = [
  '@probe',
  '@exec',
  '@kernel-code',
  '@basic-io',
  '@process',
  '@clock',
  '@io-uring',
  '@system-service',
];
const kernels = ['3.10', '5.4', '6.1', '6.99'];
const comparisons: readonly Comparison[] = ['==', '!=', '<', '<=', '>', '>='];

/** A policy that compiles for all of `served`. */
export function randomPolicy(random: Random, served: readonly Abi[]): Policy {
  const context = contextOf(random, served);
  const focus = Array.from({ length: 1 + random.below(4) }, () => random.pick(Object.keys(calls)));
  const statements = Array.from({ length: 1 + random.below(10) }, () => randomStatement(context, focus));
  const defaults = random.chance(0.3) ? [randomDefault(context, focus), randomDefault(context, focus)] : [];
  return {
    statements,
    defaults,
    ...(random.chance(0.8) ? { default: randomAction(random) } : {}),
    ...(random.chance(0.3) ? { unknown: randomAction(random) } : {}),
    ...(random.chance(0.3) ? { foreign: randomAction(random) } : {}),
    ...(random.chance(0.3) ? { kernel: random.pick(kernels) } : {}),
  };
}

/** A condition on one call, for tests that need no more. */
export function randomCondition(random: Random, served: readonly Abi[], call: string): Condition {
  return condition(contextOf(random, served), call, 3);
}

interface Context {
  readonly random: Random;
  readonly served: readonly Abi[];
  /** Constants of this policy, close to one another. */
  readonly pool: readonly bigint[];
}

const special: readonly bigint[] = [
  ...[-1n, -2n, -100n, -(1n << 31n), -(1n << 63n), 0x7fffffffn],
  ...[0n, 1n, 2n, 7n, 0x7fn, 0x80n, 0xffffn, 0x8000n, 0x10000n, 0x5412n],
];

function contextOf(random: Random, served: readonly Abi[]): Context {
  const pool: bigint[] = [];
  for (let i = 0; i < 5; i++) {
    const base = random.chance(0.5)
      ? random.pick(special)
      : random.chance(0.5)
        ? 1n << BigInt(random.below(64))
        : random.bits(1 + random.below(64));
    const near = base + BigInt(random.below(5) - 2);
    pool.push(base, near, -near, near ^ (1n << 32n), near & 0xffffffffn);
  }
  return { random, served, pool: pool.map((one) => BigInt.asIntN(66, one)).filter(fits) };
}

/** What the language can write: -2^63…2^64-1. */
const fits = (value: bigint) => value >= -(2n ** 63n) && value < 2n ** 64n;

export function randomAction(random: Random): Action {
  switch (random.below(12)) {
    case 0:
      return { kind: 'kill' };
    case 1:
      return { kind: 'kill-thread' };
    case 2:
      return { kind: 'trap' };
    case 3:
      return { kind: 'errno', errno: random.pick(['EPERM', 'ENOSYS', 'EDEADLK']) };
    case 4:
      return { kind: 'errno', errno: random.pick([0, 1, 38, 4095]) };
    case 5:
      return { kind: 'notify' };
    case 6:
      return random.chance(0.5) ? { kind: 'trace' } : { kind: 'trace', data: random.pick([0, 1, 0xffff]) };
    case 7:
      return { kind: 'log' };
    default:
      return { kind: 'allow' };
  }
}

function randomStatement(context: Context, focus: readonly string[]): Statement {
  const { random } = context;
  const list = Array.from({ length: 1 + random.below(2) }, () => randomCall(context, focus));
  return { action: randomAction(random), calls: list };
}

function randomDefault({ random }: Context, focus: readonly string[]): Statement {
  const target: Target = random.chance(0.5)
    ? { kind: 'group', name: random.pick(groups) }
    : { kind: 'name', name: random.pick(focus) };
  return { action: randomAction(random), calls: [{ target }] };
}

function randomCall(context: Context, focus: readonly string[]): Call {
  const { random, served } = context;
  const kind = random.below(10);
  if (kind === 0) {
    const target: Target = { kind: 'group', name: random.pick(groups) };
    if (random.chance(0.5)) return { target };
    const except: Target[] = [
      { kind: 'name', name: random.pick(focus) },
      random.chance(0.5)
        ? { kind: 'number', number: random.below(470) }
        : { kind: 'group', name: random.pick(groups) },
    ];
    return { target, except };
  }
  if (kind === 1) return { target: { kind: 'name', name: random.pick(plainCalls) } };
  if (kind === 2) {
    // Numbers known and unknown; an argument of a number is compared by position, whatever its name is elsewhere.
    const abi = random.pick(served);
    const named = syscallNumber(abi, random.pick(focus));
    const number = random.pick([
      (named ?? 1) - abi.numberBase,
      random.below(700),
      newestNumber(abi) - abi.numberBase + random.below(3),
      0x3fffffff,
    ]);
    const target: Target = { kind: 'number', number };
    return random.chance(0.5) ? { target } : { target, when: condition(context, undefined, 2) };
  }
  const name = random.pick(focus);
  const target: Target = { kind: 'name', name };
  return random.chance(0.15) ? { target } : { target, when: condition(context, name, 3) };
}

function condition(context: Context, call: string | undefined, depth: number): Condition {
  const { random } = context;
  const shape = depth === 0 ? 9 : random.below(10);
  const parts = () => Array.from({ length: random.below(4) }, () => condition(context, call, depth - 1));
  if (shape < 2) return { kind: 'and', of: parts() };
  if (shape < 4) return { kind: 'or', of: parts() };
  if (shape === 4) return { kind: 'not', of: condition(context, call, depth - 1) };
  const operand = randomOperand(context, call);
  const value = () => randomValue(context, call);
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'compare', operand, op: random.pick(comparisons), value: value() };
    case 3:
    case 4: {
      const ranges: Range[] = Array.from({ length: 1 + random.below(4) }, () => {
        const low = value();
        return random.chance(0.5) ? { low, high: low } : { low, high: value() };
      });
      return { kind: 'in', operand, ranges };
    }
    case 5:
      return { kind: 'any-bit', operand, mask: value() };
    default: {
      const mask = value();
      // Half of the values lie under the mask; others nothing can equal.
      const under: Value = random.chance(0.5) ? mask : value();
      return { kind: 'masked', operand, mask, op: random.pick(['==', '!=']), value: under };
    }
  }
}

function randomOperand({ random, served }: Context, call: string | undefined): Operand {
  const names = call === undefined ? [] : commonNames(served, call);
  const argument =
    names.length > 0 && random.chance(0.8) ? random.pick(names) : `arg${random.below(random.pick([2, 6]))}`;
  return random.chance(0.15) ? { argument, bits: random.pick([32, 64]) } : { argument };
}

/** Argument names that the call has on every ABI that has the call. */
function commonNames(served: readonly Abi[], call: string): readonly string[] {
  const lists = served
    .filter((abi) => syscallNumber(abi, call) !== undefined)
    .map((abi) => (parametersOf(call, abi) ?? []).flatMap((parameter) => parameter.names));
  return (lists[0] ?? []).filter((name) => {
    // A name like arg2 (prctl's) is read as a position.
    return lists.every((list) => list.includes(name)) && !/^arg[0-5]$/.test(name);
  });
}

function randomValue({ random, served, pool }: Context, call: string | undefined): Value {
  const names = (call === undefined ? [] : (calls[call] ?? [])).filter((name) =>
    served.every((abi) => constantValue(name, abi) !== undefined),
  );
  if (names.length > 0 && random.chance(0.3)) {
    const named: Value = { kind: 'name', name: random.pick(names) };
    if (random.chance(0.2)) return { kind: 'not', of: named };
    if (random.chance(0.2)) return { kind: 'or', of: [named, { kind: 'name', name: random.pick(names) }] };
    return named;
  }
  return { kind: 'number', number: random.pick(pool) };
}

/** All constants that a condition names, by argument register, as they are on an ABI. */
export function constantsOf(
  when: Condition,
  abi: Abi,
  call: string | undefined,
  numberOf: (value: Value, abi: Abi) => bigint,
): readonly { readonly index: number; readonly value: bigint }[] {
  if (when.kind === 'and' || when.kind === 'or') {
    return when.of.flatMap((one) => constantsOf(one, abi, call, numberOf));
  }
  if (when.kind === 'not') return constantsOf(when.of, abi, call, numberOf);
  const { index } = fieldOf(when.operand, abi, call);
  const values =
    when.kind === 'in'
      ? when.ranges.flatMap(({ low, high }) => [low, high])
      : when.kind === 'any-bit'
        ? [when.mask]
        : when.kind === 'masked'
          ? [when.mask, when.value]
          : [when.value];
  return values.map((value) => ({ index, value: numberOf(value, abi) }));
}
