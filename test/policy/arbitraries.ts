// Random policies and calls for property tests. Policies are drawn from few calls, few arguments and few numbers, so that
// their statements meet: rules on the same call, equal and neighbouring values, both halves of a register.

import fc from 'fast-check';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { newestNumber, syscallNumber } from '../../lib/linux/syscalls.ts';
import type { CallData } from '../../lib/policy/evaluate.ts';
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

export interface PolicyShape {
  /** Calls by number too. */
  readonly numbers: boolean;
  /** Comments on statements, and directives that have no meaning on one ABI. */
  readonly decorated: boolean;
}

interface Argument {
  readonly argument: string;
  readonly bits: number;
  readonly signed: boolean;
}

/** Calls that all 64-bit ABIs have, with arguments of each width and sign. */
const subjects: Readonly<Record<string, readonly Argument[]>> = {
  openat: [
    { argument: 'flags', bits: 32, signed: true },
    { argument: 'mode', bits: 16, signed: false },
    { argument: 'arg2', bits: 32, signed: true },
  ],
  lseek: [{ argument: 'whence', bits: 32, signed: false }],
  mprotect: [
    { argument: 'prot', bits: 64, signed: false },
    { argument: 'len', bits: 64, signed: false },
  ],
  ioctl: [
    { argument: 'cmd', bits: 32, signed: false },
    { argument: 'fd', bits: 32, signed: false },
  ],
  // Newer than 6.1, and a member of groups.
  mseal: [{ argument: 'flags', bits: 64, signed: false }],
  mount: [{ argument: 'flags', bits: 64, signed: false }],
};
const names = Object.keys(subjects);
const groups = ['@probe', '@mount', '@basic-io', '@exec', '@system-service'];
const excepted = ['mseal', 'mount', 'read', 'execve'];
/** A call of every ABI, one that is other calls elsewhere, a gap of x86_64, one above all. */
const numbers = [450, 462, 16, 400, 700];

export const actions: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom<Action>(
    { kind: 'kill' },
    { kind: 'kill-thread' },
    { kind: 'trap' },
    { kind: 'notify' },
    { kind: 'trace' },
    { kind: 'trace', data: 7 },
    { kind: 'log' },
  ),
  fc.constantFrom<Action>({ kind: 'allow' }),
  fc.constantFrom<Action>(
    { kind: 'errno', errno: 'EPERM' },
    { kind: 'errno', errno: 'ENOSYS' },
    { kind: 'errno', errno: 17 },
  ),
);

function numberOf(value: bigint, style: string): Value {
  const magnitude = value < 0n ? -value : value;
  const sign = value < 0n ? '-' : '';
  const text = style === 'hex' ? `${sign}0x${magnitude.toString(16)}` : `${sign}0${magnitude.toString(8)}`;
  return style === 'plain' || (style === 'octal' && magnitude === 0n)
    ? { kind: 'number', number: value }
    : { kind: 'number', number: value, text };
}

const style = fc.constantFrom('plain', 'hex', 'octal');

/** A number within bounds, mostly near the ones where a filter's arithmetic could go wrong. */
function near(low: bigint, high: bigint): fc.Arbitrary<bigint> {
  const points = [
    0n,
    1n,
    2n,
    3n,
    4n,
    0x7fffn,
    0x8000n,
    0xffffn,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    1n << 32n,
    low,
    high,
  ];
  return fc
    .tuple(fc.constantFrom(...points, -1n, -2n), fc.constantFrom(-1n, 0n, 0n, 1n))
    .map(([point, step]) => point + step)
    .filter((value) => value >= low && value <= high);
}

function bitValues({ bits }: Argument): fc.Arbitrary<Value> {
  const low = -(1n << BigInt(bits - 1));
  const high = (1n << BigInt(bits)) - 1n;
  const plain = fc.tuple(near(low, high), style).map(([value, how]) => numberOf(value, how));
  const small = fc.tuple(fc.bigInt(0n, 15n), style).map(([value, how]) => numberOf(value, how));
  return fc.oneof(
    { weight: 5, arbitrary: plain },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Value>({ kind: 'name', name: 'SIGKILL' }, { kind: 'name', name: 'EPERM' }),
    },
    {
      weight: 1,
      arbitrary: fc.array(small, { minLength: 2, maxLength: 3 }).map((of): Value => ({ kind: 'or', of })),
    },
    { weight: 1, arbitrary: small.map((of): Value => ({ kind: 'not', of })) },
    {
      weight: 1,
      arbitrary: fc
        .array(small, { minLength: 2, maxLength: 2 })
        .map((of): Value => ({ kind: 'not', of: { kind: 'or', of } })),
    },
  );
}

