// The filters that others really install, read back from their running processes: runc's, bubblewrap's, those of a systemd
// unit, and the one of Chromium's renderers. Each is recovered as a policy, which is proved to say the same, and the policy's text
// is held against the live filter once more, by the exact difference.
//
// Needs root with CAP_SYS_ADMIN and Debian's runc, bubblewrap, systemd, chromium-headless-shell, golang-github-containers-common and
// gcc. systemd runs as the first process of a PID namespace of its own, in which all but a few folders are read-only.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { difference } from '../../lib/asking/difference.ts';
import { filtersOfProcess } from '../../lib/asking/process.ts';
import { type Recovered, recover } from '../../lib/asking/recover.ts';
import { encode, type Program } from '../../lib/bpf/instruction.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { docker } from '../../lib/formats/docker.ts';
import { systemd } from '../../lib/formats/systemd.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { isNewerThan } from '../../lib/linux/versions.ts';
import { actionText } from '../../lib/policy/action.ts';
import { decide } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { foreignOf, type Policy } from '../../lib/policy/model.ts';

const native = abis.x86_64;
const PROFILE = '/usr/share/containers/seccomp.json';
const has = (tool: string) => existsSync(tool) || spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
const packages: Readonly<Record<string, string>> = {
  runc: 'runc',
  [PROFILE]: 'golang-github-containers-common',
  gcc: 'gcc',
  bwrap: 'bubblewrap',
  '/lib/systemd/systemd': 'systemd',
  'chromium-headless-shell': 'chromium-headless-shell',
};

/** What is missing for a test, with the Debian packages; in CI nothing may be. */
function lacks(...tools: readonly string[]): boolean {
  const missing = [
    ...(process.getuid?.() === 0 && process.arch === 'x64' ? [] : ['root on x86_64']),
    ...tools.filter((tool) => !has(tool)).map((tool) => `${tool} (Debian package ${packages[tool]})`),
  ];
  if (missing.length === 0) return false;
  if (process.env.SANDBOX_RUN_REQUIRE_TOOLS === '1') throw new Error(`missing: ${missing.join(', ')}`);
  console.warn(`not tried: filters of ${tools[0]}; it needs ${missing.join(', ')}`);
  return true;
}

const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-inspect-'));
chmodSync(folder, 0o755);
const started: ChildProcess[] = [];

function start(command: string, words: readonly string[], fd?: number): ChildProcess {
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(command, words, {
    stdio: ['ignore', log, log, ...(fd === undefined ? [] : [fd])],
    detached: true,
  });
  started.push(child);
  return child;
}

