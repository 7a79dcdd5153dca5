// The small compiler of native/core/names.c, on every ABI that it is built for: what it makes is proved against the policy that the
// command makes of the same lists, and it refuses the same lists.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Program } from '../../lib/bpf/instruction.ts';
import { interpret, isConstantAllow, refusal } from '../../lib/bpf/interpret.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { policyOfEnvironment } from '../../lib/cli/sources.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { ProofError, SandboxError } from '../../lib/errors.ts';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { errnoNames } from '../../lib/linux/errno.ts';
import { groups } from '../../lib/linux/groups.ts';
import { syscallNames, syscallNumber } from '../../lib/linux/syscalls.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function build(abi: Abi): string {
  const output = join(folder, abi.name);
  const sources = ['core/names.c', 'core/nearest.c', 'core/execute.c', 'core/cookie.c'].map((name) =>
    join(root, 'native', name),
  );
  const result = spawnSync(
    'gcc',
    [
      '-std=c11',
      '-O1',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover',
      `-DSR_TABLE="tables/${abi.name}.h"`,
      `-I${join(root, 'native')}`,
      join(root, 'test', 'launch', 'programs', 'names.c'),
      ...sources,
      '-o',
      output,
    ],
    { encoding: 'utf8' },
  );
  if (result.status !== 0)
    throw new Error(`gcc could not build the compiler of names: ${result.error ?? result.stderr}`);
  return output;
}

type Lists = Readonly<Record<string, string>>;
const GATES = ['execve', 'write', 'exit_group', 'seccomp'];

