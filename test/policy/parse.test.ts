// The policy language as tables: what a text means in the model, and what is said about one that means nothing.

import { describe, expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import { parseInvocation, registerOf } from '../../lib/policy/language/invocation.ts';
import { parseAction, parseCalls, parsePolicy, parseStatement } from '../../lib/policy/language/parse.ts';
import { printCall } from '../../lib/policy/language/print.ts';
import type { Action, Call, Policy } from '../../lib/policy/model.ts';

const parse = (text: string): Policy => parsePolicy(text, { file: 'p' });
const call = (name: string): Call => ({ target: { kind: 'name', name } });

/** What reading a text throws. */
function errorOf(read: () => unknown): PolicyError {
  try {
    read();
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('lines', () => {
  test('the example of the design', () => {
    const policy = parse(`# nginx.policy
      default kill
      kernel  6.1                      # written against this kernel
      unknown errno ENOSYS
      foreign trap
      abi x86_64, i386

      allow  @basic-io, @network-io, futex, brk
      allow  socket(domain in {AF_UNIX, AF_INET, AF_INET6} && type & SOCK_TYPE_MASK == SOCK_STREAM)
      allow  ioctl(cmd in {TCGETS, TIOCGWINSZ, FIONBIO})
      allow  @mount except umount2
      errno  EPERM  clone(flags & CLONE_NEWUSER)
      default errno ENOSYS @probe      # only where no statement matches
      kill   mprotect(prot & PROT_EXEC), mmap(prot & PROT_EXEC && prot & PROT_WRITE)
      log    ptrace
    `);
    expect(policy).toMatchObject({
      default: { kind: 'kill' },
      unknown: { kind: 'errno', errno: 'ENOSYS' },
      foreign: { kind: 'trap' },
      kernel: '6.1',
      abis: ['x86_64', 'i386'],
    });
    expect(
      policy.statements.map((one) => [one.action.kind, one.calls.length, one.origin?.place?.line]),
    ).toEqual([
      ['allow', 4, 8],
      ['allow', 1, 9],
      ['allow', 1, 10],
      ['allow', 1, 11],
      ['errno', 1, 12],
      ['kill', 2, 14],
      ['log', 1, 15],
    ]);
    expect(policy.defaults).toMatchObject([
      { action: { errno: 'ENOSYS' }, calls: [{ target: { name: '@probe' } }] },
    ]);
    expect(policy.statements[4]!.calls[0]!.when).toEqual({
      kind: 'any-bit',
      operand: { argument: 'flags' },
      mask: { kind: 'name', name: 'CLONE_NEWUSER' },
    });
  });

  const continued: readonly (readonly [string, string, number])[] = [
    ['after a comma', 'allow read,\n  write', 2],
    ['after a comma, a comment and blank lines', 'allow read, # one\n\n# two\n  write', 2],
    ['in brackets', 'allow openat(flags == 1\n && mode == 2), read', 2],
    ['in braces', 'allow openat(flags in {1,\n 2\n}), read', 2],
    ['after a backslash', 'allow \\\n read, \\\r\nwrite \\\n', 2],
    ['with the line ends of Windows', 'allow read,\r\nwrite\r\nallow brk\r\n', 2],
    ['after a byte order mark', '\ufeffallow read, write', 2],
  ];
  test.each(continued)('a statement goes on %s', (_, text, calls) => {
    expect(parse(text).statements[0]!.calls).toHaveLength(calls);
  });

  test('a # is a number where a call stands, and a comment elsewhere', () => {
    const [first, second] = parse('allow #450, #0x10 #17\ntrace 5 #3, #4 # 5').statements;
    expect(first!.calls.map(printCall)).toEqual(['#450', '#16']);
    expect(first!.note).toBe('17');
    expect(second).toMatchObject({ action: { kind: 'trace', data: 5 }, note: '5' });
    expect(second!.calls.map(printCall)).toEqual(['#3', '#4']);
    expect(parse('allow @mount except #165').statements[0]!.calls.map(printCall)).toEqual([
      '@mount except #165',
    ]);
  });

  test('nothing at all is a policy that says nothing', () => {
    expect(parse('')).toEqual({ statements: [], defaults: [] });
    expect(parse('\n # only a comment\n')).toEqual({
      statements: [],
      defaults: [],
      comments: ['only a comment'],
    });
  });

  test('a directive may be repeated with the same answer', () => {
    expect(parse('default kill\ndefault kill').default).toEqual({ kind: 'kill' });
  });
});

describe('conditions', () => {
  const numbers: readonly (readonly [string, bigint])[] = [
    ['10', 10n],
    ['0x1F', 31n],
    ['0X1f', 31n],
    ['010', 8n],
    ['0o17', 15n],
    ['0', 0n],
    ['-1', -1n],
    ['-0x10', -16n],
  ];
  test.each(numbers)('%s is read as in C', (text, expected) => {
    const when = parse(`allow openat(flags == ${text})`).statements[0]!.calls[0]!.when;
    expect(when).toMatchObject({ kind: 'compare', value: { kind: 'number', number: expected } });
  });

  test('& binds tighter than ==, and && tighter than ||', () => {
    const when = parse('allow openat(flags & 1|2 == 3 || flags == 4 && mode == 5)').statements[0]!.calls[0]!
      .when;
    expect(when).toMatchObject({
      kind: 'or',
      of: [
        { kind: 'masked', mask: { kind: 'or' }, op: '==', value: { number: 3n } },
        { kind: 'and', of: [{ kind: 'compare' }, { kind: 'compare' }] },
      ],
    });
  });

  const accepted: readonly string[] = [
    // Bit patterns of an int, signed and unsigned; of a umode_t; of a long.
    'openat(dfd == -100)',
    'openat(dfd == 0xffffff9c)',
    'openat(dfd in {AT_FDCWD, 0xffffff9c})',
    'openat(flags >= -0x80000000 && flags <= 0x7fffffff)',
    'openat(mode == 0xffff)',
    'mmap(len <= 0xffffffffffffffff)',
    'openat(flags & ~0)',
    // The manual page's names and the kernel's, and registers.
    'openat(dirfd == 3 && pathname != NULL && arg5 == 0)',
    'openat(filename:64 > 0x1000)',
    // A constant that other ABIs lack.
    'mmap(flags & MAP_32BIT)',
  ];
  test.each(accepted)('%s is accepted', (text) => {
    expect(parseCalls(text, 'test')).toHaveLength(1);
  });
});

describe('errors', () => {
  /** Text, line:column, what is said, what to do. */
  const table: readonly [text: string, place: string, message: RegExp, advice?: RegExp][] = [
    // The beginning of a line
    ['read', '1:1', /expected an action or a directive, found "read"/, /allow read/],
    ['alow read', '1:1', /expected an action/, /did you mean allow\?/],
    ['\n\n  ,', '3:3', /expected an action or a directive, found ","/],
    ['allow', '1:6', /expected a call, found the end/, /name a call/],
    ['allow\nallow read', '1:6', /expected a call, found the end of the line/],
    // Calls
    ['allow raed', '1:7', /no system call is called "raed"/, /did you mean read/],
    ['allow mount, basic-io', '1:14', /no system call/, /did you mean the group @basic-io\?/],
    ['allow @basicio', '1:7', /no group is called "@basicio"/, /@basic-io/],
    ['allow @', '1:7', /no group is called "@"/],
    ['allow read write', '1:12', /expected a comma, found "write"/, /separated by commas/],
    ['allow read,, write', '1:12', /expected a call, found ","/, /nothing stands before/],
    ['allow read,', '1:12', /expected a call, found the end/],
    ['allow 5', '1:7', /expected a call, found "5"/, /#5/],
    ['allow #99999999999', '1:7', /is no call number/],
    ['allow #4x', '1:7', /"4x" is not a number/],
    ['allow read:write', '1:11', /expected a comma, found ":"/],
    ['allow reäd', '1:7', /no system call is called "re"/],
    ['allow read;', '1:11', /found ";"/],
    ['allow @mount(flags == 1)', '1:13', /expected a comma, found "\("/, /a condition needs a single call/],
    ['allow read except write', '1:12', /only a group can have exceptions/],
    ['allow @mount except', '1:20', /expected a call/],
    ['allow @mount except {umount2', '1:29', /expected a comma or \}/],
    ['allow @mount except {}', '1:22', /expected a call, found "\}"/],
    // Actions
    ['default', '1:8', /expected an action, found the end/],
    ['default refuse', '1:9', /expected an action, found "refuse"/, /the actions are kill, /],
    ['errno EPREM read', '1:7', /no errno is called "EPREM"/, /did you mean EPERM\?/],
    ['errno read', '1:7', /no errno is called "read"/, /errno EPERM/],
    ['errno 4096 read', '1:7', /"4096" is not an errno/, /0 … 4095/],
    ['trace 65536 read', '1:7', /not a number for the tracer/, /0 … 65535/],
    ['default kill raed', '1:14', /no system call is called "raed"/],
    ['unknown kill read', '1:14', /expected the end of the line, found "read"/],
    ['default kill openat(flags == 1)', '1:14', /cannot have a condition/, /kill CALL\(CONDITION\)/],
    // Directives
    ['default kill\n\ndefault allow', '3:1', /default is given twice: line 1 says kill/],
    ['kernel 6.1\nkernel 6.2', '2:1', /kernel is given twice: line 1 says 6.1/],
    ['kernel six', '1:8', /expected a kernel version, found "six"/, /kernel 6.1/],
    ['kernel', '1:7', /expected a kernel version, found nothing/],
    ['kernel 6.1.2', '1:8', /expected a kernel version/],
    ['abi arm65', '1:5', /expected an ABI, found "arm65"/, /the ABIs are|did you mean/],
    ['abi', '1:4', /expected an ABI/],
    ['include ./x', '1:9', /include works only in files/],
    // Conditions
    ['allow openat()', '1:14', /expected an argument, \( or !, found "\)"/],
    ['allow openat(flag == 1)', '1:14', /openat has no argument "flag"/, /did you mean flags/],
    ['allow openat(xyzzy == 1)', '1:14', /openat has no argument/, /it has dfd, dirfd/],
    ['allow #5(flags == 1)', '1:10', /"flags" is not an argument/, /arg0 … arg5/],
    ['allow openat(1 == flags)', '1:14', /expected an argument, found "1"/, /swap the two sides/],
    ['allow openat(O_CREAT == flags)', '1:14', /expected an argument, found "O_CREAT"/, /swap/],
    ['allow openat(~1 == flags)', '1:14', /expected an argument/, /swap/],
    ['allow openat(flags)', '1:19', /expected ==, !=/, /write flags != 0/],
    ['allow openat(flags = 1)', '1:20', /expected ==/, /equality is ==/],
    ['allow openat(flags == O_CRAET)', '1:23', /no constant is called "O_CRAET"/, /O_CREAT/],
    ['allow openat(flags == arg1)', '1:23', /no constant is called "arg1"/, /not with another argument/],
    ['allow openat(flags == 09)', '1:23', /"09" is not a number/, /octal/],
    ['allow openat(flags == 1UL)', '1:23', /"1UL" is not a number/],
    ['allow openat(flags == )', '1:23', /expected a constant or a number, found "\)"/],
    ['allow openat(flags == 0x100000000)', '1:23', /signed 32-bit argument and can never hold 4294967296/],
    ['allow openat(flags == -0x80000001)', '1:23', /can never hold -2147483649/],
    ['allow openat(flags < 0x80000000)', '1:22', /can never hold 2147483648/, /2147483647/],
    ['allow openat(mode == 0x10000)', '1:22', /unsigned 16-bit argument and can never hold 65536/],
    ['allow openat(mode < -1)', '1:21', /can never be negative/],
    ['allow openat(flags & 0x100000000)', '1:22', /can never hold/],
    ['allow openat(flags:32 == 0x100000000)', '1:26', /can never hold/],
    ['allow openat(flags:16 == 1)', '1:20', /expected 32 or 64 after the colon, found "16"/],
    ['allow openat(flags & 1 < 2)', '1:24', /expected == or != after a mask/],
    ['allow openat(flags == 1 == 2)', '1:25', /expected &&, \|\| or \)/, /join comparisons/],
    [
      'allow openat(flags == 1',
      '1:24',
      /expected &&, \|\| or \), found the end/,
      /bracket at column 13 is not closed/,
    ],
    ['allow openat(flags == 1\nallow read', '2:1', /expected &&, \|\| or \), found "allow"/, /not closed/],
    ['allow openat(flags in 1)', '1:23', /expected \{ after in/],
    ['allow openat(flags in {})', '1:24', /nothing stands between/],
    ['allow openat(flags in {1 2})', '1:26', /expected a comma, \.\. or \}/],
    ['allow openat(flags in {2..1})', '1:24', /the range 2\.\.1 is empty/],
    ['allow openat(flags in {0..0xffffffff})', '1:27', /can never hold 4294967295/],
    ['allow openat(!flags == 1)', '1:15', /expected \( after !/, /!\(x == y\) or x != y/],
    ['allow openat(filename == 1)', '1:14', /a pointer's target cannot be checked/, /NULL/],
    ['allow openat(filename & 1)', '1:14', /a pointer's target cannot be checked/],
    ['allow openat(arg1 in {1})', '1:14', /a pointer's target cannot be checked/],
    ['allow openat(flags == 1))', '1:25', /expected a comma, found "\)"/],
    [`allow openat(flags == ${'('.repeat(300)}1`, '1:224', /nested deeper than 200 levels/],
    [`allow openat(${'!'.repeat(300)}(flags == 1))`, '1:215', /nested deeper than 200 levels/],
    [`allow openat(flags == ${'9'.repeat(2000)})`, '1:23', /is too large: a register has 64 bits/],
  ];
  test.each(table)('%j', (text, place, message, advice) => {
    const error = errorOf(() => parse(text));
    expect(error.message).toMatch(message);
    expect(`${error.place?.line}:${error.place?.column}`).toBe(place);
    if (advice !== undefined) expect(error.advice).toMatch(advice);
  });

  test('several are found at once, up to a limit', () => {
    const error = errorOf(() => parse('allow raed\nallow read\nalow write\ndefault kill\ndefault log'));
    expect([error, ...error.others].map((one) => one.place?.line)).toEqual([1, 3, 5]);
    expect(errorOf(() => parse('x\n'.repeat(1000))).others).toHaveLength(19);
  });

  test('the line is shown, cut down and without control characters', () => {
    const error = errorOf(() =>
      parse(`allow read\nallow ${'read, '.repeat(1000)}\x1b[31mraed${', read'.repeat(1000)}`),
    );
    const { line, column, text, caret } = error.place!;
    expect([line, column]).toEqual([2, 6007]);
    expect(text.length).toBeLessThan(130);
    expect(text).not.toContain('\x1b');
    expect(text.slice(caret! - 1)).toMatch(/^\ufffd\[31mraed, read/);
  });
});

describe('lists of calls', () => {
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['read', ['read']],
    [' read , write ', ['read', 'write']],
    ['read:write', ['read', 'write']],
    ['read : ioctl(cmd:32 == 1):#5', ['read', 'ioctl(cmd:32 == 1)', '#5']],
    ['read,\nwrite', ['read', 'write']],
    ['@mount except {umount2, mount}:read', ['@mount except {umount2, mount}', 'read']],
    ['#5:#6', ['#5', '#6']],
  ];
  test.each(lists)('%s', (text, expected) => {
    expect(parseCalls(text, '--allow').map(printCall)).toEqual(expected);
  });

  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ['', 1, /the list of calls is empty/],
    [' \n ', 1, /the list of calls is empty/],
    [',', 1, /expected a call, found ","/],
    ['read,', 6, /expected a call, found the end/],
    ['read::write', 6, /expected a call, found ":"/],
    ['read write', 6, /expected a comma/],
    ['read # comment', 6, /expected a comma, found "#"/],
    ['allow read', 1, /no system call is called "allow"/],
  ];
  test.each(wrong)('%j is refused', (text, column, message) => {
    const error = errorOf(() => parseCalls(text, '--allow'));
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject({ file: '--allow', line: 1, column });
  });
});

describe('actions', () => {
  const forms: readonly (readonly [string, Action])[] = [
    ['kill', { kind: 'kill' }],
    [' kill-thread ', { kind: 'kill-thread' }],
    ['errno EPERM', { kind: 'errno', errno: 'EPERM' }],
    ['errno:EPERM', { kind: 'errno', errno: 'EPERM' }],
    ['errno 0', { kind: 'errno', errno: 0 }],
    ['trace', { kind: 'trace' }],
    ['trace:7', { kind: 'trace', data: 7 }],
  ];
  test.each(forms)('%s', (text, action) => {
    expect(parseAction(text, 'x')).toEqual(action);
  });

  test.each([
    '',
    'errno',
    'errno:',
    'Kill',
    'kill now',
    'kill:1',
    'trace:',
    'trace:x',
    'errno -1',
  ])('%j is refused', (text) => {
    expect(errorOf(() => parseAction(text, 'x')).place).toBeDefined();
  });
});

describe('single statements', () => {
  test('are policies that say just that', () => {
    expect(parseStatement('errno EPERM ptrace', '--rule')).toMatchObject({
      statements: [{ action: { kind: 'errno' }, calls: [call('ptrace')], origin: { source: '--rule' } }],
      defaults: [],
    });
    expect(parseStatement('default kill', '--rule')).toEqual({
      default: { kind: 'kill' },
      statements: [],
      defaults: [],
    });
    expect(parseStatement('kernel 6.1', '--rule').kernel).toBe('6.1');
    expect(parseStatement('default errno ENOSYS @probe', '--rule').defaults).toHaveLength(1);
  });

  test.each(['', 'include x', 'allow read allow write', 'nothing', 'include'])('%j is refused', (text) => {
    expect(errorOf(() => parseStatement(text, '--rule')).place?.file).toBe('--rule');
  });
});

describe('imagined calls', () => {
  test('have registers', () => {
    expect(parseInvocation('openat(AT_FDCWD, 0, O_RDONLY|O_CLOEXEC)', 'check')).toEqual({
      target: { kind: 'name', name: 'openat' },
      args: [
        { kind: 'name', name: 'AT_FDCWD' },
        { kind: 'number', number: 0n },
        {
          kind: 'or',
          of: [
            { kind: 'name', name: 'O_RDONLY' },
            { kind: 'name', name: 'O_CLOEXEC' },
          ],
        },
      ],
    });
    expect(parseInvocation('#450(-1)', 'check').args).toEqual([{ kind: 'number', number: -1n }]);
    expect(parseInvocation('getpid()', 'check').args).toEqual([]);
    expect(parseInvocation('i386:getpid', 'check')).toEqual({
      target: call('getpid').target,
      abi: 'i386',
      args: [],
    });
    expect(registerOf(-1n)).toBe(0xffffffffffffffffn);
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /expected a call/],
    ['@mount', /found a group/],
    ['read(1', /expected a comma/],
    ['read(1,)', /expected a constant/],
    ['read(0x10000000000000000)', /does not fit a register/],
    ['read(-0x8000000000000001)', /does not fit a register/],
    ['read(1,2,3,4,5,6,7)', /at most six/],
    ['read() write()', /expected the end/],
    ['i387:read', /expected an ABI/],
  ];
  test.each(wrong)('%j is refused', (text, message) => {
    expect(errorOf(() => parseInvocation(text, 'check')).message).toMatch(message);
  });
});
