// What the commands do, as functions: one question each, with an answer that the commands give as well.

import { spawn as bareSpawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  analyze,
  check,
  compile,
  convert,
  diff,
  doctor,
  evaluate,
  explain,
  inspect,
  intersect,
  isSubset,
  learn,
  lint,
  merge,
  PolicyError,
  ProofError,
  parsePolicy,
  printPolicy,
  prove,
  readPolicy,
  subtract,
  UsageError,
} from '../../lib/index.ts';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const text = 'default errno EPERM\nallow read, write(fd == 1)\nkill ptrace\n';
const x86 = { abis: ['x86_64'] } as const;

describe('policies', () => {
  const policy = parsePolicy(text);

  test('parse, print and a mistake with its place', () => {
    expect(printPolicy(parsePolicy(printPolicy(policy)))).toBe(printPolicy(policy));
    expect(diff(policy, printPolicy(policy), x86)).toEqual({ changes: [] });
    expect(() => parsePolicy('allow opennat')).toThrow(PolicyError);
    expect(() => parsePolicy('allow opennat', { file: 'app.policy' })).toThrow(
      expect.objectContaining({ place: expect.objectContaining({ file: 'app.policy', line: 1, column: 7 }) }),
    );
  });

  test('evaluate and check', () => {
    expect(evaluate(policy, { call: 'write', args: [1], abi: 'x86_64' })).toEqual({ kind: 'allow' });
    expect(evaluate(policy, { call: 'write', args: [2n], abi: 'x86_64' })).toEqual({
      kind: 'errno',
      errno: 'EPERM',
    });
    expect(evaluate(text, { call: 101, abi: 'x86_64' })).toEqual({ kind: 'kill' });
    expect(evaluate({ ...policy, abis: ['x86_64'] }, { call: 'read', abi: 'i386' })).toEqual({
      kind: 'kill',
    });
    expect(() => evaluate(policy, { call: 'opennat' })).toThrow(UsageError);
    expect(check(policy, 'ptrace', x86)).toEqual([
      {
        call: 'ptrace',
        abi: 'x86_64',
        action: { kind: 'kill' },
        text: 'kill',
        by: 'kill ptrace',
        origin: { source: 'policy', line: 3, column: 1 },
      },
    ]);
    expect(check(text, 'openat(AT_FDCWD)', x86)).toMatchObject([{ text: 'errno EPERM', by: 'default' }]);
  });

  test('compile and prove', () => {
    const { programs, bytes, abis } = compile(text, x86);
    expect([programs.length, abis]).toEqual([1, ['x86_64']]);
    expect(bytes[0]!.length).toBe(8 * programs[0]!.length);
    prove(programs, text, x86);
    prove(bytes, text, x86);
    expect(() => prove(bytes, `${text}allow getpid`, x86)).toThrow(ProofError);
    expect(() => prove([new Uint8Array(7)], text, x86)).toThrow(PolicyError);
    expect(() => compile(text, { abis: ['vax' as never] })).toThrow(UsageError);
  });

  test('diff, subset and the algebra', () => {
    const wider = `${text}allow getpid`;
    expect(diff(text, wider, x86).changes).toMatchObject([
      { calls: { name: 'getpid' }, from: { kind: 'errno' }, to: { kind: 'allow' } },
    ]);
    expect(diff(text, compile(text, x86).programs, x86)).toEqual({ changes: [] });
    expect([isSubset(text, wider, x86), isSubset(wider, text, x86)]).toEqual([true, false]);
    expect(diff(merge([text, 'allow getpid']), wider, x86).changes).toEqual([]);
    expect(evaluate(intersect([wider, 'allow getpid']), { call: 'read', abi: 'x86_64' })).toEqual({
      kind: 'kill',
    });
    expect(evaluate(subtract(wider, text), { call: 'getpid', abi: 'x86_64' })).toEqual({ kind: 'allow' });
    expect(evaluate(subtract(wider, text), { call: 'read', abi: 'x86_64' }).kind).not.toBe('allow');
  });

  test('read and convert', () => {
    const { text: json, lost } = convert(text, { to: 'oci', ...x86 });
    expect(lost.some((one) => one.restricts)).toBe(false);
    const again = readPolicy(json);
    expect(again.format).toBe('oci');
    // What it says of calls that nobody knows, OCI cannot say.
    expect(diff(text, again.policy, x86).changes.filter((one) => !one.calls.isBeyond)).toEqual([]);
    expect(readPolicy(text).policy).toEqual(parsePolicy(text));
    expect(readPolicy(compile(text, x86).bytes[0]!, { abi: 'x86_64' }).format).toBe('bpf');
    const narrow = 'default errno EPERM\nallow ioctl(cmd == TCGETS), read, execve';
    expect(() => convert('default allow\nerrno EPERM ioctl(cmd == TCGETS)', { to: 'nothing' })).toThrow(
      PolicyError,
    );
    // A unit refuses the call altogether, so nothing that is refused becomes permitted.
    expect(convert(narrow, { to: 'systemd', ...x86 }).lost.length).toBeGreaterThan(0);
  });

  test('a text that would permit more is not given, unless it is asked for', () => {
    const policy = 'default allow\nkill #600';
    expect(() => convert(policy, { to: 'oci', ...x86 })).toThrow(/would permit more than the policy/);
    expect(convert(policy, { to: 'oci', ...x86, allowLoss: true }).lost.some((one) => one.restricts)).toBe(
      true,
    );
  });

  test('lint and explain', () => {
    expect(lint('default allow\nkill ptrace', x86).map((one) => one.rule).length).toBeGreaterThan(0);
    expect(explain(text, x86)[0]).toMatchObject({ abi: 'x86_64' });
  });
});

