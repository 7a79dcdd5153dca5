// The meaning of a policy as code: what happens to one call. Short, obvious, slow, and the reference that the compiler,
// the proof, the interpreter and the kernel are held against. It shares no step with the compiler.

import { type Abi, abis, X32_BIT } from '../linux/abi.ts';
import { meaningOf, type Reason } from './meaning.ts';
import { type Action, type Condition, foreignOf, type Policy, type Statement, type Value } from './model.ts';
import { fieldOf } from './operand.ts';
import { numberOf, pattern } from './value.ts';

/** A call as it arrives: the number as in seccomp_data.nr, six registers as unsigned 64-bit numbers. */
export interface CallData {
  readonly nr: number;
  readonly args: readonly bigint[];
}

/** struct seccomp_data without the instruction pointer. `arch` is an AUDIT_ARCH_ value. */
export interface SeccompData extends CallData {
  readonly arch: number;
}

export interface Decision {
  readonly action: Action;
  /** The statement that decided, or why there was none. */
  readonly by: Statement | Reason;
}

/** What the policy answers to a call through an ABI that it serves. */
export function evaluate(policy: Policy, abi: Abi, call: CallData): Action {
  return decide(policy, abi, call).action;
}

/** The same, with the statement that decided. */
export function decide(policy: Policy, abi: Abi, call: CallData): Decision {
  const meaning = meaningOf(policy, abi, call.nr);
  for (const rule of meaning.rules) {
    if (rule.when === undefined || holds(rule.when, abi, meaning.name, call.args)) {
      return { action: rule.action, by: rule.statement };
    }
  }
  return { action: meaning.otherwise, by: meaning.reason };
}

/** What a filter for the ABIs `served` answers to any data that the kernel may show it. */
export function decideData(policy: Policy, served: readonly Abi[], data: SeccompData): Decision {
  const abi = abiOfData(data);
  if (abi === undefined || !served.includes(abi)) return { action: foreignOf(policy), by: 'foreign' };
  return decide(policy, abi, data);
}

/** Which ABI a call came through. An x32 call is an x86_64 one with bit 30 or more; -1 is no call at all (a tracer's way to
 * skip one) and stays with x86_64. */
export function abiOfData(data: Pick<SeccompData, 'arch' | 'nr'>): Abi | undefined {
  if (data.arch === abis.x32.auditArch && data.nr >= X32_BIT && data.nr !== 0xffffffff) return abis.x32;
  for (const abi of everyAbi) if (abi.auditArch === data.arch && abi !== abis.x32) return abi;
  return undefined;
}

const everyAbi = Object.values(abis);

/** Whether a condition on the call `name` holds for these registers. */
export function holds(
  condition: Condition,
  abi: Abi,
  name: string | undefined,
  args: readonly bigint[],
): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.of.every((one) => holds(one, abi, name, args));
    case 'or':
      return condition.of.some((one) => holds(one, abi, name, args));
    case 'not':
      return !holds(condition.of, abi, name, args);
  }
  const field = fieldOf(condition.operand, abi, name);
  const bits = BigInt.asUintN(field.bits, args[field.index]!);
  const signed = field.signed ? BigInt.asIntN(field.bits, bits) : bits;
  const constant = (value: Value) => numberOf(value, abi);
  const equals = (value: Value) => bits === pattern(constant(value), field);
  const mask = (value: Value) => BigInt.asUintN(field.bits, constant(value));
  switch (condition.kind) {
    case 'compare':
      if (condition.op === '==') return equals(condition.value);
      if (condition.op === '!=') return !equals(condition.value);
      return isOrdered(signed, condition.op, constant(condition.value));
    case 'in':
      return condition.ranges.some((range) =>
        isSingle(range.low, range.high, constant)
          ? equals(range.low)
          : signed >= constant(range.low) && signed <= constant(range.high),
      );
    case 'any-bit':
      return (bits & mask(condition.mask)) !== 0n;
    case 'masked': {
      const equal = (bits & mask(condition.mask)) === pattern(constant(condition.value), field);
      return equal === (condition.op === '==');
    }
  }
}

function isSingle(low: Value, high: Value, constant: (value: Value) => bigint): boolean {
  return low === high || constant(low) === constant(high);
}

function isOrdered(a: bigint, op: '<' | '<=' | '>' | '>=', b: bigint): boolean {
  if (op === '<') return a < b;
  if (op === '<=') return a <= b;
  return op === '>' ? a > b : a >= b;
}
