// Tables of expected answers: what a line may be, and how a bad one is told.

import { expect, test } from 'vitest';
import { isAsExpected, readTable } from '../../lib/asking/table.ts';
import { PolicyError } from '../../lib/errors.ts';

const rows = (text: string) =>
  readTable(text, 'app.table').map(({ expected, text: call, line }) => [expected, call, line]);

test('answers, calls, comments', () => {
  const text = `# head
allow read(0), openat(AT_FDCWD, 0, O_RDONLY)  # of the program
errno EPERM   socket(AF_NETLINK, SOCK_RAW)

permitted write
refused #450(1, 2), i386:ptrace
  trap 7 open
trace:5 close
errno:13 getpid
kill-thread exit
`;
  expect(rows(text)).toEqual([
    [{ kind: 'allow' }, 'read(0)', 2],
    [{ kind: 'allow' }, 'openat(AT_FDCWD, 0, O_RDONLY)', 2],
    [{ kind: 'errno', errno: 'EPERM' }, 'socket(AF_NETLINK, SOCK_RAW)', 3],
    ['permitted', 'write', 5],
    ['refused', '#450(1, 2)', 6],
    ['refused', 'i386:ptrace', 6],
    [{ kind: 'trap', data: 7 }, 'open', 7],
    [{ kind: 'trace', data: 5 }, 'close', 8],
    [{ kind: 'errno', errno: 13 }, 'getpid', 9],
    [{ kind: 'kill-thread' }, 'exit', 10],
  ]);
});

test.each([
  ['allow', 1, /expected an answer and calls/],
  ['\nalow read', 2, /expected an action/],
  ['allow read,, write', 1, /expected a call/],
  ['allow read(0', 1, /expected/],
  ['allow raed', 1, /raed/],
  ['errno EFOO read', 1, /EFOO/],
  ['allow @basic-io', 1, /one call/],
] as const)('%j is an error with its place', (text, line, message) => {
  const error = (() => {
    try {
      readTable(text, 'app.table');
    } catch (thrown) {
      return thrown as PolicyError;
    }
  })();
  expect(error).toBeInstanceOf(PolicyError);
  expect(error!.message).toMatch(message);
  expect(error!.place).toMatchObject({ file: 'app.table', line });
});

test('the place is the call’s own, and all bad lines are told', () => {
  try {
    readTable('allow read, raed\nkill open\nallow wriet', 'app.table');
    expect.unreachable();
  } catch (thrown) {
    expect((thrown as PolicyError).place).toMatchObject({ line: 1, column: 13 });
    expect((thrown as PolicyError).others).toHaveLength(1);
  }
});

test('an empty table tests nothing', () => {
  expect(() => readTable('# nothing\n', 'app.table')).toThrow(/no call/);
});

test('kinds of answers', () => {
  expect(isAsExpected('permitted', { kind: 'log' })).toBe(true);
  expect(isAsExpected('permitted', { kind: 'notify' })).toBe(false);
  expect(isAsExpected('refused', { kind: 'errno', errno: 'EPERM' })).toBe(true);
  expect(isAsExpected('refused', { kind: 'allow' })).toBe(false);
  expect(isAsExpected({ kind: 'errno', errno: 'EPERM' }, { kind: 'errno', errno: 'ENOSYS' })).toBe(false);
});
