// How the words of a command line are read: which are ours, and where those of the program begin.

import { expect, test } from 'vitest';
import { commandNames, type Option, runTable } from '../../lib/cli/options.ts';
import { splitWords } from '../../lib/cli/words.ts';
import { UsageError } from '../../lib/errors.ts';

test.for<[string, string, object, string, boolean]>([
  ['a program alone', 'app', {}, 'app', false],
  [
    'the program’s own options are not ours',
    '--allow read app --allow -x',
    { allow: ['read'] },
    'app --allow -x',
    false,
  ],
  ['-- ends our options', '--allow read -- app', { allow: ['read'] }, 'app', true],
  ['a second -- is the program’s', '-- app -- --allow', {}, 'app -- --allow', true],
  ['-- before a word that looks like an option', '-- --app', {}, '--app', true],
  ['nothing behind --', '--', {}, '', true],
  ['a value after =', '--allow=read,write app', { allow: ['read,write'] }, 'app', false],
  ['a value with = in it', '--rule=x==y app', { rule: ['x==y'] }, 'app', false],
  ['a value that looks like an option', '--policy --allow app', { policy: ['--allow'] }, 'app', false],
  ['a value that is --', '--policy -- app', { policy: ['--'] }, 'app', false],
  ['several values', '--allow a --allow b app', { allow: ['a', 'b'] }, 'app', false],
  ['a short name', '-p x -p y app', { policy: ['x', 'y'] }, 'app', false],
  ['a short name with its value', '-px app', { policy: ['x'] }, 'app', false],
  [
    'flags',
    '--json --dry-run --permissive app',
    { json: true, 'dry-run': true, permissive: true },
    'app',
    false,
  ],
  ['a flag twice', '--json --json app', { json: true }, 'app', false],
  [
    'the same value twice',
    '--default-action log --default-action log app',
    { 'default-action': 'log' },
    'app',
    false,
  ],
  ['a dash alone is a program', '- x', {}, '- x', false],
])('%s', ([_, line, options, command, separated]) => {
  const split = splitWords(line.split(' '), runTable);
  expect(split).toEqual({ options, command: command === '' ? [] : command.split(' '), separated });
});

test('an empty value is a value', () => {
  expect(splitWords(['--allow', '', '--deny=', 'app'], runTable).options).toEqual({
    allow: [''],
    deny: [''],
  });
});

test.for<[string, RegExp, RegExp]>([
  ['--xyzzy app', /unknown option --xyzzy$/, /--help/],
  ['--alow read app', /unknown option --alow$/, /did you mean --allow\?/],
  ['-x app', /unknown option -x$/, /--help/],
  ['--allow', /--allow needs a value$/, /CALLS/],
  ['-p', /-p needs a value$/, /FILE/],
  ['--json=1 app', /--json takes no value$/, /write --json alone/],
  ['--log-level loud app', /--log-level loud: expected one of trace, debug/, /for example/],
  ['--log-level debgu app', /expected one of/, /did you mean debug\?/],
  ['--default-action log --default-action kill app', /given twice: log and kill/, /once/],
])('%s', ([line, message, advice]) => {
  let found: unknown;
  try {
    splitWords(line.split(' '), runTable);
  } catch (error) {
    found = error;
  }
  expect(found).toBeInstanceOf(UsageError);
  expect((found as UsageError).message).toMatch(message);
  expect((found as UsageError).advice).toMatch(advice);
});

test('every option of the table is read, in each of its forms', () => {
  for (const option of runTable as readonly Option[]) {
    const value = option.choices?.[0] ?? 'x';
    const expected = {
      [option.name]: option.value === undefined ? true : option.many === true ? [value] : value,
    };
    const forms =
      option.value === undefined
        ? [[`--${option.name}`], ...(option.alias === undefined ? [] : [[`-${option.alias}`]])]
        : [
            [`--${option.name}`, value],
            [`--${option.name}=${value}`],
            ...(option.alias === undefined
              ? []
              : [[`-${option.alias}`, value], [`-${option.alias}${value}`]]),
          ];
    for (const form of forms)
      expect(splitWords([...form, 'app'], runTable).options, form.join(' ')).toEqual(expected);
  }
});

test('no option has the name or the letter of another', () => {
  const flags = runTable.flatMap((option) => [
    option.name,
    ...(option.alias === undefined ? [] : [option.alias]),
  ]);
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(commandNames).size).toBe(commandNames.length);
});
