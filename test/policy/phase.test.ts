// `phase main { … }`: read, printed, added up and intersected; and what a launch makes of it.

import { describe, expect, test } from 'vitest';
import { interpretAll } from '../../lib/bpf/interpret.ts';
import { policyFrom } from '../../lib/cli/sources.ts';
import { PolicyError } from '../../lib/errors.ts';
import { filtersFor, phasesFor } from '../../lib/launch/filters.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { intersect } from '../../lib/policy/algebra/intersect.ts';
import { merge } from '../../lib/policy/algebra/merge.ts';
import { permissive } from '../../lib/policy/algebra/permissive.ts';
import { subtract } from '../../lib/policy/algebra/subtract.ts';
import { parsePolicy, parseStatement } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';

const parse = (text: string) => parsePolicy(text, { file: 'test.policy' });
/** As text, without places. */
const shape = (text: string) => printPolicy(parse(text));

const text = `# two phases
default kill
kernel 6.1

allow @system-service

phase main {
  # what it needs to serve
  default errno EPERM

  allow read, write
  allow ioctl(cmd in {TCGETS, FIONBIO})  # the terminal
  # nothing else
}
`;

describe('phase main', () => {
  test('is read into a policy of its own', () => {
    const policy = parse(text);
    expect(policy.default).toEqual({ kind: 'kill' });
    expect(policy.statements).toHaveLength(1);
    expect(policy.main).toMatchObject({
      default: { kind: 'errno', errno: 'EPERM' },
      closing: ['nothing else'],
    });
    expect(policy.main?.statements).toHaveLength(2);
    expect(policy.main?.kernel).toBeUndefined();
  });

  test('is printed so that it is read again', () => {
    expect(shape(text)).toContain('phase main {\n  ');
    expect(shape(shape(text))).toBe(shape(text));
    expect(shape('phase main {\n}\n')).toBe('phase main {\n}\n');
    expect(parse('phase main {\n}').main).toEqual({ statements: [], defaults: [] });
  });

  test('statements may follow it, and it may be said in parts', () => {
    const policy = parse(
      'phase main {\nallow read\n}\nallow write\nphase main {\nallow close\n}\ndefault kill\n',
    );
    expect(policy.statements).toHaveLength(1);
    expect(policy.main?.statements).toHaveLength(2);
  });

  test.each([
    ['phase start {\n}\n', 1, /no phase.*start/],
    ['phase main\nallow read\n', 1, /expected \{/],
    ['phase main { allow read }\n', 1, /end of the line/],
    ['allow read\nphase main {\nallow write\n', 2, /not closed/],
    ['phase main {\nphase main {\n}\n}\n', 2, /cannot stand here/],
    ['phase main {\nkernel 6.1\n}\n', 2, /same in all phases/],
    ['phase main {\nabi x86_64\n}\n', 2, /same in all phases/],
    ['phase main {\nallow raed\n}\n', 2, /raed/],
    ['phase main {\ndefault kill\ndefault allow\n}\n', 3, /given twice/],
    ['phase main {\n} allow read\n', 2, /end of the line/],
    ['}\n', 1, /line begins|expected/],
  ] as const)('%j is an error at its place', (wrong, line, message) => {
    try {
      parse(wrong);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(PolicyError);
      expect((error as PolicyError).message).toMatch(message);
      expect((error as PolicyError).place?.line).toBe(line);
    }
  });

  test('is no option', () => {
    expect(() => parseStatement('phase main { allow read }', '--rule')).toThrow(/cannot stand here/);
  });

  test('is added up, intersected, made permissive, and not subtracted', () => {
    const a = parse('default allow\nphase main {\nallow read\n}\n');
    const b = parse('default allow\nphase main {\nallow write\n}\n');
    expect(merge([a, b]).main?.statements).toHaveLength(2);
    expect(merge([a, parse('allow read\n')]).main).toEqual(a.main);
    expect(intersect(a, parse('allow read, write\n')).main).toEqual(a.main);
    expect(printPolicy(intersect(a, b).main!)).not.toContain('allow read');
    expect(permissive(a).main?.default).toEqual({ kind: 'log' });
    expect(() => subtract(a, b)).toThrow(PolicyError);
  });

  test('becomes filters that come later, and none that would come too early', () => {
    const policy = parse('default allow\nkill getppid\nphase main {\ndefault errno EPERM\nallow write\n}\n');
    expect(() => filtersFor(policy, [abis.x86_64])).toThrow(/phase of main/);
    const { filters, later } = phasesFor(policy, [abis.x86_64], 'main');
    const answer = (programs: typeof filters, name: string) =>
      interpretAll(programs, {
        nr: syscallNumber(abis.x86_64, name)!,
        arch: abis.x86_64.auditArch,
        instructionPointer: 0n,
        args: [0n, 0n, 0n, 0n, 0n, 0n],
      }).value;
    expect([answer(filters, 'read'), answer(filters, 'getppid')]).toEqual([0x7fff0000, 0x80000000]);
    expect(later?.at).toBe('main');
    expect([answer(later!.filters, 'read'), answer(later!.filters, 'write')]).toEqual([0x50001, 0x7fff0000]);
  });

  test('--phase chooses', () => {
    const words = (phase: string) => ({ rule: ['default allow', 'kill getppid'], phase });
    expect(() => policyFrom(words('main'), {})).toThrow(/no phase of main/);
    expect(policyFrom(words('exec'), {}).main).toBeUndefined();
  });
});
