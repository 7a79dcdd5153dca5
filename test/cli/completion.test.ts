// Completion: what is offered for a line. That the shells offer just that is test/package/shells.test.ts.

import { describe, expect, test } from 'vitest';
import { commands } from '../../lib/cli/commands/index.ts';
import { completeLine } from '../../lib/cli/complete/line.ts';
import { commandNames, outputOptions, runTable } from '../../lib/cli/options.ts';
import { sandboxRun } from './command.ts';

const FORMATS = ['docker', 'kubernetes', 'kubernetes-pod', 'policy'];
const answer = (...words: readonly string[]) => completeLine(words, commands, FORMATS);
const offered = (...words: readonly string[]) => answer(...words).candidates.map(({ word }) => word);

describe('what is offered', () => {
  test.for<readonly [readonly string[], readonly string[]]>([
    [['--all'], ['--allow']],
    [
      ['--allow', 'readl'],
      ['readlink', 'readlinkat'],
    ],
    [
      ['--allow', 'read,writ'],
      ['read,write', 'read,writev'],
    ],
    [
      ['--allow', 'read:writ'],
      ['read:write', 'read:writev'],
    ],
    [['--allow=readl'], ['--allow=readlink', '--allow=readlinkat']],
    [['--deny', '@kernel'], ['@kernel-code']],
    [['--deny', 'ioctl(cmd == TCGETS),@kernel'], ['ioctl(cmd == TCGETS),@kernel-code']],
    [['--allow', 'ioctl(cm'], ['ioctl(cmd']],
    [['--allow', 'read,ioctl(cmd == TIOCST'], ['read,ioctl(cmd == TIOCSTI']],
    [['--allow', 'ioctl(cmd in {TCGETS, TIOCGWI'], ['ioctl(cmd in {TCGETS, TIOCGWINSZ']],
    [['--allow', 'socket(family == AF_UNI'], ['socket(family == AF_UNIX']],
    [['--allow', 'socket(domain == AF_UNIX && ty'], ['socket(domain == AF_UNIX && type']],
    [
      ['--allow', 'socket(domain == AF_UNIX && (type & SOCK_NON'],
      ['socket(domain == AF_UNIX && (type & SOCK_NONBLOCK'],
    ],
    [['--allow', 'openat(arg2 & O_CRE'], ['openat(arg2 & O_CREAT']],
    [['--allow', 'openat(flags & O_ACCMODE == O_RDW'], ['openat(flags & O_ACCMODE == O_RDWR']],
    [['--allow', 'read(count == O_'], []],
    [['--rule', 'kill-t'], ['kill-thread']],
    [
      ['--rule', 'errno ENOS'],
      ['errno ENOSPC', 'errno ENOSR', 'errno ENOSTR', 'errno ENOSYS'],
    ],
    [['--rule', 'errno EPERM read,ptra'], ['errno EPERM read,ptrace']],
    [['--rule', 'log mount(flags & MS_NOSU'], ['log mount(flags & MS_NOSUID']],
    [['--abi', 'x86_64,aa'], ['x86_64,aarch64']],
    [
      ['--default-action', 'ki'],
      ['kill', 'kill-thread'],
    ],
    [['--default-action', 'errno:ENOSY'], ['errno:ENOSYS']],
    [['--log-level', 'de'], ['debug']],
    [
      ['--log-level='],
      ['trace', 'debug', 'info', 'warn', 'error', 'silent'].map((one) => `--log-level=${one}`),
    ],
    [
      ['--from', 'kub'],
      ['kubernetes', 'kubernetes-pod'],
    ],
    [['comple'], ['completion']],
    [['--json', 'comple'], ['completion']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['check', '--exp'], ['--expect']],
    [
      ['check', '--expect', 'tra'],
      ['trap', 'trace'],
    ],
    [['check', '-p', 'x', 'openat(AT_FDCWD, 0, O_RDONLY|O_CRE'], ['openat(AT_FDCWD, 0, O_RDONLY|O_CREAT']],
    [
      ['check', 'readl'],
      ['readlink', 'readlinkat'],
    ],
    [['convert', 'x', '--to', 'pol'], ['policy']],
    [
      ['compile', '--format', ''],
      ['listing', 'bpf', 'c', 'json'],
    ],
    [['syscalls', '@io-u'], ['@io-uring']],
    [
      ['analyze', 'ls', '--why', 'sock'],
      ['socket', 'socketpair'],
    ],
    [['--allow', 'read', '--dr'], ['--dry-run']],
    [['--', '--al'], []],
    [['doctor', 'x'], []],
  ])('%j', ([words, expected]) => {
    expect([...offered(...words)].sort()).toEqual([...expected].sort());
  });

  test('files, programs, and where another program’s words begin', () => {
    expect(answer('-p', '')).toEqual({ candidates: [], files: true });
    expect(answer('lint', 'x')).toMatchObject({ files: true });
    expect(answer('--allow', 'read', '--', 'l')).toEqual({ candidates: [], files: true, programs: true });
    expect(answer('anal')).toMatchObject({ files: true, programs: true });
    expect(answer('--allow', 'read', '--', 'ls', '-l')).toEqual({ candidates: [], program: 3 });
    expect(answer('--allow', 'read', 'ls', '--all')).toEqual({ candidates: [], program: 2 });
    expect(answer('learn', '-o', 'x', '--', 'ls', '-')).toEqual({ candidates: [], program: 4 });
    expect(answer('--allow', 'read,')).toMatchObject({ open: true });
  });

  test('every option and command is offered, and no option where it is none', () => {
    const flags = (table: readonly { name: string }[]) => table.map(({ name }) => `--${name}`).sort();
    expect([...offered('--')].sort()).toEqual(flags(runTable));
    expect([...offered('')].sort()).toEqual([...commandNames].sort());
    for (const { name, options } of commands)
      expect([...offered(name, '--')].sort()).toEqual(
        flags([...options, ...outputOptions, { name: 'help' }]),
      );
    for (const { word, help } of answer('--').candidates) expect(help, word).not.toBe('');
  });

  test('an unknown shell is an error', () => {
    expect(sandboxRun(['completion', 'tcsh'])).toMatchObject({
      status: 2,
      stderr: 'sandbox-run: completion: expected bash, zsh or fish, found tcsh\n',
    });
  });
});
