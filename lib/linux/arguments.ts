// What the arguments of a call are: their names, and above all how wide and how signed the kernel reads them. A filter sees
// whole registers; the kernel cuts each down to its parameter's type. A rule must compare what the kernel will use, or a high bit
// that the kernel ignores walks past it.
//
// The prototypes are a text (data/syscall-arguments.ts), one call a line. A look-up finds its line and reads that alone.

import { type Abi, abis } from './abi.ts';
import { argumentConstants } from './data/argument-constants.ts';
import { syscallArguments } from './data/syscall-arguments.ts';

/** One argument register of a call. */
export interface Parameter {
  /** The kernel's name first, then the manual page's and other usual ones. */
  readonly names: readonly string[];
  /** The C type, as the kernel declares it. */
  readonly type: string;
  /** How many low bits of the register the kernel reads. */
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
  /** It is an address: what lies there is out of a filter's sight. */
  readonly pointer: boolean;
  /** The named constants that it takes. */
  readonly constants?: { readonly family: string; readonly kind: 'flags' | 'enum' };
}

const known = new Map<string, readonly Parameter[] | undefined>();

/**
 * The parameters of a call, by argument register (0…5). On 32-bit ABIs a 64-bit value takes two registers, which have names of
 * their own (`pos_lo`, `pos_hi`), and arm leaves some registers unused (`pad`). Undefined where the prototype is not known,
 * as for calls that no kernel implements; an empty list is a call without arguments.
 */
export function parametersOf(name: string, abi: Abi): readonly Parameter[] | undefined {
  const key = `${abi.name} ${name}`;
  if (known.has(key)) return known.get(key);
  const line = prototypeFor(name, abi);
  const parameters = line === undefined ? undefined : read(line, name, abi);
  known.set(key, parameters);
  return parameters;
}

/** All argument names that a call has on any ABI, each once; empty for an unknown call. */
export function parameterNames(name: string): readonly string[] {
  const names = new Set<string>();
  for (const abi of Object.values(abis)) {
    for (const parameter of parametersOf(name, abi) ?? []) {
      for (const one of parameter.names) names.add(one);
    }
  }
  return [...names];
}

/** The text between the parentheses, of the row for this ABI (`clone@s390x(…)`) or the common one (`clone(…)`). */
function prototypeFor(name: string, abi: Abi): string | undefined {
  let common: string | undefined;
  for (let at = -1; ; ) {
    at = syscallArguments.indexOf(`\n${name}`, at + 1);
    if (at < 0) return common;
    const after = at + 1 + name.length;
    const sign = syscallArguments[after];
    if (sign !== '(' && sign !== '@') continue;
    const open = syscallArguments.indexOf('(', after);
    const text = syscallArguments.slice(open + 1, syscallArguments.indexOf(')\n', open));
    if (sign === '(') common = text;
    else if (isFor(abi, syscallArguments.slice(after + 1, open))) return text;
  }
}

function isFor(abi: Abi, list: string): boolean {
  return list.split(',').some((name) => name === abi.name || (name === 'mips64' && abi.table === 'mips64'));
}

function read(prototype: string, call: string, abi: Abi): readonly Parameter[] {
  if (prototype === '') return [];
  return prototype.split(', ').map((text) => {
    const split = Math.max(text.lastIndexOf(' '), text.lastIndexOf('*')) + 1;
    const names = text.slice(split).split('/');
    const [declared, effective] = text.slice(0, split).trim().split(':');
    const constants = constantsOf(call, names[0]!);
    const shape = shapeOf(effective ?? declared!, abi);
    return { names, type: declared!, ...shape, ...(constants === undefined ? {} : { constants }) };
  });
}

/** Types that are not words of the ABI, pointers or plain ints. Sources: include/linux/types.h, include/uapi/asm-generic/posix_types.h,
 * include/linux/compat.h. */
const shapes: Readonly<Record<string, readonly [bits: 16 | 32 | 64 | 'word', signed: boolean]>> = {
  u16: [16, false],
  umode_t: [16, false],
  old_uid_t: [16, false],
  old_gid_t: [16, false],
  int: [32, true],
  s32: [32, true],
  __s32: [32, true],
  pid_t: [32, true],
  clockid_t: [32, true],
  timer_t: [32, true],
  key_t: [32, true],
  key_serial_t: [32, true],
  mqd_t: [32, true],
  rwf_t: [32, true],
  compat_long_t: [32, true],
  unsigned: [32, false],
  'unsigned int': [32, false],
  u32: [32, false],
  __u32: [32, false],
  uid_t: [32, false],
  gid_t: [32, false],
  qid_t: [32, false],
  old_sigset_t: ['word', false],
  'enum landlock_rule_type': [32, false],
  compat_ulong_t: [32, false],
  compat_size_t: [32, false],
  compat_uptr_t: [32, false],
  long: ['word', true],
  off_t: ['word', true],
  'unsigned long': ['word', false],
  size_t: ['word', false],
  uintptr_t: ['word', false],
  aio_context_t: ['word', false],
  cap_user_header_t: ['word', false],
  cap_user_data_t: ['word', false],
  __sighandler_t: ['word', false],
  loff_t: [64, true],
  u64: [64, false],
  __u64: [64, false],
};

const pointerTypes = new Set(['cap_user_header_t', 'cap_user_data_t', '__sighandler_t', 'compat_uptr_t']);

function shapeOf(type: string, abi: Abi): Pick<Parameter, 'bits' | 'signed' | 'pointer'> {
  if (type.endsWith('*')) return { bits: abi.wordBits, signed: false, pointer: true };
  const plain = type.replace(/^const /, '');
  const shape = shapes[plain];
  if (shape === undefined) throw new Error(`no width for the C type ${type}`);
  const [bits, signed] = shape;
  return { bits: bits === 'word' ? abi.wordBits : bits, signed, pointer: pointerTypes.has(plain) };
}

/** The row `call.parameter: family kind`. */
function constantsOf(call: string, parameter: string): Parameter['constants'] {
  const start = `\n${call}.${parameter}: `;
  const at = argumentConstants.indexOf(start);
  if (at < 0) return undefined;
  const [family, kind] = argumentConstants
    .slice(at + start.length, argumentConstants.indexOf('\n', at + start.length))
    .split(' ');
  return { family: family!, kind: kind as 'flags' | 'enum' };
}