function orderNumbers({ bits, signed }: Argument): fc.Arbitrary<bigint> {
  const width = BigInt(bits);
  return signed ? near(-(1n << (width - 1n)), (1n << (width - 1n)) - 1n) : near(0n, (1n << width) - 1n);
}

function orderValues(argument: Argument): fc.Arbitrary<Value> {
  return fc.tuple(orderNumbers(argument), style).map(([value, how]) => numberOf(value, how));
}

function rangesOf(argument: Argument): fc.Arbitrary<Range> {
  const single = bitValues(argument).map((value): Range => ({ low: value, high: value }));
  const pair = fc
    .tuple(orderNumbers(argument), orderNumbers(argument), style)
    .filter(([a, b]) => a !== b)
    .map(([a, b, how]): Range => ({ low: numberOf(a < b ? a : b, how), high: numberOf(a < b ? b : a, how) }));
  return fc.oneof(single, pair);
}

function leaves(subject: readonly Argument[]): fc.Arbitrary<Condition> {
  const pick = fc.constantFrom(...subject).chain((argument) =>
    fc.constantFrom<32 | 64 | undefined>(undefined, undefined, undefined, 32, 64).map((bits) => {
      const operand: Operand =
        bits === undefined ? { argument: argument.argument } : { argument: argument.argument, bits };
      return { operand, argument: bits === undefined ? argument : { ...argument, bits, signed: false } };
    }),
  );
  return pick.chain(({ operand, argument }) =>
    fc.oneof(
      fc
        .tuple(fc.constantFrom<Comparison>('==', '!='), bitValues(argument))
        .map(([op, value]): Condition => ({ kind: 'compare', operand, op, value })),
      fc
        .tuple(fc.constantFrom<Comparison>('<', '<=', '>', '>='), orderValues(argument))
        .map(([op, value]): Condition => ({ kind: 'compare', operand, op, value })),
      fc
        .array(rangesOf(argument), { minLength: 1, maxLength: 3 })
        .map((ranges): Condition => ({ kind: 'in', operand, ranges })),
      bitValues(argument).map((mask): Condition => ({ kind: 'any-bit', operand, mask })),
      fc
        .tuple(bitValues(argument), fc.constantFrom<'==' | '!='>('==', '!='), bitValues(argument))
        .map(([mask, op, value]): Condition => ({ kind: 'masked', operand, mask, op, value })),
    ),
  );
}

/** Conditions in normal form: no `and` right inside an `and`, no `or` right inside an `or`. */
export function conditions(subject: readonly Argument[], depth = 2): fc.Arbitrary<Condition> {
  const leaf = leaves(subject);
  if (depth === 0) return leaf;
  const inner = conditions(subject, depth - 1);
  const joined = (kind: 'and' | 'or') =>
    fc
      .array(
        inner.filter((one) => one.kind !== kind),
        { minLength: 2, maxLength: 3 },
      )
      .map((of): Condition => ({ kind, of }));
  return fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: inner.map((of): Condition => ({ kind: 'not', of })) },
    { weight: 1, arbitrary: joined('and') },
    { weight: 1, arbitrary: joined('or') },
  );
}

const registers: readonly Argument[] = [
  { argument: 'arg0', bits: 64, signed: false },
  { argument: 'arg1', bits: 64, signed: false },
];