describe('programs', () => {
  test.runIf(process.arch === 'x64')(
    'analyze',
    async () => {
      const found = await analyze('true');
      expect(found.programs[0]).toMatch(/\/true$/);
      expect(found.calls).toContain('exit_group');
      expect(found.why('exit_group')[0]?.steps.length).toBeGreaterThan(0);
      expect(evaluate(found.policy, { call: 'exit_group' })).toEqual({ kind: 'allow' });
      expect(evaluate(found.policy, { call: 'ptrace' }).kind).not.toBe('allow');
    },
    60_000,
  );

  test('doctor says what there is', () => {
    const facts = doctor();
    expect(facts.pid).toBe(process.pid);
    expect(facts.actions.filter((one) => !one.right)).toEqual([]);
  });

  test('learn from a recording', () => {
    const file = join(temporaryFolder('learn'), 'run.rec');
    const words = ['learn', '--record', file, '--', 'cat', '/dev/null'];
    expect(spawnSync(process.execPath, [join(root, 'bin', 'sandbox-run.cjs'), ...words]).status).toBe(0);
    const { policy, text: learnt } = learn([readFileSync(file, 'utf8')]);
    expect(learnt).toContain('openat');
    expect(evaluate(policy, { call: 'exit_group' }).kind).toBe('allow');
    expect(learn([readFileSync(file, 'utf8')], { onto: '# mine\nallow getpid\n' }).text).toMatch(/^# mine/m);
    expect(() => learn(['no recording'])).toThrow(/not a line of JSON/);
  });

  test.runIf(isRoot)('inspect a process and a raw filter', async () => {
    const words = [
      '--default-action',
      'errno:EPERM',
      '--rule',
      'default allow',
      '--rule',
      'errno EPERM getpgid',
      '--',
      'sleep',
      '30',
    ];
    const child = bareSpawn(process.execPath, [join(root, 'bin', 'sandbox-run.cjs'), ...words.slice(2)]);
    try {
      let found: ReturnType<typeof inspect> = [];
      for (let tries = 0; found.length === 0 && tries < 100; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        found = inspect(child.pid!);
      }
      const [policy] = found[0]!.recovered.policies;
      expect(evaluate(policy!, { call: 'getpgid' })).toMatchObject({ kind: 'errno' });
      expect(found[0]!.listing).toContain('getpgid');
    } finally {
      child.kill('SIGKILL');
    }
    const [raw] = inspect(compile(text, x86).bytes[0]!, { abi: 'x86_64' });
    expect(diff(raw!.recovered.policies[0]!, text, x86).changes).toEqual([]);
  });
});

describe('the package', () => {
  const node = (code: string, cwd: string, ...words: string[]) =>
    spawnSync(process.execPath, [...words, '-e', code], {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });

  /** The package as it is after an installation with --ignore-scripts and without a prebuilt native part. */
  function withoutNative(): string {
    const folder = temporaryFolder('without');
    const target = join(folder, 'node_modules', 'sandbox-run');
    mkdirSync(target, { recursive: true });
    cpSync(join(root, 'dist'), join(target, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(target, 'package.json'));
    for (const name of Object.keys(
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies,
    )) {
      cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
    }
    return folder;
  }

  const folder = withoutNative();

  test('an import does nothing that can be seen', () => {
    const code = `
      let opened = 0; const dlopen = process.dlopen;
      process.dlopen = (...all) => { opened++; return dlopen(...all); };
      await import('node:util'); // Node 26 opens standard input for it.
      await new Promise((resolve) => setTimeout(resolve, 50));
      const seen = () => JSON.stringify([opened, process.eventNames(), process.getActiveResourcesInfo(), Object.keys(globalThis), process.env]);
      // What Node itself closes after an import.
      const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
      const before = seen();
      const { parsePolicy, compile, check } = await import('sandbox-run');
      for (let tries = 0; tries < 100 && seen() !== before; tries++) await pause();
      const after = seen();
      compile('default kill\\nallow read'); check('allow read', 'read');
      console.log(before === after, before === seen());`;
    expect(node(code, folder, '--input-type=module')).toMatchObject({ stdout: 'true true\n', stderr: '' });
  });

  test('without the native part the rest works, and the error says what to do', () => {
    const code = `
      const { spawn, restrictSelf, shim, wrap, inspect, evaluate } = await import('sandbox-run');
      console.log(evaluate('allow read', { call: 'read' }).kind);
      const sandbox = 'default allow';
      for (const call of [() => spawn('true', { sandbox }), () => restrictSelf(sandbox), () => wrap('true', [], { sandbox })]) {
        try { call(); console.log('started'); } catch (error) { console.log(error.name, error.exitStatus, error.advice); }
      }`;
    const { stdout, stderr } = node(code, folder, '--input-type=module');
    const line =
      'LaunchError 125 npm rebuild sandbox-run builds it, also after an installation with --ignore-scripts\n';
    expect([stdout, stderr]).toEqual([`allow\n${line.repeat(3)}`, '']);
  });

  test.runIf(
    Object.hasOwn(process.features, 'require_module') || Number(process.versions.node.split('.')[0]) >= 22,
  )('require() finds it, too', () => {
    expect(node(`console.log(typeof require('sandbox-run').spawn)`, folder).stdout).toBe('function\n');
  });
});
