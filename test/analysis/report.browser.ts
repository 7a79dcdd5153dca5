// The report page in a real browser, opened from a file as a user would: found, filtered, sorted and opened by mouse and by
// keyboard, with nothing fetched and nothing on the console; and names that try to be markup stay text.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { analyze } from '../../lib/analysis/analyze.ts';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { reportData } from '../../lib/analysis/report/data.ts';
import { reportPage } from '../../lib/analysis/report/html.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { missing } from '../conformance/tools.ts';
import { temporaryFolder } from '../support/temporary.ts';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = temporaryFolder('report');
const lacking = missing('the report in a browser', [
  'chromium-headless-shell (chromium-headless-shell)',
  'gcc (build-essential)',
]);

/** Of a program's file, and of a function in it, whose name could end the element that the data stand in. */
const FILE = '<img src=x onerror=alert(1)>&"quoted"';
const FUNCTION = '</script><script>alert(2)</script>';

function sandbox(...words: string[]): string {
  const result = spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8', cwd: folder });
  expect(result.stderr).toBe('');
  return result.stdout;
}

function compile(name: string, source: string, ...flags: string[]): string {
  writeFileSync(join(folder, 'program.c'), source);
  const made = spawnSync('gcc', ['-O1', '-rdynamic', '-o', name, 'program.c', ...flags], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(made.stderr).toBe('');
  return join(folder, name);
}

let browser: Browser;
let page: Page;
let troubles: string[] = [];

beforeAll(async () => {
  if (lacking !== undefined) return;
  // As root the browser's own sandbox is not to be had.
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox'],
  });
});
afterAll(() => browser?.close());
afterEach(async () => {
  await page?.close();
  expect(troubles).toEqual([]);
});

async function open(file: string, colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
  troubles = [];
  page = await browser.newPage({ colorScheme });
  page.setDefaultTimeout(5000);
  page.on('console', (message) => troubles.push(message.text()));
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('dialog', (dialog) => {
    troubles.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== `file://${file}`) troubles.push(request.url());
  });
  await page.goto(`file://${file}`);
}

const button = (name: string) => page.getByRole('button', { name, exact: true });
const tab = (name: RegExp) => page.getByRole('tab', { name });
const names = () => page.locator('.row:visible .open').allTextContents();

describe.skipIf(lacking !== undefined)('a program', () => {
  const report = join(folder, 'true.html');
  let found: { calls: readonly string[] };
  beforeAll(() => {
    sandbox('analyze', 'true', '--report', report);
    found = JSON.parse(sandbox('analyze', 'true', '--json'));
  });

  test('all its calls are there, and the way to each is what --why prints', async () => {
    await open(report);
    expect(await page.title()).toMatch(/\/true: what it can ask of the kernel$/);
    expect(await names()).toEqual(found.calls);
    await page.getByLabel('Search calls').fill('exit_gr');
    await expect.poll(names).toEqual(['exit_group']);
    expect(await page.getByRole('status').first().textContent()).toBe(`1 of ${found.calls.length} calls`);
    await button('exit_group').click();
    expect(await button('exit_group').getAttribute('aria-expanded')).toBe('true');
    const [first] = sandbox('analyze', 'true', '--why', 'exit_group')
      .split(/^exit_group:$/m)
      .filter((one) => one.trim() !== '');
    const lines = first!
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/^\((.*)\)$/, '$1'));
    expect(await page.locator('.detail .chain').first().locator('li').allTextContents()).toEqual(lines);
    await button('exit_group').click();
    expect(await page.locator('.detail .chain').count()).toBe(0);
  });

  test('search by library and function, sorting, and a choice', async () => {
    await open(report);
    await page.getByLabel('Search calls').fill('ld-linux');
    const loader = await expect.poll(names).not.toEqual(found.calls).then(names);
    expect(loader.length).toBeGreaterThan(3);
    await page.getByLabel('Search calls').fill('');
    await expect.poll(names).toEqual(found.calls);
    await button('Places').click();
    await button('Places').click();
    const places = (await page.locator('.row:visible td:nth-child(5)').allTextContents()).map(Number);
    expect(places).toEqual([...places].sort((a, b) => b - a));
    expect(await page.locator('th[aria-sort="descending"]').first().textContent()).toBe('Places');
    await button('Call').click();
    expect(await names()).toEqual([...found.calls].sort());
    await page.getByLabel('Which calls').selectOption('with conditions on arguments');
    expect((await names()).length).toBeLessThan(found.calls.length);
  });

  test('by keyboard alone', async () => {
    await open(report);
    await page.keyboard.press('/');
    await page.keyboard.type('futex');
    await expect.poll(async () => (await names()).length).toBeLessThan(found.calls.length);
    await button('futex').focus();
    await page.keyboard.press('Enter');
    expect(await button('futex').getAttribute('aria-expanded')).toBe('true');
    expect(await page.locator('.open:focus').textContent()).toBe('futex');
    expect(await page.locator('.detail .chain').count()).toBeGreaterThan(0);
    await tab(/^Calls/).focus();
    await page.keyboard.press('ArrowRight');
    expect(await tab(/^Files/).getAttribute('aria-selected')).toBe('true');
    expect(await names()).toContain('libc.so.6');
    await page.keyboard.press('End');
    expect(await page.locator('pre').textContent()).toBe(sandbox('analyze', 'true'));
  });

  test('a file leads to the calls that it brings', async () => {
    await open(report);
    await tab(/^Files/).click();
    await button('libc.so.6').click();
    await button('exit_group').click();
    expect(await tab(/^Calls/).getAttribute('aria-selected')).toBe('true');
    expect(await names()).toEqual(['exit_group']);
    expect(await page.locator('.detail .chain').count()).toBeGreaterThan(0);
  });

  test('an address leads to a call', async () => {
    await open(report);
    await page.goto(`file://${report}#brk`);
    await page.reload();
    expect(await button('brk').getAttribute('aria-expanded')).toBe('true');
    troubles = [];
  });

  test('in light and in dark', async () => {
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await open(report);
    const light = await background();
    await page.close();
    await open(report, 'dark');
    expect(await background()).not.toBe(light);
  });

  test('nothing but its own script may run', async () => {
    await open(report);
    await page.evaluate(
      "const script = document.createElement('script'); script.textContent = 'window.owned = true'; document.body.append(script)",
    );
    expect(await page.evaluate("'owned' in window")).toBe(false);
    expect(troubles).toEqual([expect.stringContaining('Content Security Policy')]);
    troubles = [];
  });
});

