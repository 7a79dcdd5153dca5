// What is known of a 64-bit value: for each bit whether it is 0, 1, or not known. Flags that are put together on the way to a
// system call are known in this form, though their sum is not: "nothing but O_CLOEXEC and O_APPEND can be set".
//
// A query goes backwards, so what happened to a value between a place and the question is kept as a list of steps, and
// applied once the value is found. Steps that treat each bit by itself fold into one, so that a loop that sets flags comes to
// an end.

const ALL = 0xffff_ffff_ffff_ffffn;

export interface Bits {
  /** 1: the bit is known. */
  readonly known: bigint;
  /** The known bits; 0 where nothing is known. */
  readonly value: bigint;
}

export const unknownBits: Bits = { known: 0n, value: 0n };

export function exactly(value: bigint | number): Bits {
  return { known: ALL, value: BigInt.asUintN(64, BigInt(value)) };
}

export const isExact = (bits: Bits, width = 64): boolean => (bits.known & mask(width)) === mask(width);

export const mask = (width: number): bigint => (1n << BigInt(width)) - 1n;

/** The low `width` bits alone; the others are 0. */
export function low(bits: Bits, width: number): Bits {
  const kept = mask(width);
  return { known: bits.known | (ALL & ~kept), value: bits.value & kept };
}

export function keyOfBits({ known, value }: Bits): string {
  return known === ALL ? value.toString(16) : `${value.toString(16)}/${known.toString(16)}`;
}

/** Known where both say the same. */
export function join(a: Bits, b: Bits): Bits {
  const known = a.known & b.known & ~(a.value ^ b.value);
  return { known, value: a.value & known };
}

/** Whether every value that `b` stands for is one that `a` stands for. */
export function covers(a: Bits, b: Bits): boolean {
  return (a.known & ~b.known) === 0n && ((a.value ^ b.value) & a.known) === 0n;
}

export type Operator = 'or' | 'and' | 'xor' | 'add' | 'sub';

/** Of two values, on `width` bits; the bits above become 0. */
export function combine(operator: Operator, a: Bits, b: Bits, width: number): Bits {
  return low(combineWide(operator, a, b), width);
}

function combineWide(operator: Operator, a: Bits, b: Bits): Bits {
  const [zeroA, zeroB] = [a.known & ~a.value, b.known & ~b.value];
  switch (operator) {
    case 'or':
      return bitsOf(zeroA & zeroB, a.value | b.value);
    case 'and':
      return bitsOf(zeroA | zeroB, a.value & b.value);
    case 'xor': {
      const known = a.known & b.known;
      return { known, value: (a.value ^ b.value) & known };
    }
    case 'add':
      return sum(a, b, 0n);
    case 'sub':
      return sum(a, { known: b.known, value: zeroB }, 1n);
  }
}

function bitsOf(zero: bigint, one: bigint): Bits {
  return { known: zero | one, value: one };
}

/** A sum bit is known where both bits and the carry into it are: the carry is known where the greatest and the least sum
 * agree with it. */
function sum(a: Bits, b: Bits, carry: bigint): Bits {
  const [zeroA, zeroB] = [a.known & ~a.value, b.known & ~b.value];
  const greatest = (ALL & ~zeroA) + (ALL & ~zeroB) + carry;
  const least = a.value + b.value + carry;
  const carryZero = ALL & ~(greatest ^ zeroA ^ zeroB);
  const carryOne = ALL & (least ^ a.value ^ b.value);
  const known = a.known & b.known & (carryZero | carryOne);
  return { known, value: least & known };
}

/** What happens to a value: `value & and ^ xor` with the bits of `unknown` lost, or arithmetic. */
export type Step =
  | { readonly kind: 'bitwise'; readonly and: bigint; readonly xor: bigint; readonly unknown: bigint }
  | { readonly kind: 'add' | 'multiply'; readonly by: bigint; readonly width: number }
  | { readonly kind: 'left' | 'right' | 'arithmetic'; readonly by: number; readonly width: number }
  /** The low `from` bits with their sign, as `width` bits. */
  | { readonly kind: 'signed'; readonly from: number; readonly width: number };

/** Steps from the question back: the last one is applied first. */
export type Steps = readonly Step[];

export const bitwise = (and: bigint, xor: bigint): Step => ({
  kind: 'bitwise',
  and: and & ALL,
  xor: xor & ALL,
  unknown: 0n,
});

