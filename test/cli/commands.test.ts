// The commands' answers: for people, for machines, and as exit status.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decode } from '../../lib/bpf/instruction.ts';
import { interpret } from '../../lib/bpf/interpret.ts';
import { commands } from '../../lib/cli/commands/index.ts';
import { commandNames, outputOptions, runTable } from '../../lib/cli/options.ts';
import { abis } from '../../lib/linux/abi.ts';
import { file, root, stage } from '../kernel/stage.ts';
import { command, onTerminal, sandboxRun } from './command.ts';

const own = ['--abi', 'x86_64'];

/** What a command says on standard output; it must end well and say nothing else. */
function told(...words: readonly string[]): string {
  const { status, stdout, stderr } = sandboxRun(words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('the run path knows the name of every command', () => {
  expect(commands.map((command) => command.name).sort()).toEqual([...commandNames].sort());
});

describe('help', () => {
  test('shows every option and every command', () => {
    const help = told('--help');
    expect(told('-h')).toBe(help);
    for (const option of runTable) expect(help).toContain(`--${option.name} `);
    for (const command of commands) {
      const first = command.help.split(' ').slice(0, 3).join(' ');
      expect(help).toMatch(new RegExp(`sandbox-run ${command.name} +${first}`));
    }
    expect(help).toMatch(/Exit status: .*/);
  });

  test.for(commands.map((command) => [command.name, command] as const))('of %s', ([name, command]) => {
    const help = told(name, '--help');
    if (name === 'check') expect(told('--help', name)).toBe(help);
    expect(help).toMatch(new RegExp(`^sandbox-run ${name} `));
    for (const option of [...command.options, ...outputOptions]) expect(help).toContain(`--${option.name} `);
    expect(help).not.toContain('--dry-run');
  });

  test('the version is the package’s', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(told('--version')).toBe(`${version}\n`);
    expect(told('-V')).toBe(`${version}\n`);
  });
});

describe('compile', () => {
  const words = ['compile', '--allow', 'read,write', ...own];

  test('raw: what the kernel reads, and the same to a file', () => {
    const output = join(stage, 'out.bpf');
    expect(told(...words, '--format', 'bpf', '-o', output)).toBe('');
    const raw = readFileSync(output);
    const bytes = spawnSync(process.execPath, [command, ...words, '--format', 'bpf']);
    expect(bytes.stdout.equals(raw)).toBe(true);
    const program = decode(raw);
    const answer = (nr: number) => interpret(program, { nr, arch: abis.x86_64.auditArch, args: [] }).value;
    expect([0, 1, 2, 3].map(answer)).toEqual([0x7fff0000, 0x7fff0000, 0x80000000, 0x80000000]);
  });

  test('json, c and the listing are one program', () => {
    const { abis: names, filters } = JSON.parse(told(...words, '--format', 'json'));
    expect(names).toEqual(['x86_64']);
    expect(told(...words, '--json')).toBe(told(...words, '--format', 'json'));
    const c = told(...words, '--format', 'c');
    const rows = [...c.matchAll(/^ {2}\{(\w+), (\w+), (\w+), (\w+)\},$/gm)].map(([, ...cells]) =>
      cells.map(Number),
    );
    expect(rows).toEqual(filters[0].map(({ code, jt, jf, k }: Record<string, number>) => [code, jt, jf, k]));
    const listing = told(...words)
      .trimEnd()
      .split('\n');
    expect(listing.length).toBe(filters[0].length);
    expect(listing.at(-1)).toMatch(/ret #0x80000000 .*kill/);
  });

  test('the C text is C', () => {
    const source = file(
      `#include <linux/filter.h>\n${told(...words, '--format', 'c')}int main(void) { return filter[0].code != 0x20; }\n`,
      'out.c',
    );
    const binary = join(stage, 'out-c');
    const gcc = spawnSync('gcc', ['-Wall', '-Werror', source, '-o', binary], { encoding: 'utf8' });
    expect(gcc).toMatchObject({ status: 0, stderr: '' });
    expect(spawnSync(binary).status).toBe(0);
  });

  test('for another machine, in its byte order', () => {
    const output = join(stage, 'out-s390x.bpf');
    told('compile', '--allow', 'read', '--abi', 's390x', '--format', 'bpf', '-o', output);
    const program = decode(readFileSync(output), true);
    expect(program[0]).toMatchObject({ code: 0x20, k: 4 });
    expect(interpret(program, { nr: 3, arch: abis.s390x.auditArch, args: [] }, true).value).toBe(0x7fff0000);
  });

  test('a raw program is not written to a terminal', () => {
    expect(onTerminal([...words, '--format', 'bpf'])).toMatch(/a raw program is no text for a terminal/);
  });

  test('--default-action and --permissive are in it', () => {
    expect(told(...words, '--default-action', 'errno:ENOENT')).toMatch(/errno ENOENT/);
    expect(told(...words, '--permissive')).not.toMatch(/; kill$/m);
  });
});

describe('check', () => {
  const policy = file(
    'default kill\nallow read, openat(flags & O_ACCMODE == O_RDONLY)\nerrno EACCES ioctl(cmd == TIOCSTI)\nallow ioctl, lseek(offset >= 0)\n',
    'check.policy',
  );
  const check = (...calls: readonly string[]) => sandboxRun(['check', '-p', policy, ...own, ...calls]);

  const cases: readonly (readonly [string, string])[] = [
    ['read', `read: allow, by allow read (${policy}:2)`],
    ['write(1)', 'write(1): kill, by default'],
    [
      'openat(AT_FDCWD, 0, O_RDONLY)',
      `: allow, by allow openat(flags & O_ACCMODE == O_RDONLY) (${policy}:2)`,
    ],
    ['openat(AT_FDCWD, 0, O_WRONLY|O_CREAT)', ': kill, by default'],
    ['openat(-100, 0, 1)', ': kill, by default'],
    ['ioctl(0, TIOCSTI)', `: errno EACCES, by errno EACCES ioctl(cmd == TIOCSTI) (${policy}:3)`],
    ['ioctl(0, 0x100005412)', ': errno EACCES'],
    ['ioctl(0, 0x5413)', ': allow'],
    ['lseek(0, -1)', ': kill, by default'],
    ['lseek(0, 0xffffffffffffffff)', ': kill, by default'],
    ['lseek(0, 9223372036854775807)', ': allow'],
    ['#0', '#0: allow, by allow read'],
    ['#100000', '#100000: errno ENOSYS, as unknown'],
    ['i386:read', 'i386:read: kill, as foreign'],
  ];

  test('arguments are register values', () => {
    const { status, stdout, stderr } = check(...cases.map(([call]) => call));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(cases.length);
    cases.forEach(([call, expected], index) => {
      expect(lines[index]!.startsWith(`${call}: `), lines[index]).toBe(true);
      expect(lines[index]).toContain(expected);
    });
  });

  test('--expect makes it a test', () => {
    expect(check('--expect', 'kill', 'write', 'close')).toMatchObject({ status: 0 });
    const mixed = check('--expect', 'kill', 'write', 'read');
    expect(mixed.status).toBe(1);
    expect(mixed.stdout).toMatch(/^write: kill, by default\nread: allow, .*; expected kill\n$/);
    expect(check('--expect', 'errno:EACCES', 'ioctl(0, TIOCSTI)')).toMatchObject({ status: 0 });
    expect(check('--expect', 'errno EPERM', 'ioctl(0, TIOCSTI)')).toMatchObject({ status: 1 });
  });

  test('for machines', () => {
    const { stdout } = check('--json', 'read', 'write(1)');
    expect(JSON.parse(stdout)).toEqual([
      {
        call: 'read',
        abi: 'x86_64',
        action: 'allow',
        by: 'statement',
        statement: expect.stringMatching(/^allow read/),
        source: expect.any(String),
        file: policy,
        line: 2,
        column: expect.any(Number),
      },
      { call: 'write(1)', abi: 'x86_64', action: 'kill', by: 'default' },
    ]);
    const judged = check('--json', '--expect', 'kill', 'read', 'write');
    expect(judged.status).toBe(1);
    expect(JSON.parse(judged.stdout).map((one: { expected: boolean }) => one.expected)).toEqual([
      false,
      true,
    ]);
  });

  test('each served ABI is asked', () => {
    const words = ['check', '--allow', 'read', '--abi', 'x86_64,i386', 'read', 'socketcall'];
    expect(told(...words)).toBe(
      'read [x86_64]: allow, by allow read (--allow)\nread [i386]: allow, by allow read (--allow)\nsocketcall [i386]: kill, by default\n',
    );
  });

  test('the environment is asked, too', () => {
    const { stdout } = sandboxRun(['check', ...own, 'read', 'write'], {
      env: { SECCOMP_SYSCALL_ALLOW: 'read' },
    });
    expect(stdout).toBe('read: allow, by allow read (SECCOMP_SYSCALL_ALLOW)\nwrite: kill, by default\n');
  });
});

describe('explain', () => {
  const words = [
    'explain',
    '--allow',
    'read,ioctl(cmd == TCGETS)',
    '--default-action',
    'errno:EACCES',
    ...own,
  ];

  test('in words', () => {
    expect(told(...words)).toBe(
      'For programs that call Linux as x86_64:\n\nPermitted:\n  read\n  ioctl, if cmd is TCGETS\n\n' +
        'Any other call: the call does not happen, and fails with EACCES.\n' +
        'A call that Linux adds later than this list of calls: the call does not happen, and fails with ENOSYS.\n' +
        'A call made as another kind of program (for example 32-bit code): the process is killed (SIGSYS).\n',
    );
  });

  test('for machines', () => {
    const [explanation] = JSON.parse(told(...words, '--json'));
    expect(explanation).toMatchObject({
      abi: 'x86_64',
      sections: [
        {
          action: { kind: 'allow' },
          always: ['read'],
          sometimes: [{ call: 'ioctl', when: 'cmd is TCGETS' }],
        },
      ],
      rest: [expect.any(String), expect.any(String), expect.any(String)],
    });
  });

  test('--listing is what compile writes', () => {
    expect(told(...words, '--listing')).toBe(told('compile', ...words.slice(1)));
  });
});

describe('syscalls', () => {
  test('a call', () => {
    expect(told('syscalls', 'openat2')).toMatch(
      /^openat2\(int dfd.*\)\n {2}x86_64 437, .*aarch64 437.*\n {2}since Linux 5\.6\n {2}in .*@probe/,
    );
  });

  test('a group', () => {
    expect(told('syscalls', '@io-uring')).toMatch(
      /^@io-uring: .*\n {2}io_uring_enter io_uring_register io_uring_setup\n$/,
    );
  });

  test('a number, as it stands in a log', () => {
    expect(told('syscalls', '257', '--abi', 'x86_64')).toMatch(/^openat\(/);
    expect(told('syscalls', '#5', '--abi', 'i386')).toMatch(/^open\(/);
    const { status, stderr } = sandboxRun(['syscalls', '400', '--abi', 'x86_64']);
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no system call of x86_64 has the number 400'),
    });
  });

  test('everything, on one line or more each', () => {
    const all = told('syscalls', ...own);
    expect(all).toMatch(/^@system-service: /m);
    expect(all).toMatch(/^read\(unsigned int fd, char \*buf, size_t count\)\n {2}x86_64 0$/m);
    expect(all).not.toMatch(/^chown32/m);
  });

  test('for machines', () => {
    expect(JSON.parse(told('syscalls', 'read', '@exec', '--json', ...own))).toEqual([
      {
        call: 'read',
        numbers: { x86_64: 0 },
        since: '2.6',
        arguments: [
          { names: ['fd'], type: 'unsigned int', bits: 32, signed: false },
          { names: ['buf'], type: 'char *', bits: 64, signed: false },
          { names: ['count'], type: 'size_t', bits: 64, signed: false },
        ],
        groups: expect.arrayContaining(['@basic-io']),
      },
      { group: '@exec', help: expect.any(String), members: ['execve', 'execveat'] },
    ]);
  });

  test('a reader that leaves early is no error', () => {
    const line = `'${process.execPath}' '${command}' syscalls | head -1`;
    expect(spawnSync('/bin/bash', ['-o', 'pipefail', '-c', line], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});