describe.skipIf(lacking !== undefined)('what is widened', () => {
  test('is shown with why, and with the calls that it permits', async () => {
    const program = compile(
      'number',
      '#include <unistd.h>\n#include <stdlib.h>\nint main(int c, char **v) { return (int)syscall(atoi(v[1])) < 0; }',
    );
    const report = join(folder, 'number.html');
    sandbox('analyze', program, '--report', report);
    await open(report);
    await tab(/^Widened/).click();
    const panel = page.getByRole('tabpanel', { name: /^Widened/ });
    expect(await panel.textContent()).toMatch(/libc\.so\.6 syscall\+.*number not known.*number main\+/s);
    await tab(/^Calls/).click();
    await page.getByLabel('Which calls').selectOption('permitted by widening');
    expect(await names()).toContain('semget');
    await tab(/^Notes/).click();
    expect(await page.getByRole('tabpanel', { name: /^Notes/ }).textContent()).toContain(
      'the number of a call is not known',
    );
  });
});

describe.skipIf(lacking !== undefined)('a policy with conditions and a phase of main', () => {
  test('shows them', async () => {
    const analysis = analyze({ program: '/bin/true', words: [], also: [], plugins: [], environment: {} });
    const all = policyOfAnalysis(analysis);
    const { statements, main } = parsePolicy(
      'default kill\nallow brk\nallow openat(flags & O_ACCMODE == O_RDONLY)\nphase main {\ndefault kill\nallow openat(flags & O_ACCMODE == O_RDONLY)\n}\n',
      { file: 'phases' },
    );
    const report = join(folder, 'phases.html');
    writeFileSync(
      report,
      reportPage(reportData(analysis, { ...all, statements, ...(main === undefined ? {} : { main }) })),
    );
    await open(report);
    const row = (name: string) => page.locator('.row', { has: button(name) }).textContent();
    expect(await row('openat')).toContain('openat(flags & O_ACCMODE == O_RDONLY)');
    expect(await row('brk')).toContain('only before main');
    await page.getByLabel('Which calls').selectOption('only before main');
    expect(await names()).toEqual(['brk']);
  });
});

describe.skipIf(lacking !== undefined)('names that try to be markup', () => {
  test('stay text, in the file and on the page', async () => {
    const routine = (name: string, body: string) =>
      `.globl "${name}"\n.type "${name}", @function\n"${name}":\n.cfi_startproc\n${body}\nret\n.cfi_endproc\n.size "${name}", .-"${name}"\n`;
    writeFileSync(
      join(folder, 'evil.s'),
      `${routine(FUNCTION, 'mov $168, %eax\nsyscall')}${routine('evil', `call "${FUNCTION}"`)}.section .note.GNU-stack,"",@progbits\n`,
    );
    const program = compile(FILE, 'void evil(void); int main(void) { evil(); return 0; }', 'evil.s');
    const report = join(folder, 'evil.html');
    sandbox('analyze', program, '--report', report);
    const html = readFileSync(report, 'utf8');
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html).not.toContain('<img');
    await open(report);
    expect(await page.locator('h1').textContent()).toContain(FILE);
    expect(await page.locator('img').count()).toBe(0);
    await page.getByLabel('Search calls').fill('swapoff');
    await button('swapoff').click();
    expect(await page.locator('.detail .chain li').last().textContent()).toBe(`${FILE} ${FUNCTION}+0x5`);
    await page.getByLabel('Search calls').fill(FUNCTION);
    await expect.poll(names).toEqual(['swapoff']);
  });
});