export const cut = (width: number): Step => bitwise(mask(width), 0n);

/** With an immediate, on `width` bits; the bits above become 0. */
export function stepOf(operator: Operator, by: bigint, width: number): Step {
  const kept = mask(width);
  if (operator === 'or') return bitwise(kept & ~by, by & kept);
  if (operator === 'and') return bitwise(kept & by, 0n);
  if (operator === 'xor') return bitwise(kept, by & kept);
  return { kind: 'add', by: operator === 'add' ? by : -by, width };
}

export function keyOfSteps(steps: Steps): string {
  let key = '';
  for (const step of steps) {
    if (step.kind === 'bitwise')
      key += `b${step.and.toString(16)},${step.xor.toString(16)},${step.unknown.toString(16)};`;
    else if (step.kind === 'signed') key += `s${step.from},${step.width};`;
    else key += `${step.kind[0]}${step.kind[1]}${step.by},${step.width};`;
  }
  return key;
}

/** `steps` with one more, which comes before them all. */
export function withStep(steps: Steps, step: Step): Steps {
  if (step.kind === 'bitwise' && step.and === ALL && step.xor === 0n && step.unknown === 0n) return steps;
  const last = steps.at(-1);
  if (step.kind !== 'bitwise' || last?.kind !== 'bitwise') return [...steps, step];
  // First `step`, then `last`.
  const folded: Step = {
    kind: 'bitwise',
    and: step.and & last.and,
    xor: (step.xor & last.and) ^ last.xor,
    unknown: (step.unknown & last.and) | last.unknown,
  };
  return [...steps.slice(0, -1), { ...folded, xor: folded.xor & ~folded.unknown }];
}

export function applied(bits: Bits, steps: Steps): Bits {
  let result = bits;
  for (let at = steps.length - 1; at >= 0; at--) result = apply(result, steps[at]!);
  return result;
}

function apply(bits: Bits, step: Step): Bits {
  switch (step.kind) {
    case 'bitwise': {
      const known = ((ALL & ~step.and) | bits.known) & ~step.unknown;
      return { known, value: ((bits.value & step.and) ^ step.xor) & known };
    }
    case 'add':
      return combine('add', bits, exactly(step.by), step.width);
    case 'multiply':
      if (isExact(bits, step.width)) return low(exactly(bits.value * step.by), step.width);
      return low(unknownBits, step.width);
    case 'left': {
      const by = BigInt(step.by);
      return low({ known: (bits.known << by) | mask(step.by), value: bits.value << by }, step.width);
    }
    case 'right': {
      const { known, value } = low(bits, step.width);
      const by = BigInt(step.by);
      const filled = ALL & ~(mask(step.width) >> by);
      return { known: (known >> by) | filled, value: value >> by };
    }
    case 'arithmetic': {
      const wide = signed(bits, step.width);
      const by = BigInt(step.by);
      return low(
        {
          known: BigInt.asUintN(64, BigInt.asIntN(64, wide.known) >> by),
          value: BigInt.asUintN(64, BigInt.asIntN(64, wide.value) >> by),
        },
        step.width,
      );
    }
    case 'signed':
      return low(signed(bits, step.from), step.width);
  }
}

/** The low `from` bits as 64 bits with their sign. */
function signed(bits: Bits, from: number): Bits {
  const kept = mask(from);
  const spread = (part: bigint) => BigInt.asUintN(64, BigInt.asIntN(from, part & kept));
  return { known: spread(bits.known), value: spread(bits.value) };
}

/** Steps that stand for both: bit by bit what they have in common; undefined where they are not of one form. */
export function joinSteps(a: Steps, b: Steps): Steps | undefined {
  const [long, short] = a.length < b.length ? [b, a] : [a, b];
  const joined: Step[] = [];
  for (const [at, x] of long.entries()) {
    const y = short[at] ?? identity;
    if (x.kind === 'bitwise' && y.kind === 'bitwise') {
      const unknown = x.unknown | y.unknown | (x.and ^ y.and) | (x.xor ^ y.xor);
      joined.push({ kind: 'bitwise', and: x.and & ~unknown, xor: x.xor & ~unknown, unknown });
    } else if (keyOfSteps([x]) === keyOfSteps([y])) joined.push(x);
    else return undefined;
  }
  return joined;
}

const identity = bitwise(ALL, 0n);
