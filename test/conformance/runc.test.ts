// Truth from outside: the filter that runc really installs for an OCI file, read back from the running container and asked in
// our interpreter, against our reading of the same file (`--as runc --exact`).
//
// Needs root with CAP_SYS_ADMIN, Debian's runc and gcc.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Program } from '../../lib/bpf/instruction.ts';
import { interpret } from '../../lib/bpf/interpret.ts';
import { docker } from '../../lib/formats/docker.ts';
import { oci } from '../../lib/formats/oci.ts';
import { abis, X32_BIT } from '../../lib/linux/abi.ts';
import { syscallName } from '../../lib/linux/syscalls.ts';
import { isNewerThan } from '../../lib/linux/versions.ts';
import { actionOfReturn } from '../../lib/policy/action.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import type { Call, Policy } from '../../lib/policy/model.ts';
import { answer, text } from '../formats/meaning.ts';
import { randomFrom } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { missing } from './tools.ts';

const lacking = missing("runc's live filter", ['runc (runc)', 'gcc (gcc)'], true);

const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-runc-'));
const support = join(import.meta.dirname, '..', 'support');

beforeAll(() => {
  if (lacking !== undefined) return;
  mkdirSync(join(folder, 'rootfs', 'proc'), { recursive: true });
  const idle = join(folder, 'idle.c');
  writeFileSync(idle, '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n');
  execFileSync('gcc', ['-static', '-o', join(folder, 'rootfs', 'idle'), idle]);
  execFileSync('gcc', ['-O2', '-o', join(folder, 'read-filters'), join(support, 'read-filters.c')]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

let containers = 0;

/** The program that a container under this seccomp object has. */
function liveFilter(seccomp: string): Program {
  const name = `sandbox-run-test-${process.pid}-${containers++}`;
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/idle'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: {},
    },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }], seccomp: 'HERE' },
  };
  // As text: the values are longer than JavaScript's numbers.
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config).replace('"HERE"', seccomp));
  const pidFile = join(folder, 'pid');
  const state = ['--root', join(folder, 'state')];
  const started = spawnSync(
    'runc',
    [...state, 'run', '-d', '--bundle', folder, '--pid-file', pidFile, name],
    {
      // Not a pipe: the container would keep it open.
      stdio: ['ignore', 'ignore', openSync(join(folder, 'stderr'), 'w')],
      timeout: 20_000,
    },
  );
  try {
    if (started.status !== 0) throw new Error(`runc: ${readFileSync(join(folder, 'stderr'), 'utf8')}`);
    const output = execFileSync(join(folder, 'read-filters'), [readFileSync(pidFile, 'utf8')], {
      encoding: 'utf8',
    });
    const [length, ...lines] = output.trimEnd().split('\n');
    const program = lines.slice(0, Number(length)).map((line) => {
      const [code, jt, jf, k] = line.split(' ').map(Number);
      return { code: code!, jt: jt!, jf: jf!, k: k! };
    });
    // A filter of the machine that runs the tests would lie above it.
    expect(program.length).toBe(Number(length));
    return program;
  } finally {
    spawnSync('runc', [...state, 'delete', '--force', name], { timeout: 20_000 });
  }
}

/** Numbers that no call has, between the older and the newer ones: runc answers ENOSYS there if they lie above the last one that
 * is named; a Policy speaks of calls. Either way nothing happens. */
function isGap({ arch, nr }: SeccompData, ours: string, live: string): boolean {
  if (ours !== 'errno 1' || live !== 'errno 38') return false;
  return arch === abis.x86_64.auditArch && nr < 424 && syscallName(abis.x86_64, nr) === undefined;
}

/** Where ENOSYS begins is a Policy's for all its ABIs, and runc's for each of them. x32's numbers all get it where x32 is not
 * served, and none of them where it is. Either way nothing happens. */
function isOtherRefusal({ arch, nr }: SeccompData, ours: string, live: string): boolean {
  const refusals = ['errno 38', 'errno 1', 'kill-thread'];
  const isNative = arch === abis.x86_64.auditArch && nr < X32_BIT;
  return !isNative && refusals.includes(ours) && refusals.includes(live);
}

/** libseccomp 2.5 reaches semop, shmat and their like through ipc only on i386; Linux 5.1 gave them numbers there. */
function isDirectIpc({ arch, nr }: SeccompData): boolean {
  return arch === abis.i386.auditArch && nr >= 393 && nr <= 402;
}

/** libseccomp compares the low words alone through ABIs with 32-bit registers, and through x32. */
function asSeen(data: SeccompData): SeccompData {
  const isNarrow =
    data.arch === abis.i386.auditArch || (data.arch === abis.x32.auditArch && data.nr >= X32_BIT);
  return isNarrow ? { ...data, args: data.args.map((one) => BigInt.asUintN(32, one)) } : data;
}

