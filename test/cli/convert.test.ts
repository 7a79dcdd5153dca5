// Policy files of any format on the command line: detected, named, converted, and what was lost.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, stage } from '../kernel/stage.ts';
import { sandboxRun } from './command.ts';

const docker = join(root, 'test', 'formats', 'files', 'docker.json');
const file = (name: string, text: string) => {
  const path = join(stage, name);
  writeFileSync(path, text);
  return path;
};

/** One small policy in each format that can be told by its text: it permits read and refuses ptrace. */
const samples: Readonly<Record<string, string>> = {
  'oci.json':
    '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}',
  'docker.json':
    '{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}',
  'seccompiler.json':
    '{"main": {"mismatch_action": {"errno": 1}, "match_action": "allow", "filter": [{"syscall": "read"}]}}',
  'kubernetes.yaml':
    'kind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls: [{names: [read], action: SCMP_ACT_ALLOW}]\n',
  'app.service': '[Service]\nSystemCallFilter=~ptrace\n',
  'minijail.policy': 'read: 1\n',
  'compiled.policy': '{read, write}: allow\n',
  'kafel.policy': 'POLICY a { ALLOW { read } } USE a DEFAULT KILL\n',
  'nsjail.cfg': 'name: "x"\nseccomp_string: "ALLOW { read }"\n',
  'firejail.profile': 'caps.drop all\nseccomp.drop ptrace\n',
  promises: 'stdio\n',
  'own.policy': 'allow read\n',
};

test.each(Object.entries(samples))('%s is recognised', (name, text) => {
  const { status, stdout, stderr } = sandboxRun([
    'check',
    '--json',
    '--abi',
    'x86_64',
    '-p',
    file(name, text),
    'read',
    'ptrace',
  ]);
  expect({ status, stderr: stderr.includes('error') }).toEqual({ status: 0, stderr: false });
  const answers = (JSON.parse(stdout) as { action: string }[]).map((one) => one.action);
  expect(answers[0]).toBe('allow');
  expect(answers[1]).toMatch(/^(errno|kill)/);
});

test('a mistake in our own language stays one', () => {
  const { status, stderr } = sandboxRun(['check', '-p', file('wrong.policy', 'allow raed\n'), 'read']);
  expect(status).toBe(2);
  expect(stderr).toContain('no system call is called "raed"');
});

test('a program starts under a Docker profile', () => {
  const { status, stdout, stderr } = sandboxRun(['--policy', docker, '--', '/bin/echo', 'hello']);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'hello\n', stderr: '' });
});

test('a profile with a mistake starts nothing', () => {
  const bad = file('bad.json', readFileSync(docker, 'utf8').replace('SCMP_ACT_ERRNO', 'SCMP_ACT_EROR'));
  const { status, stdout, stderr } = sandboxRun(['--policy', bad, '--', '/bin/echo', 'hello']);
  expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
  expect(stderr).toContain('defaultAction is "SCMP_ACT_EROR"');
});

test('--from, --cap, --kernel, --as and --exact reach the reader', () => {
  const ask = (...words: string[]) =>
    sandboxRun(['check', '--abi', 'x86_64', '-p', docker, ...words])
      .stdout.split(',')[0]!
      .split(': ')[1];
  expect(ask('mount')).toBe('errno EPERM');
  expect(ask('--cap', 'sys_admin', 'mount')).toBe('allow');
  expect(ask('--kernel', '4.4', 'ptrace')).toBe('errno EPERM');
  expect(ask('socket(0x100000028)')).toBe('errno EPERM');
  expect(ask('--exact', 'socket(0x100000028)')).toBe('allow');
  expect(ask('--as', 'runc', '#4000')).toBe('errno ENOSYS');
  const { status, stderr } = sandboxRun(['check', '--from', 'kafle', '-p', docker, 'read']);
  expect({ status, stderr }).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('did you mean kafel?'),
  });
  expect(sandboxRun(['check', '--cap', 'SYS_ADMN', '-p', docker, 'read']).stderr).toContain('CAP_SYS_ADMIN');
});

describe('convert', () => {
  const every = [
    'oci',
    'docker',
    'kubernetes',
    'kubernetes-localhost',
    'kubernetes-pod',
    'minijail',
    'minijail-compiler',
    'kafel',
    'systemd',
    'seccompiler',
    'policy',
    'bpf',
    'c-header',
  ];
  test.each(every)('Docker’s profile to %s', (format) => {
    const output = join(stage, `out.${format}`);
    const { status, stdout } = sandboxRun([
      'convert',
      docker,
      '--to',
      format,
      '--abi',
      'x86_64',
      '--allow-loss',
      '-o',
      output,
    ]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(readFileSync(output).length).toBeGreaterThan(50);
  });

  test('our own language comes back from it with the same meaning', () => {
    const own = file('a.policy', 'default errno EPERM\nabi x86_64\nallow read, ioctl(cmd == TCGETS)\n');
    const { stdout } = sandboxRun(['convert', own, '--to', 'oci']);
    const back = file('back.json', stdout);
    const words = ['check', '--expect', 'errno:EPERM', '-p', back, 'ioctl(0, 0x5402)', 'write'];
    expect(sandboxRun(words).status).toBe(0);
    expect(
      sandboxRun([
        'check',
        '--expect',
        'allow',
        '-p',
        back,
        'ioctl(0, 0x5401)',
        'ioctl(7, 0xff00005401)',
        'read',
      ]).status,
    ).toBe(0);
  });

  test('where a restriction would be lost nothing is written, unless that is said to be right', () => {
    const own = file('deny.policy', 'default allow\nunknown errno ENOSYS\nkill ptrace\n');
    const words = ['convert', own, '--to', 'oci'];
    const refused = sandboxRun(words);
    expect({ status: refused.status, stdout: refused.stdout }).toEqual({ status: 3, stdout: '' });
    expect(refused.stderr).toContain('lost: unknown errno ENOSYS');
    const allowed = sandboxRun([...words, '--allow-loss']);
    expect(allowed.status).toBe(0);
    expect(allowed.stdout).toContain('SCMP_ACT_KILL_PROCESS');
  });

  test('errors of usage', () => {
    expect(sandboxRun(['convert', docker]).stderr).toContain('give --to');
    expect(sandboxRun(['convert', docker, '--to', 'pledge']).stderr).toContain('cannot be written');
    expect(sandboxRun(['convert', docker, docker, '--to', 'oci'])).toMatchObject({ status: 2 });
  });
});

test('--with-runtime adds what a container’s runtime calls itself, and nothing is left to tell', () => {
  const policy = file('app.policy', 'default errno EPERM\nunknown errno EPERM\nabi x86_64\nallow read\n');
  const words = ['convert', policy, '--to', 'kubernetes'];
  expect(sandboxRun(words).stderr).toMatch(/add --with-runtime, or --allow .*execve/);
  const { status, stdout, stderr } = sandboxRun([...words, '--with-runtime']);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/- execve$/m);
});