afterEach(() => {
  for (const { pid } of started.splice(0)) {
    try {
      process.kill(-pid!, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

/** Waits for something, at most twenty seconds. */
async function eventually<T>(what: string, find: () => T | undefined): Promise<T> {
  for (let at = 0; at < 200; at++) {
    const found = find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come: ${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`);
}

/** A process of this session's tree whose words match, and that has filters. */
function processWith(pattern: RegExp): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (!pattern.test(words)) continue;
      if (/Seccomp_filters:\s*[1-9]/.test(readFileSync(`/proc/${name}/status`, 'utf8'))) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}

/** Recovers each filter, and holds what its policies' texts mean against the filter. */
function recoverAll(programs: readonly Program[]): readonly Recovered[] {
  return programs.map((program, index) => {
    const recovered = recover(program, `filter ${index}`, 'x86_64');
    for (const policy of recovered.policies) {
      const read = parsePolicy(printPolicy(policy), { file: 'recovered.policy' });
      for (const abi of policy.abis ?? []) {
        const subject = { kind: 'policy', name: 'recovered', policy: read } as const;
        const live = { kind: 'programs', name: 'live', programs: [program] } as const;
        const { changes } = difference(subject, live, { native: 'x86_64', abis: [abi] });
        const said = recovered.unsaid.filter((hole) => hole.abi === abi);
        const real = changes.filter(
          ({ calls }) =>
            !said.some(
              ({ low, high }) =>
                low <= calls.low + abis[abi].numberBase && calls.high + abis[abi].numberBase <= high,
            ),
        );
        expect(real.map(({ calls, from, to }) => [calls.name ?? calls.low, from.kind, to.kind])).toEqual([]);
      }
    }
    return recovered;
  });
}

/** What a policy answers to a call without bits in its arguments. */
function answer(policy: Policy, call: string, ...args: readonly bigint[]): string {
  const six = Array.from({ length: 6 }, (_, index) => args[index] ?? 0n);
  return actionText(decide(policy, native, { nr: syscallNumber(native, call)!, args: six }).action);
}

describe('runc', () => {
  const skip = lacks('runc', 'gcc', PROFILE);

  beforeAll(() => {
    if (skip) return;
    mkdirSync(join(folder, 'rootfs', 'proc'), { recursive: true });
    writeFileSync(join(folder, 'idle.c'), '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n');
    execFileSync('gcc', ['-static', '-o', join(folder, 'rootfs', 'idle'), join(folder, 'idle.c')]);
  });

  test.skipIf(skip)('a container under the profile of containers-common', () => {
    const text = readFileSync(PROFILE, 'utf8');
    const options = { file: PROFILE, abi: native, as: 'runc', exact: true, capabilities: [] } as const;
    const profile = docker.read!(text, options).policy;
    const pid = container(text);
    const programs = filtersOfProcess(pid, native);
    expect(programs).toHaveLength(1);
    expect(programs[0]!.length).toBeGreaterThan(500);
    const [{ policies }] = recoverAll(programs) as [Recovered];
    const [own] = policies;
    expect(policies.flatMap((policy) => policy.abis)).toEqual(
      expect.arrayContaining(['x86_64', 'i386', 'x32']),
    );
    for (const call of ['read', 'personality', 'socket', 'mseal', 'ptrace', 'bpf']) {
      expect([call, answer(own!, call)]).toEqual([call, answer(profile, call)]);
    }
    // Warm: the target is a second for a filter of this size.
    const before = performance.now();
    recover(programs[0]!, 'live', 'x86_64');
    expect(performance.now() - before).toBeLessThan(1000);
  });

  function container(profile: string): number {
    const name = `sandbox-run-inspect-${process.pid}`;
    const seccomp = {
      ...ociOf(JSON.parse(profile)),
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    };
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
      linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }], seccomp },
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    const words = ['--root', join(folder, 'state')];
    const log = openSync(join(folder, 'log'), 'a');
    const run = ['run', '-d', '--bundle', folder, '--pid-file', join(folder, 'pid'), name];
    const result = spawnSync('runc', [...words, ...run], { stdio: ['ignore', log, log], timeout: 20_000 });
    onTestFinished(() => void spawnSync('runc', [...words, 'delete', '--force', name], { timeout: 20_000 }));
    if (result.status !== 0) throw new Error(`runc: ${readFileSync(join(folder, 'log'), 'utf8')}`);
    return Number(readFileSync(join(folder, 'pid'), 'utf8'));
  }

  /** What an engine makes of the profile for a container without capabilities. */
  function ociOf(profile: Profile) {
    const arches = (list?: readonly string[]) =>
      list === undefined || list.length === 0 || list.includes('amd64');
    const syscalls = profile.syscalls
      .filter(({ includes = {}, excludes = {} }) => {
        const isIn = arches(includes.arches) && (includes.caps ?? []).length === 0;
        return isIn && !(excludes.arches ?? []).includes('amd64');
      })
      .map(({ names, action, args, errnoRet }) => ({
        names,
        action,
        ...(args === undefined || args === null ? {} : { args }),
        ...(errnoRet === undefined || action !== 'SCMP_ACT_ERRNO' ? {} : { errnoRet }),
      }));
    return { defaultAction: profile.defaultAction, defaultErrnoRet: profile.defaultErrnoRet, syscalls };
  }

  interface Profile {
    readonly defaultAction: string;
    readonly defaultErrnoRet?: number;
    readonly syscalls: readonly {
      readonly names: readonly string[];
      readonly action: string;
      readonly args?: unknown;
      readonly errnoRet?: number;
      readonly includes?: { readonly arches?: readonly string[]; readonly caps?: readonly string[] };
      readonly excludes?: { readonly arches?: readonly string[]; readonly caps?: readonly string[] };
    }[];
  }
});

describe('bubblewrap', () => {
  test.skipIf(lacks('bwrap'))('a filter of ours, given with --seccomp', async () => {
    const policy = parsePolicy(
      'default allow\nerrno EPERM ptrace, socket(family == AF_ALG)\nabi x86_64, i386',
      { file: 'p' },
    );
    const [program] = compile(policy, { abis: [abis.x86_64, abis.i386] });
    const file = join(folder, 'bwrap.bpf');
    writeFileSync(file, encode(program!));
    start('bwrap', ['--ro-bind', '/', '/', '--seccomp', '3', 'sleep', '64'], openSync(file, 'r'));
    const pid = await eventually('bwrap', () => processWith(/^sleep 64 /));
    const programs = filtersOfProcess(pid, native);
    recoverAll(programs);
    const subjects = [
      { kind: 'policy', name: 'ours', policy },
      { kind: 'programs', name: 'live', programs },
    ] as const;
    expect(difference(...subjects, { native: 'x86_64' })).toEqual({ changes: [] });
  });
});

describe('systemd', () => {
  const unit = `[Unit]
DefaultDependencies=no
[Service]
Type=exec
ExecStart=/bin/sleep 65
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET
RestrictNamespaces=yes
MemoryDenyWriteExecute=yes
LockPersonality=yes
NoNewPrivileges=yes
`;

  // A second systemd would meddle with the cgroups of the one that runs the machine.
  const isHost = existsSync('/run/systemd/system') && readFileSync('/proc/1/comm', 'utf8') === 'systemd\n';
  if (isHost) console.warn('not tried: filters of a systemd unit; this machine is run by systemd itself');

  afterAll(async () => {
    if (isHost) return;
    // Its processes have been killed, and take a moment to leave their groups.
    await new Promise((resolve) => setTimeout(resolve, 500));
    // What it has left in the cgroup tree; only empty groups go.
    for (const root of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
      for (const group of ['init.scope', 'system.slice']) {
        spawnSync('find', [join(root, group), '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], {
          stdio: 'ignore',
        });
      }
    }
  });

  test.skipIf(isHost || lacks('/lib/systemd/systemd', 'bwrap'))(
    'a unit with many of its directives',
    async () => {
      const script = `mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 9
exec env -i container=test PATH=/usr/bin:/bin /lib/systemd/systemd --system --unit=probe.service --log-target=console --show-status=no
`;
      writeFileSync(join(folder, 'probe.service'), unit);
      writeFileSync(join(folder, 'start.sh'), script);
      start('bwrap', [
        ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/sys/fs/cgroup'],
        ...['/tmp', '/run', '/var'].flatMap((path) => ['--tmpfs', path]),
        ...['--ro-bind', join(folder, 'probe.service'), '/run/systemd/system/probe.service'],
        ...['--ro-bind', join(folder, 'start.sh'), '/run/start.sh'],
        ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup'],
        ...['--as-pid-1', '--die-with-parent', '--cap-add', 'ALL', 'sh', '/run/start.sh'],
      ]);
      const pid = await eventually('the unit', () => processWith(/^\/bin\/sleep 65 /));
      const programs = filtersOfProcess(pid, native);
      expect(programs.length).toBeGreaterThan(4);
      const found = recoverAll(programs).map(({ policies }) => policies);
      // A filter for one ABI lets the others' calls through: those are foreign to it.
      const answerOf = (policies: readonly Policy[], call: string, args: readonly bigint[]) => {
        const own = policies.find((policy) => policy.abis?.includes('x86_64'));
        return own === undefined ? actionText(foreignOf(policies[0]!)) : answer(own, call, ...args);
      };
      const strictest = (call: string, ...args: readonly bigint[]) =>
        found.map((policies) => answerOf(policies, call, args)).filter((one) => one !== 'allow');
      expect(strictest('read')).toEqual([]);
      expect(strictest('mount')).toContain('errno EPERM');
      expect(strictest('socket', 16n)).toEqual(['errno EAFNOSUPPORT']);
      expect(strictest('socket', 1n)).toEqual([]);
      expect(strictest('mprotect', 0n, 0n, 4n)).toEqual(['errno EPERM']);
      expect(strictest('mprotect', 0n, 0n, 1n)).toEqual([]);
      expect(strictest('clone', 0x10000000n)).toEqual(['errno EPERM']);
      // Our reading of the unit file is exactly what systemd made of it, but for calls that came after its sets.
      const { policy } = systemd.read!(unit, { file: 'probe.service', abi: native, exact: true });
      const subjects = [
        { kind: 'policy', name: 'unit', policy },
        { kind: 'programs', name: 'live', programs },
      ] as const;
      const { changes } = difference(...subjects, { native: 'x86_64', abis: ['x86_64'] });
      // systemd 252's sets end with Linux 6.0; Landlock and seccomp(2) came into @system-service later.
      const later = /^(seccomp|landlock_.*)$/;
      const others = changes.filter(
        ({ calls: { name, isBeyond, high } }) =>
          !isBeyond &&
          high < 2 ** 31 &&
          (name === undefined || !(isNewerThan(name, '6.0') || later.test(name))),
      );
      expect(others.map(({ calls, from, to }) => [calls.name ?? calls.low, from.kind, to.kind])).toEqual([]);
    },
  );
});

describe('Chromium', () => {
  test.skipIf(lacks('chromium-headless-shell'))('the renderer of the headless shell', async () => {
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(home, 0o777);
    start('setpriv', [
      ...[
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        'env',
        `HOME=${home}`,
        'chromium-headless-shell',
      ],
      ...['--remote-debugging-port=0', `--user-data-dir=${home}/data`, 'about:blank'],
    ]);
    const pid = await eventually('a renderer', () => processWith(/--type=renderer/));
    const programs = filtersOfProcess(pid, native);
    const [{ policies }] = recoverAll(programs.slice(-1)) as [Recovered];
    const [own] = policies;
    expect(own?.abis).toEqual(['x86_64']);
    expect(answer(own!, 'read')).toBe('allow');
    expect(answer(own!, 'execve')).not.toBe('allow');
    expect(answer(own!, 'socketpair', 1n)).toBe('allow');
    expect(answer(own!, 'socketpair', 2n)).not.toBe('allow');
    // An int with bits above it is a bug in the renderer, and reported to its handler.
    expect(answer(own!, 'socketpair', 1n << 32n)).toMatch(/^trap \d+$/);
  });
});