describe.each([abis.x86_64, abis.aarch64])('names on $name', (abi) => {
  const tool = build(abi);

  const compileNames = (lists: Lists, gates: readonly string[]): { program: Program; error: string } => {
    const numbers = gates.map((name) => String(syscallNumber(abi, name)));
    const result = spawnSync(tool, numbers, { encoding: 'utf8', env: lists });
    if (result.status !== 0 && result.status !== 125) throw new Error(result.stderr);
    const program = result.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [code, jt, jf, k, cookie] = line.split(' ').map(Number) as [
          number,
          number,
          number,
          number,
          number?,
        ];
        return cookie === undefined ? { code, jt, jf, k } : { code, jt, jf, k, cookie };
      });
    return { program, error: result.stderr };
  };

  /** Throws where the program does not mean what the lists say to the command. */
  const check = (lists: Lists, gates: readonly string[] = GATES): Program => {
    const { program, error } = compileNames(lists, gates);
    expect(error).toBe('');
    expect(refusal(program)).toBeUndefined();
    prove([program], specify(policyOfEnvironment(lists)!, [abi], gates));
    return program;
  };

  const names = syscallNames();
  const words = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom(...groups().keys()) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 460 }).map((number) => `#${number}`) },
  );
  const list = fc
    .tuple(fc.array(words, { minLength: 1, maxLength: 60 }), fc.constantFrom(':', ',', ' : ', ', '))
    .map(([some, separator]) => some.join(separator));
  const action = fc.oneof(
    fc.constantFrom('log', 'kill', 'kill-thread', 'trap', 'errno', 'errno:0', 'errno:4095'),
    fc.constantFrom(...errnoNames()).map((name) => `errno:${name}`),
  );
  const lists = fc
    .record(
      { SECCOMP_SYSCALL_ALLOW: list, SECCOMP_SYSCALL_DENY: list, SECCOMP_DEFAULT_ACTION: action },
      { requiredKeys: [] },
    )
    .filter((one) => one.SECCOMP_SYSCALL_ALLOW !== undefined || one.SECCOMP_SYSCALL_DENY !== undefined);

  test('random lists mean what they mean to the command', () => {
    fc.assert(
      fc.property(lists, fc.subarray(GATES), (one, gates) => {
        check(one as Lists, gates);
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  test.each([...groups().keys()])('group %s', (name) => {
    check({ SECCOMP_SYSCALL_ALLOW: name });
  });

  test('all names, every second one, and none but one', () => {
    check({ SECCOMP_SYSCALL_ALLOW: names.join(':') });
    const own = syscallNames(abi);
    const alternating = [...own]
      .sort((a, b) => syscallNumber(abi, a)! - syscallNumber(abi, b)!)
      .filter((_, at) => at % 2 === 0);
    expect(check({ SECCOMP_SYSCALL_ALLOW: alternating.join(':') }).length).toBeGreaterThan(500);
    check({ SECCOMP_SYSCALL_DENY: alternating.join(':'), SECCOMP_DEFAULT_ACTION: 'errno:ENOSYS' });
    check({ SECCOMP_SYSCALL_ALLOW: 'read' });
  });

  test('the tree is balanced, and every permitted call is constant-allowed', () => {
    const allowed = [
      'read',
      'write',
      'close',
      'openat',
      'mmap',
      'munmap',
      'exit_group',
      'futex',
      'brk',
      'fstat',
    ];
    const program = check({ SECCOMP_SYSCALL_ALLOW: allowed.join(':') }, []);
    for (const name of allowed) {
      const nr = syscallNumber(abi, name)!;
      expect(isConstantAllow(program, abi.auditArch, nr)).toBe(true);
      const outcome = interpret(program, {
        nr,
        arch: abi.auditArch,
        instructionPointer: 0n,
        args: [0n, 0n, 0n, 0n, 0n, 0n],
      });
      expect(outcome.executed).toBeLessThanOrEqual(10);
    }
  });

  test('the proof sees a wrong list', () => {
    const { program } = compileNames({ SECCOMP_SYSCALL_ALLOW: 'read:write:close' }, GATES);
    const policy = policyOfEnvironment({ SECCOMP_SYSCALL_ALLOW: 'read:write' })!;
    expect(() => prove([program], specify(policy, [abi], GATES))).toThrow(ProofError);
  });

  test.each([
    { SECCOMP_SYSCALL_ALLOW: '' },
    { SECCOMP_SYSCALL_ALLOW: '  ' },
    { SECCOMP_SYSCALL_DENY: ':' },
    { SECCOMP_SYSCALL_ALLOW: 'read:' },
    { SECCOMP_SYSCALL_ALLOW: 'read::write' },
    { SECCOMP_SYSCALL_ALLOW: 'raed' },
    { SECCOMP_SYSCALL_ALLOW: 'read write' },
    { SECCOMP_SYSCALL_ALLOW: '@basic-oi' },
    { SECCOMP_SYSCALL_ALLOW: '@' },
    { SECCOMP_SYSCALL_ALLOW: '#' },
    { SECCOMP_SYSCALL_ALLOW: '#1x' },
    { SECCOMP_SYSCALL_ALLOW: '#99999999999999999999' },
    { SECCOMP_SYSCALL_ALLOW: `${'x'.repeat(100_000)}` },
    { SECCOMP_SYSCALL_ALLOW: 're\u00e4d' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: '' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: 'allow' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: 'errno:' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: 'errno:4096' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: 'errno:EWHAT' },
    { SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_DEFAULT_ACTION: 'kil' },
    { SECCOMP_DEFAULT_ACTION: 'kill' },
  ] as Lists[])('both compilers refuse %j', (one) => {
    expect(() => policyOfEnvironment(one)).toThrow(SandboxError);
    const { program, error } = compileNames(one, GATES);
    expect(program).toEqual([]);
    expect(error).toMatch(/^SECCOMP_\w+: [^\n]+\n {2}[^\n]+\n$/);
  });

  test('garbage is refused, or means what it means to the command', () => {
    const garbage = fc.string({ unit: fc.constantFrom(...'read:,@#w ite19()\t-_='), maxLength: 24 });
    fc.assert(
      fc.property(garbage, (text) => {
        const one = { SECCOMP_SYSCALL_ALLOW: text };
        const { program, error } = compileNames(one, []);
        if (error === '') prove([program], specify(policyOfEnvironment(one)!, [abi], []));
      }),
      { numRuns: 100 },
    );
  }, 30_000);
});
