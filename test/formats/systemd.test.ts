import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import type { Files, ReadOptions } from '../../lib/formats/format.ts';
import { systemd } from '../../lib/formats/systemd.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { ask } from './meaning.ts';

const options: ReadOptions = { file: 'dir/app.service', abi: abis.x86_64 };
const unit = (lines: string) => `[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/true\n${lines}\n`;
const read = (lines: string, more: Partial<ReadOptions> = {}) =>
  systemd.read!(unit(lines), { ...options, ...more }).policy;
const nr = (name: string) => syscallNumber(abis.x86_64, name)!;
const answers = (lines: string, ...calls: (string | [string, ...bigint[]])[]) => {
  const policy = read(lines);
  return calls.map((one) =>
    typeof one === 'string' ? ask(policy, nr(one)) : ask(policy, nr(one[0]), one.slice(1) as bigint[]),
  );
};

test('a unit is told by its sections and its directives', () => {
  expect(systemd.detect!(unit('SystemCallFilter=@system-service'), 'x')).toBe(true);
  expect(systemd.detect!(unit(''), 'x')).toBe(false);
  expect(systemd.detect!('SystemCallFilter=read', 'x')).toBe(false);
});

test('a list of what is permitted has @default in it, and kills', () => {
  expect(answers('SystemCallFilter=read', 'read', 'write', 'execve', 'mmap')).toEqual([
    'allow',
    'kill',
    'allow',
    'allow',
  ]);
  const lines =
    'SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\nSystemCallErrorNumber=EPERM';
  expect(answers(lines, 'openat', 'chroot', 'setpriority', 'ptrace')).toEqual([
    'allow',
    'errno 1',
    'errno 1',
    'errno 1',
  ]);
});

test('a list of what is not permitted has errors of its own', () => {
  const lines = 'SystemCallFilter=~@mount:EACCES ptrace kexec_load:kill\nSystemCallErrorNumber=5';
  expect(answers(lines, 'mount', 'ptrace', 'kexec_load', 'read')).toEqual([
    'errno 13',
    'errno 5',
    'kill',
    'allow',
  ]);
});

test('lists add up, are taken back, and begin anew', () => {
  expect(answers('SystemCallFilter=~read write\nSystemCallFilter=read', 'read', 'write')).toEqual([
    'allow',
    'kill',
  ]);
  expect(
    answers('SystemCallFilter=~read\nSystemCallFilter=\nSystemCallFilter=~write', 'read', 'write'),
  ).toEqual(['allow', 'kill']);
  expect(answers('SystemCallFilter=~read \\\n  # a comment between\n  write', 'read', 'write')).toEqual([
    'kill',
    'kill',
  ]);
});

test('drop-ins come after the unit', () => {
  const files: Files = {
    list: (folder) =>
      folder === 'dir/app.service.d' ? ['dir/app.service.d/10.conf', 'dir/app.service.d/note.txt'] : [],
    text: (path) => (path.endsWith('.conf') ? '[Service]\nSystemCallFilter=~ptrace\n' : 'nonsense'),
  };
  const policy = read('SystemCallFilter=read ptrace', { files });
  expect([0, nr('ptrace')].map((one) => ask(policy, one))).toEqual(['allow', 'kill']);
});

test('the directives beside it are filters of their own: the strictest answer counts', () => {
  const lines = `SystemCallFilter=~socket
RestrictAddressFamilies=AF_UNIX AF_INET
MemoryDenyWriteExecute=yes
RestrictRealtime=on
LockPersonality=true
ProtectHostname=1
ProtectClock=no`;
  expect(
    answers(
      lines,
      ['socket', 2n],
      ['mmap', 0n, 0n, 6n],
      ['mmap', 0n, 0n, 5n],
      ['mprotect', 0n, 0n, 4n],
      ['sched_setscheduler', 0n, 1n],
      ['sched_setscheduler', 0n, 3n],
      ['personality', 8n],
      ['personality', 0n],
      'sethostname',
      'clock_settime',
    ),
  ).toEqual([
    'kill',
    'errno 1',
    'allow',
    'errno 1',
    'errno 1',
    'allow',
    'errno 1',
    'allow',
    'errno 1',
    'allow',
  ]);
});

