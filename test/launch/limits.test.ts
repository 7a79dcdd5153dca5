import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openFilesBefore, softOpenFiles } from '../../lib/launch/limits.ts';

const table = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     
Max locked memory         8388608              8388608              bytes     
Max open files            ${soft.padEnd(20)} 524288               files     
`;

test.each([
  ['1024', 1024],
  ['0', 0],
  ['unlimited', -1],
])('a soft limit of %s', (text, number) => {
  expect(softOpenFiles(table(text))).toBe(number);
});

test('a text without the line says nothing', () => {
  expect(softOpenFiles('')).toBe(-1);
});

test('the parent’s own limits are read', () => {
  const known = softOpenFiles(readFileSync(`/proc/${process.ppid}/limits`, 'latin1'));
  expect(known).toBeGreaterThan(0);
  expect(openFilesBefore()).toBe(known);
});

test('no parent in this PID namespace, or one that is gone: nothing is known', () => {
  expect(openFilesBefore(0)).toBe(-1);
  // Above the largest PID that a kernel can give (PID_MAX_LIMIT, 2^22).
  expect(openFilesBefore(4194305)).toBe(-1);
});
