// What people see when something is wrong: one line that says what, the place with a caret, and what to do; colour on a terminal
// alone; JSON for machines; the status that says who failed.

import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { errorAsJson, renderError } from '../../lib/cli/report.ts';
import { PolicyError, UsageError } from '../../lib/errors.ts';
import { file } from '../kernel/stage.ts';
import { onTerminal, sandboxRun } from './command.ts';

const bad = file('default kill\nallow read,\n  wirte, close\n', 'errors/bad.policy');
const orphan = file('#!/nonexistent\n', 'errors/orphan');
chmodSync(orphan, 0o755);
const UNWRITABLE =
  /^sandbox-run: cannot write \/nonexistent\/x: ENOENT\n {2}check that its folder exists and that you may write there\n$/;
const ESCAPE = '\u001b';

describe('before a start: 125', () => {
  test.for<[string, readonly string[], string]>([
    [
      'nothing at all',
      [],
      'sandbox-run: no program to run\n  sandbox-run [options] -- PROGRAM [ARG…]; see sandbox-run --help\n',
    ],
    [
      'no policy',
      ['true'],
      'sandbox-run: no policy: nothing says what the program may do\n' +
        '  give --allow, --deny, --rule, --policy or --preset, or set SECCOMP_SYSCALL_ALLOW or SECCOMP_SYSCALL_DENY\n',
    ],
    [
      'a misspelt call',
      ['--allow', 'read,wirte', 'true'],
      'sandbox-run: --allow:1:6: no system call is called "wirte"\n  1 | read,wirte\n           ^\n  did you mean write?\n',
    ],
    [
      'a condition in another language',
      ['--allow', 'ioctl(cmd = 3)', 'true'],
      'sandbox-run: --allow:1:11: expected ==, !=, <, <=, >, >=, & or in, found "="\n' +
        '  1 | ioctl(cmd = 3)\n                ^\n  equality is ==\n',
    ],
    [
      'an empty list',
      ['--deny', '', 'true'],
      'sandbox-run: --deny:1:1: the list of calls is empty\n  1 | \n      ^\n  name at least one call, for example read,write\n',
    ],
    [
      'a misspelt option',
      ['--alow', 'read', 'true'],
      "sandbox-run: unknown option --alow\n  did you mean --allow? A program's own options come after the program\n",
    ],
    [
      'a file that is not there',
      ['--policy', '/nonexistent/x.policy', 'true'],
      'sandbox-run: cannot read /nonexistent/x.policy: it does not exist\n' +
        '  check the path; an include is relative to the file that includes it\n',
    ],
    [
      'a mistake in a file',
      ['--policy', bad, 'true'],
      `sandbox-run: ${bad}:3:3: no system call is called "wirte"\n  3 |   wirte, close\n        ^\n  did you mean write?\n`,
    ],
    [
      'an unknown action',
      ['--deny', 'read', '--default-action', 'explode', 'true'],
      'sandbox-run: --default-action:1:1: expected an action, found "explode"\n  1 | explode\n      ^\n' +
        '  the actions are kill, kill-thread, trap, errno, notify, trace, log, allow\n',
    ],
  ])('%s', ([_, words, stderr]) => {
    expect(sandboxRun(words)).toEqual({ status: 125, signal: null, stdout: '', stderr });
  });

  test('an unknown ABI', () => {
    const ending = sandboxRun(['--deny', 'read', '--abi', 'x86_46', 'true']);
    expect(ending).toMatchObject({ status: 125 });
    expect(ending.stderr).toMatch(
      /^sandbox-run: --abi x86_46: there is no such ABI\n {2}did you mean x86_64\?\n$/,
    );
  });

  test('the caret stands below the mistake, behind tabs and in long lines, too', () => {
    for (const line of ['\tallow wirte', `allow ${'read, '.repeat(60)}wirte`, 'allow "wirte']) {
      const { stderr } = sandboxRun(['--policy', file(`default kill\n${line}\n`), 'true']);
      const [, shown, caret] = stderr.split('\n');
      expect(shown).toMatch(/^ {2}2 \| /);
      const at = caret!.indexOf('^');
      expect(shown!.slice(at)).toMatch(/^(wirte|"wirte)/);
      expect(caret!.slice(0, at).includes('\t')).toBe(shown!.slice(0, at).includes('\t'));
    }
  });
});

describe('commands: 2', () => {
  test.for<[string, readonly string[], RegExp]>([
    ['no policy', ['compile'], /^sandbox-run: no policy/],
    ['no call', ['check', '--allow', 'read'], /^sandbox-run: no call to check\n {2}for example/],
    [
      'a word too many',
      ['explain', '--allow', 'read', 'write'],
      /explain takes no write\n {2}name the policy/,
    ],
    [
      'another word too many',
      ['compile', '--allow', 'read', 'write'],
      /compile takes no write\n {2}name the policy/,
    ],
    ['an unknown option', ['check', '--alow', 'read'], /unknown option --alow\n {2}did you mean --allow/],
    ['an option of another command', ['explain', '--expect', 'kill'], /unknown option --expect/],
    ['an option of a start', ['check', '--dry-run', '--allow', 'read', 'read'], /unknown option --dry-run/],
    ['a missing value', ['check', '--allow'], /--allow needs a value/],
    [
      'true behind an option without a value is a word',
      ['check', '--allow', 'read', '--permissive', 'true'],
      /no system call is called "true"/,
    ],
    ['a value that is none of its', ['analyze', '--json=true', 'ls'], /--json takes no value/],
    [
      'an option twice',
      ['check', '--allow', 'read', '--expect', 'log', '--expect', 'kill', 'read'],
      /--expect is given twice: log and kill/,
    ],
    [
      'an unknown format',
      ['compile', '--allow', 'read', '--format', 'elf'],
      /--format elf: expected one of bpf, listing, c, json/,
    ],
    [
      'a filter for a folder that is not there',
      ['compile', '--allow', 'read', '-o', '/nonexistent/x'],
      UNWRITABLE,
    ],
    ['a policy for a folder that is not there', ['analyze', 'true', '-o', '/nonexistent/x'], UNWRITABLE],
    [
      'a report for a folder that is not there',
      ['analyze', 'true', '--report', '/nonexistent/x'],
      UNWRITABLE,
    ],
    [
      'a plug-in that is not there',
      ['analyze', 'true', '--plugin', '/nonexistent'],
      /^sandbox-run: \/nonexistent: no such file\n/,
    ],
    [
      'an interpreter that is not there',
      ['analyze', orphan],
      /its interpreter "\/nonexistent" does not exist\n/,
    ],
    ['an unknown call', ['check', '--allow', 'read', 'wirte'], /no system call is called "wirte"/],
    [
      'half a call',
      ['check', '--allow', 'read', 'read('],
      /check:1:6: expected a constant or a number, found the end/,
    ],
    [
      'a call of another ABI',
      ['check', '--allow', 'read', 'chown32'],
      /has no call chown32\n {2}it exists on .*i386/,
    ],
    [
      'an unknown action',
      ['check', '--allow', 'read', '--expect', 'maybe', 'read'],
      /--expect:1:1: expected an action/,
    ],
    ['an unknown shell', ['completion', 'tcsh'], /expected bash, zsh or fish, found tcsh/],
    ['no shell', ['completion'], /expected bash, zsh or fish, found nothing/],
    ['an unknown name', ['syscalls', 'opneat'], /no system call opneat\n {2}did you mean openat\?/],
    ['an unknown group', ['syscalls', '@netwrok-io'], /no group @netwrok-io\n {2}did you mean @network-io\?/],
    [
      'a file that cannot be written',
      ['compile', '--allow', 'read', '-o', '/nonexistent/x'],
      /cannot write \/nonexistent\/x: ENOENT\n {2}check/,
    ],
    [
      'a mistake in a file',
      ['explain', '-p', bad],
      /bad\.policy:3:3: no system call is called "wirte"\n {2}3 \| {3}wirte, close\n/,
    ],
  ])('%s', ([_, words, message]) => {
    const ending = sandboxRun(words);
    expect(ending).toMatchObject({ status: 2, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(message);
    expect(ending.stderr).toMatch(/^sandbox-run: [\s\S]*\n$/);
    expect(ending.stderr).not.toMatch(/internal error|\bat .*\.(js|ts|cjs):/);
  });
});

describe('--json', () => {
  test('an error with its place', () => {
    for (const [words, status] of [
      [['--json', '--policy', bad, 'true'], 125],
      [['explain', '--json', '--policy', bad], 2],
    ] as const) {
      const ending = sandboxRun(words);
      expect(ending).toMatchObject({ status, stdout: '' });
      expect(JSON.parse(ending.stderr)).toEqual({
        error: 'PolicyError',
        message: 'no system call is called "wirte"',
        place: { file: bad, line: 3, column: 3, text: '  wirte, close' },
        advice: 'did you mean write?',
      });
    }
  });

  test('an error without a place', () => {
    const ending = sandboxRun(['--json', '--deny', 'read', '--', '/nonexistent']);
    expect(ending.status).toBe(127);
    expect(JSON.parse(ending.stderr)).toMatchObject({ error: 'LaunchError', advice: expect.any(String) });
    expect(JSON.parse(sandboxRun(['--json', '--frob']).stderr)).toMatchObject({ error: 'UsageError' });
  });

  test('several errors are several lines', () => {
    const several = file('allow raed\nallow wirte\n');
    const messages = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages(sandboxRun(['--json', '-p', several, 'true']).stderr)).toEqual([
      'no system call is called "raed"',
      'no system call is called "wirte"',
    ]);
  });
});

describe('colour', () => {
  const words = ['--allow', 'wirte', 'true'];

  test('on a terminal: the message bold, the caret red, the advice pale', () => {
    expect(onTerminal(words)).toBe(
      `sandbox-run: --allow:1:1: ${ESCAPE}[1mno system call is called "wirte"${ESCAPE}[0m\n` +
        `  1 | wirte\n      ${ESCAPE}[31m^${ESCAPE}[0m\n${ESCAPE}[2m  did you mean write?${ESCAPE}[0m\n`,
    );
  });

  test('not into a pipe, not with NO_COLOR, not on a dumb terminal', () => {
    expect(sandboxRun(words).stderr).not.toContain(ESCAPE);
    expect(onTerminal(words, { env: { NO_COLOR: '1' } })).not.toContain(ESCAPE);
    expect(onTerminal(words, { env: { TERM: 'dumb' } })).not.toContain(ESCAPE);
  });

  test('an empty NO_COLOR says nothing (no-color.org)', () => {
    expect(onTerminal(words, { env: { NO_COLOR: '' } })).toContain(ESCAPE);
  });

  test('in logs, too', () => {
    const debug = ['--log-level', 'debug', '--deny', 'ptrace', 'true'];
    expect(onTerminal(debug)).toContain(ESCAPE);
    expect(onTerminal(debug, { env: { NO_COLOR: '1' } })).not.toContain(ESCAPE);
    expect(onTerminal(['--json', ...debug])).not.toContain(ESCAPE);
  });

  test('control characters of a policy never reach the terminal', () => {
    const trick = file(`allow read\nallow ${ESCAPE}[31mwirte\n`);
    expect(sandboxRun(['-p', trick, 'true']).stderr).not.toContain(ESCAPE);
    expect(sandboxRun(['--allow', `${ESCAPE}[2J`, 'true']).stderr).not.toContain(ESCAPE);
  });
});

test('an error without place and advice is one line', () => {
  expect(renderError(new UsageError('that'), false)).toBe('sandbox-run: that\n');
  expect(JSON.parse(errorAsJson(new PolicyError('this')))).toEqual({ error: 'PolicyError', message: 'this' });
});