function calls(shape: PolicyShape): fc.Arbitrary<Call> {
  const name = fc.constantFrom(...names).chain((one) => {
    const target: Target = { kind: 'name', name: one };
    const always: fc.Arbitrary<Call> = fc.constant({ target });
    return fc.oneof(
      always,
      conditions(subjects[one]!).map((when): Call => ({ target, when })),
    );
  });
  const exceptions = fc.uniqueArray(
    fc.oneof(
      fc.constantFrom(...excepted).map((one): Target => ({ kind: 'name', name: one })),
      fc.constantFrom('@exec', '@mount').map((one): Target => ({ kind: 'group', name: one })),
    ),
    { minLength: 1, maxLength: 2, selector: (target) => JSON.stringify(target) },
  );
  const group = fc
    .tuple(fc.constantFrom(...groups), fc.option(exceptions, { nil: undefined }))
    .map(([one, except]): Call => {
      const target: Target = { kind: 'group', name: one };
      return except === undefined ? { target } : { target, except };
    });
  const number = fc.constantFrom(...numbers).chain((one) => {
    const target: Target = { kind: 'number', number: one };
    const always: fc.Arbitrary<Call> = fc.constant({ target });
    // As wide as the narrowest argument that such a number may turn out to have.
    return fc.oneof(
      always,
      conditions([{ ...registers[0]!, bits: 16 }], 1).map((when): Call => ({ target, when })),
    );
  });
  return fc.oneof(
    { weight: 4, arbitrary: name },
    { weight: 1, arbitrary: group },
    ...(shape.numbers ? [{ weight: 1, arbitrary: number }] : []),
  );
}

const comment = fc.constantFrom('why', 'a # in it', '', '450 is a number', ' deep', 'Umlaut ü', 'allow read');

function statements(shape: PolicyShape, conditional: boolean): fc.Arbitrary<Statement> {
  const list = fc.array(
    calls(shape).map((call) => (conditional ? call : withoutCondition(call))),
    { minLength: 1, maxLength: 4 },
  );
  const plain = fc.record({ action: actions, calls: list });
  if (!shape.decorated) return plain;
  return fc.record(
    {
      action: actions,
      calls: list,
      comments: fc.array(comment, { minLength: 1, maxLength: 2 }),
      note: comment,
    },
    { requiredKeys: ['action', 'calls'] },
  );
}

function withoutCondition(call: Call): Call {
  const { when: _, ...rest } = call;
  return rest;
}

export function policies(shape: PolicyShape): fc.Arbitrary<Policy> {
  const parts = {
    default: actions,
    unknown: actions,
    kernel: fc.constantFrom('5.10', '6.1', '6.10'),
    statements: fc.array(statements(shape, true), { maxLength: 5 }),
    defaults: fc.array(statements(shape, false), { maxLength: 2 }),
  };
  const decoration = {
    foreign: actions,
    abis: fc.constantFrom<Policy['abis']>(['x86_64'], ['x86_64', 'i386'], ['aarch64']) as fc.Arbitrary<
      NonNullable<Policy['abis']>
    >,
    comments: fc.array(comment, { minLength: 1, maxLength: 2 }),
    closing: fc.array(comment, { minLength: 1, maxLength: 2 }),
  };
  const requiredKeys: ['statements', 'defaults'] = ['statements', 'defaults'];
  return shape.decorated
    ? fc.record({ ...parts, ...decoration }, { requiredKeys }).map(withoutLoneClosing)
    : fc.record(parts, { requiredKeys });
}

/** Comments of a text that has nothing else stand at its beginning and at its end. */
function withoutLoneClosing(policy: Policy): Policy {
  const { statements, defaults, closing: _, ...rest } = policy;
  const isLone = statements.length + defaults.length + Object.keys(rest).length === 0;
  return isLone ? { statements, defaults } : policy;
}

/** Registers that make the conditions above true and false: their numbers, with high halves that may be garbage. */
const words = fc
  .tuple(
    fc.oneof(near(0n, (1n << 64n) - 1n), fc.bigInt(0n, 16n)),
    fc.constantFrom(0n, 0n, 0n, 1n << 32n, 0xffffffffn << 32n, 1n << 16n),
  )
  .map(([value, high]) => BigInt.asUintN(64, value ^ high));

/** A call that the policies above may speak of, as it arrives through an ABI. */
export function callData(abi: Abi): fc.Arbitrary<CallData> {
  const known = [...names, 'read', 'execve', 'clone3', 'umount2', 'getpid', 'cachestat', 'map_shadow_stack']
    .map((one) => syscallNumber(abi, one))
    .filter((nr) => nr !== undefined);
  const plain = numbers.map((number) => number + abi.numberBase);
  return fc.record({
    nr: fc.constantFrom(...known, ...plain, newestNumber(abi) + 1),
    args: fc.array(words, { minLength: 6, maxLength: 6 }),
  });
}

export const someAbis: readonly Abi[] = [
  abis.x86_64,
  abis.i386,
  abis.aarch64,
  abis.x32,
  abis.mips64,
  abis.s390x,
];
