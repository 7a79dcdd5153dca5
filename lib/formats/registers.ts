// Comparisons as other tools make them: a register by its index, unsigned, as a whole. Their authors mean the argument, so
// they are read as comparisons of the argument's own width (a high bit that the kernel ignores then cannot evade them), still
// unsigned; with `exact` they stay as wide as the tool makes them.

import { abis } from '../linux/abi.ts';
import { parametersOf } from '../linux/arguments.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import type { Truth } from '../policy/algebra/truth.ts';
import type { Comparison, Condition, Operand, Value } from '../policy/model.ts';

/** One comparison of a whole register. */
export interface RegisterTest {
  /** Argument register, 0…5. */
  readonly index: number;
  readonly op: Comparison;
  /** An unsigned 64-bit number. */
  readonly value: bigint;
  /** Compare these bits only; op is then == or !=. */
  readonly mask?: bigint;
  /** How many low bits the tool compares: 64 unless the format says. */
  readonly bits?: 32 | 64;
  /** How the value was written, where that says more: a constant's name. */
  readonly written?: Value;
}

const ALL = (1n << 64n) - 1n;

/** The test as a condition on the call `name` (undefined: a number without a name). */
export function registerCondition(name: string | undefined, test: RegisterTest, exact: boolean): Truth {
  const { index, op } = test;
  const toolBits = test.bits ?? 64;
  const limit = toolBits === 32 ? 0xffffffffn : ALL;
  const form = name === undefined ? undefined : formOf(name, index);
  const order = op !== '==' && op !== '!=';
  const mask = test.mask === undefined ? undefined : test.mask & limit;
  // A 64-bit value that no 32-bit argument can hold keeps the tool's width: the kernel's would turn it into another one. A
  // negative one, extended to 64 bits, is meant as it is.
  const fits = (bits: number) =>
    test.value < 1n << BigInt(bits) ||
    (!order && test.value === BigInt.asUintN(64, BigInt.asIntN(bits, test.value)));
  let bits: 32 | 64 | undefined;
  if (exact || form === undefined || form.bits > toolBits || form.pointer) bits = toolBits;
  else if (!fits(form.bits)) bits = toolBits;
  else if (order && form.signed) bits = form.bits === 32 ? 32 : 64;
  const width = bits ?? form!.bits;
  const wanted = bits === undefined ? BigInt.asUintN(width, test.value) : test.value;
  if (wanted > limit) return op === '!=' || op === '<' || op === '<=';
  const isWhole = mask === undefined || mask === limit;
  if (!isWhole && (wanted & ~mask) !== 0n) return op === '!=';
  const operand: Operand = {
    argument: form?.name ?? `arg${index}`,
    ...(bits === undefined ? {} : { bits }),
  };
  const value = test.written ?? numeral(wanted, form?.flags === true);
  if (isWhole) return { kind: 'compare', operand, op, value };
  return masked(operand, mask & ((1n << BigInt(width)) - 1n), op as '==' | '!=', value, wanted);
}

/** Any bit of the mask, or none of it. */
export function bitsCondition(
  name: string | undefined,
  index: number,
  mask: bigint,
  isSet: boolean,
  exact: boolean,
): Truth {
  return registerCondition(name, { index, op: isSet ? '!=' : '==', mask, value: 0n }, exact);
}

function masked(operand: Operand, mask: bigint, op: '==' | '!=', value: Value, number: bigint): Truth {
  if (mask === 0n) return (number === 0n) === (op === '==');
  const condition: Condition = { kind: 'masked', operand, mask: numeral(mask, true), op, value };
  return condition;
}

/** A number, flags in hexadecimal. */
export function numeral(number: bigint, isFlags = false): Value {
  if (!isFlags || number < 10n) return { kind: 'number', number };
  return { kind: 'number', number, text: `0x${number.toString(16)}` };
}

interface Form {
  /** The argument's name, where it is the same register on every ABI that has the call. */
  readonly name?: string;
  /** The widest on any ABI. */
  readonly bits: number;
  readonly signed: boolean;
  readonly pointer: boolean;
  readonly flags: boolean;
}

const forms = new Map<string, Form | undefined>();

/** The argument over all ABIs; undefined where its type is not known on one of them. */
function formOf(call: string, index: number): Form | undefined {
  const key = `${call} ${index}`;
  if (forms.has(key)) return forms.get(key);
  const having = Object.values(abis).filter((abi) => syscallNumber(abi, call) !== undefined);
  const found = having.map((abi) => parametersOf(call, abi)?.[index]);
  let form: Form | undefined;
  if (found.length > 0 && found.every((one) => one !== undefined)) {
    const [first] = found;
    const shared = found.every((one) => one.names[0] === first!.names[0]) ? first!.names[0] : undefined;
    // argN is always register N, also in prctl, whose register 1 the manual calls arg2.
    const isPosition = shared !== undefined && /^arg\d$/.test(shared);
    form = {
      ...(shared === undefined || isPosition ? {} : { name: shared }),
      bits: Math.max(...found.map((one) => one.bits)),
      signed: found.some((one) => one.signed),
      pointer: found.some((one) => one.pointer),
      flags: first!.constants?.kind === 'flags',
    };
  }
  forms.set(key, form);
  return form;
}
