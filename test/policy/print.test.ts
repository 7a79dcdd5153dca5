// Printing and reading are inverse: from model to text to the same model, and from text to model to text.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import {
  printCall,
  printCondition,
  printPolicy,
  printStatement,
  printValue,
} from '../../lib/policy/language/print.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { policies } from './arbitraries.ts';

const parse = (text: string): Policy => parsePolicy(text, { file: 'test' });
const condition = (text: string) => parse(`allow ${text}`).statements[0]!.calls[0]!.when!;

/** The model without where its statements were written. */
function withoutOrigins(policy: Policy): Policy {
  const bare = (statement: Policy['statements'][number]) => {
    const { origin: _, ...rest } = statement;
    return rest;
  };
  return { ...policy, statements: policy.statements.map(bare), defaults: policy.defaults.map(bare) };
}

test('reading what was printed gives the same model', () => {
  fc.assert(
    fc.property(policies({ numbers: true, decorated: true }), (policy) => {
      expect(withoutOrigins(parse(printPolicy(policy)))).toEqual(policy);
    }),
    { numRuns: 1500 },
  );
});

test('printing what was read gives the same text, once it is in its form', () => {
  fc.assert(
    fc.property(policies({ numbers: true, decorated: true }), (policy) => {
      const text = printPolicy(policy);
      expect(printPolicy(parse(text))).toBe(text);
    }),
    { numRuns: 300 },
  );
});

const same: readonly string[] = [
  'openat(flags & O_CREAT|O_EXCL == O_CREAT)',
  'openat(!(flags & O_CREAT) && (mode == 0 || mode == 0o644))',
  'ioctl(cmd in {TCGETS, 0x5401, 21500..21600, -5})',
  'ioctl(cmd:32 == 0x5401 && arg:64 != 0)',
  'mmap(prot & ~(PROT_READ|PROT_WRITE) == 0)',
  'mmap(prot & ~PROT_READ)',
  'openat(!!(flags == 1))',
  'openat(flags == 1 && mode == 2 || flags == 3)',
  'openat(filename != NULL)',
  'prctl(arg0 == 017)',
  '#450',
  '#450(arg0 == 1)',
  '@mount except umount2',
  '@mount except {umount2, @exec, #165}',
];

test.each(same)('%s is printed as it is written', (text) => {
  expect(printCall(parse(`allow ${text}`).statements[0]!.calls[0]!)).toBe(text);
});

const simpler: readonly (readonly [string, string])[] = [
  ['openat((((flags == (1)))))', 'openat(flags == 1)'],
  ['openat((flags & 3) == 1)', 'openat(flags & 3 == 1)'],
  ['openat(flags == 1 && (flags == 2 && flags == 3))', 'openat(flags == 1 && flags == 2 && flags == 3)'],
  ['openat(flags&(1|(2|4)))', 'openat(flags & 1|2|4)'],
  ['openat((flags == 1 && mode == 2) || flags == 3)', 'openat(flags == 1 && mode == 2 || flags == 3)'],
  ['@mount except { umount2, }', '@mount except umount2'],
  ['openat(flags in {3..3,})', 'openat(flags in {3})'],
];

test.each(simpler)('%s becomes %s', (text, expected) => {
  expect(printCall(parse(`allow ${text}`).statements[0]!.calls[0]!)).toBe(expected);
});

describe('layout', () => {
  test('directives first, statements of one action together, comments where they were', () => {
    const text = `# head
default errno EPERM   # why
allow read
allow write # both
kernel 6.1

# the loader
#   needs it
allow mmap,   # to map
  mprotect    # to protect
default errno ENOSYS @probe
kill ptrace
# end
`;
    expect(printPolicy(parse(text))).toBe(`# head
# why
default errno EPERM
kernel 6.1

default errno ENOSYS @probe

allow read
allow write  # both

# the loader
#   needs it
# to map
allow mmap, mprotect  # to protect

kill ptrace

# end
`);
  });

  test('long lists are wrapped and read again', () => {
    const names = Array.from({ length: 60 }, () => 'rt_sigprocmask').join(', ');
    const printed = printPolicy(parse(`allow ${names}`));
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(101);
    expect(printed.split('\n').length).toBeGreaterThan(8);
    expect(parse(printed).statements[0]!.calls).toHaveLength(60);
  });

  test('long conditions are wrapped in their brackets and read again', () => {
    const values = Array.from({ length: 40 }, (_, index) => `0x${(index + 0x5400).toString(16)}`).join(', ');
    const tests = Array.from({ length: 20 }, (_, index) => `fd == ${index} && cmd != 1`).join(' || ');
    const printed = printPolicy(parse(`allow read, ioctl(cmd in {${values}}), ioctl(${tests}), write`));
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(101);
    expect(printPolicy(parse(printed))).toBe(printed);
    expect(parse(printed).statements[0]!.calls).toHaveLength(4);
  });

  test('a comment cannot smuggle in a statement', () => {
    const policy: Policy = {
      statements: [
        {
          action: { kind: 'kill' },
          calls: [{ target: { kind: 'name', name: 'read' } }],
          note: 'x\nallow ptrace',
        },
      ],
      defaults: [],
      comments: ['a\r\nallow bpf'],
    };
    expect(parse(printPolicy(policy)).statements).toHaveLength(1);
  });

  test('a comment at the head stays there, one above a statement stays with it', () => {
    const text = '# head\n\n# of read\nallow read\n\n# of ptrace\nkill ptrace\n';
    const policy = parse(text);
    expect(policy.comments).toEqual(['head']);
    expect(policy.statements.map((one) => one.comments)).toEqual([['of read'], ['of ptrace']]);
    expect(printPolicy(policy)).toBe(text);
  });

  test('an empty policy is an empty text', () => {
    expect(printPolicy({ statements: [], defaults: [] })).toBe('');
  });

  test('what cannot be written is not written wrongly', () => {
    expect(() => printCondition({ kind: 'and', of: [] })).toThrow('an empty and cannot be written');
    expect(() => printCondition({ kind: 'in', operand: { argument: 'arg0' }, ranges: [] })).toThrow(
      RangeError,
    );
  });

  test('the parts print by themselves', () => {
    expect(printStatement(parse('errno EPERM  ptrace,bpf').statements[0]!)).toBe('errno EPERM ptrace, bpf\n');
    expect(printCondition(condition('openat(flags==1)'))).toBe('flags == 1');
    expect(printValue({ kind: 'not', of: { kind: 'number', number: -1n } })).toBe('~-1');
  });
});