test('address families', () => {
  const families = (value: string) =>
    answers(`RestrictAddressFamilies=${value}`, ['socket', 1n], ['socket', 2n], ['socket', 16n]);
  expect(families('AF_UNIX AF_INET')).toEqual(['allow', 'allow', 'errno 97']);
  expect(families('~AF_NETLINK')).toEqual(['allow', 'allow', 'errno 97']);
  expect(families('none')).toEqual(['errno 97', 'errno 97', 'errno 97']);
});

test('namespaces', () => {
  const some = (value: string) =>
    answers(
      `RestrictNamespaces=${value}`,
      ['unshare', 0x10000000n],
      ['unshare', 0x40000000n],
      ['clone', 0x10000011n],
      ['setns', 3n, 0n],
      ['setns', 3n, 0x40000000n],
      'clone3',
    );
  expect(some('yes')).toEqual(['errno 1', 'errno 1', 'errno 1', 'errno 1', 'errno 1', 'errno 38']);
  expect(some('~user')).toEqual(['errno 1', 'allow', 'errno 1', 'errno 1', 'allow', 'errno 38']);
  expect(some('net')).toEqual(['errno 1', 'allow', 'errno 1', 'errno 1', 'allow', 'errno 38']);
  expect(some('no')).toEqual(['allow', 'allow', 'allow', 'allow', 'allow', 'allow']);
});

test('set-id bits, logs and devices', () => {
  const lines = 'RestrictSUIDSGID=yes\nSystemCallLog=ptrace\nPrivateDevices=yes';
  expect(
    answers(
      lines,
      ['chmod', 0n, 0o4755n],
      ['chmod', 0n, 0o755n],
      ['openat', 0n, 0n, 0o100n, 0o2755n],
      'openat2',
      'ptrace',
      'iopl',
    ),
  ).toEqual(['errno 1', 'allow', 'errno 1', 'errno 38', 'log', 'errno 1']);
});

test('architectures', () => {
  expect(read('SystemCallFilter=~ptrace').abis).toEqual(['x86_64', 'i386', 'x32']);
  expect(read('SystemCallFilter=~ptrace\nSystemCallArchitectures=native').abis).toEqual(['x86_64']);
  expect(read('SystemCallFilter=~ptrace\nSystemCallArchitectures=x86-64 x86').abis).toEqual([
    'x86_64',
    'i386',
  ]);
});

test('a list without arguments is written and read again', () => {
  const text = 'default errno EPERM\nabi x86_64\nallow @basic-io, execve, futex\n';
  const policy = parsePolicy(text, { file: 'x' });
  const { text: written, lost } = systemd.write!(policy, { name: 'x', abis: [abis.x86_64] });
  expect(lost).toEqual([]);
  const again = systemd.read!(String(written), options).policy;
  for (let number = 0; number < 500; number++)
    expect(`${number} ${ask(again, number)}`).toBe(`${number} ${ask(policy, number)}`);
});

test('what cannot be said is refused altogether, and told', () => {
  const policy = parsePolicy('default kill\nallow execve, ioctl(cmd == TCGETS)\n', { file: 'x' });
  const { text, lost } = systemd.write!(policy, { name: 'x', abis: [abis.x86_64] });
  expect(lost).toMatchObject([{ restricts: false, what: expect.stringContaining('ioctl') }]);
  expect(ask(systemd.read!(String(text), options).policy, nr('ioctl'), [0n, 0x5401n])).toBe('kill');
  const noExec = systemd.write!(parsePolicy('default kill\nallow read', { file: 'x' }), {
    name: 'x',
    abis: [abis.x86_64],
  });
  expect(noExec.lost.some((one) => one.restricts && one.what.includes('execve'))).toBe(true);
});

test.each([
  ['SystemCallFilter=@nothing', 'no set'],
  ['SystemCallFilter=~read:EWHAT', 'no error'],
  ['RestrictAddressFamilies=AF_VAX', 'no address family'],
  ['RestrictNamespaces=space', 'no namespace'],
  ['LockPersonality=perhaps', 'neither yes nor no'],
  ['SystemCallArchitectures=vax', 'no architecture'],
  ['nonsense', 'Name=value'],
])('%s is an error with its place', (line, message) => {
  try {
    read(line);
    expect.fail('accepted');
  } catch (error) {
    expect(error).toBeInstanceOf(PolicyError);
    expect((error as PolicyError).message).toContain(message);
    expect((error as PolicyError).place?.line).toBe(6);
  }
});