/** The calls that the two answer otherwise, as words; each number once. */
function disagreements(program: Program, policy: Policy, calls: readonly SeccompData[]): readonly string[] {
  const served = policy.abis ?? ['x86_64'];
  const found = new Map<string, string>();
  for (const call of calls) {
    const data = asSeen(call);
    const live = text(actionOfReturn(interpret(program, data).value));
    const ours = answer(policy, data, served);
    if (
      live !== ours &&
      !isDirectIpc(data) &&
      !isGap(data, ours, live) &&
      !isOtherRefusal(data, ours, live)
    ) {
      const key = `${data.arch.toString(16)} ${data.nr}`;
      found.set(
        key,
        `${key} (${data.args.map((one) => one.toString(16)).join(' ')}): runc ${live}, read ${ours}`,
      );
    }
  }
  return [...found.values()].slice(0, 12);
}

function everyNumber(policy: Policy): readonly SeccompData[] {
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  return (policy.abis ?? ['x86_64']).flatMap((name) =>
    Array.from({ length: 520 }, (_, nr) => ({
      arch: abis[name].auditArch,
      nr: (nr + abis[name].numberBase) >>> 0,
      args,
    })),
  );
}

describe.skipIf(lacking !== undefined)("runc's live filter", () => {
  const profile = readFileSync(join(import.meta.dirname, '..', 'formats', 'files', 'docker.json'), 'utf8');
  const options = { file: 'seccomp.json', abi: abis.x86_64, kernel: '6.1', exact: true, as: 'runc' } as const;

  /** Reads the object, has runc install it, and holds the two against each other. */
  function agree(seccomp: string): readonly string[] {
    const { policy } = oci.read!(seccomp, options);
    const program = liveFilter(seccomp);
    const list = (policy.abis ?? []).map((name) => abis[name]);
    const random = randomFrom(11);
    return disagreements(program, policy, [
      ...everyNumber(policy),
      ...randomCalls(random, policy, list, 20_000),
    ]);
  }

  test("of Docker's profile, as Docker would hand it over", () => {
    const { policy } = docker.read!(profile, { ...options, as: undefined });
    // libseccomp 2.5.4 knows no call that is newer than Linux 5.17, and leaves those out.
    const isKnown = ({ target }: Call) => target.kind !== 'name' || !isNewerThan(target.name, '5.17');
    const statements = policy.statements.map((one) => ({ ...one, calls: one.calls.filter(isKnown) }));
    const seccomp = oci.write!({ ...policy, statements }, { name: 'x', abis: [abis.x86_64] });
    expect(agree(String(seccomp.text).replace(/"defaultErrnoRet": 1,/, ''))).toEqual([]);
  });

  const base = `{"names": ["read", "write", "execve", "close", "fstat", "pause", "exit_group", "futex", "rt_sigreturn",
    "capset", "capget", "prctl", "setgroups", "setuid", "setgid", "getpid", "getppid", "chdir", "openat", "newfstatat",
    "fcntl", "epoll_ctl", "epoll_pwait", "nanosleep", "mmap", "munmap", "brk", "arch_prctl", "rt_sigaction",
    "rt_sigprocmask", "sigaltstack", "getdents64", "fstatfs", "statfs", "tgkill", "gettid", "clone", "setresuid",
    "setresgid", "seccomp", "lstat", "uname", "readlinkat", "prlimit64", "mprotect"], "action": "SCMP_ACT_ALLOW"}`;
  const object = (rules: string, architectures = '"SCMP_ARCH_X86_64"') =>
    `{"defaultAction": "SCMP_ACT_ERRNO", "architectures": [${architectures}], "syscalls": [${base}, ${rules}]}`;

  test('of tests of the same argument, of equal and of masked ones', () => {
    const rules = `
      {"names": ["lseek"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 2, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 2, "op": "SCMP_CMP_EQ"}]},
      {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]},
      {"names": ["madvise"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 2, "value": 4, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
      {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 15, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]},
      {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 3},
      {"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
      {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 21505, "op": "SCMP_CMP_EQ"}]}`;
    expect(agree(object(rules))).toEqual([]);
  });

  test('of a rule without tests beside rules with them', () => {
    const rules = `
      {"names": ["lseek"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 2, "value": 1, "op": "SCMP_CMP_EQ"}]},
      {"names": ["lseek"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["dup"], "action": "SCMP_ACT_ALLOW"},
      {"names": ["dup"], "action": "SCMP_ACT_KILL"}`;
    expect(agree(object(rules))).toEqual([]);
  });

  test('of calls that hide behind socketcall and ipc, through i386', () => {
    const rules = `{"names": ["socket", "connect", "semop", "shmat"], "action": "SCMP_ACT_ALLOW"}`;
    expect(agree(object(rules, '"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"'))).toEqual([]);
  });
});
