// A table of cases that one boot of the machine runs, each held against how it has to end.

import { expect, test } from 'vitest';
import { type Case, type Ending, runCases } from './machine.ts';

type Expected = Partial<Ending> | { readonly output: RegExp; readonly status?: number };
export type Table = readonly (readonly [name: string, start: Omit<Case, 'name'>, expected: Expected])[];

/** Boots now, and makes a test of each row. `files`: what the machine has beside its init, by path. */
export function testEndings(table: Table, files: Readonly<Record<string, Uint8Array | string>>): void {
  const endings = runCases(
    table.map(([name, one]) => ({ name, ...one })),
    files,
  );
  test.each(
    table.map(([name, , expected], index) => [name, expected, endings[index]!] as const),
  )('%s', (_, expected, ending) => {
    const { output, ...rest } = expected;
    expect(ending).toMatchObject(rest);
    if (output instanceof RegExp) expect(ending.output).toMatch(output);
    else if (output !== undefined) expect(ending.output).toBe(output);
  });
}
