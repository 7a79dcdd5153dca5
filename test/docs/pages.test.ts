// Every command that the documentation shows is run here, page by page, in a fresh folder each, and must print what the page says.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { matches, type Page, readPage } from './page.ts';
import { runCommands } from './session.ts';

const root = join(import.meta.dirname, '..', '..');
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))];

describe.each(pages.filter((name) => name.endsWith('.md')))('%s', (name) => {
  const page = readPage(readFileSync(join(root, name), 'utf8'));

  test('shows no command that is not run', () => {
    expect(page.notRun).toEqual([]);
  });

  test('leads to pages and headings that there are', () => {
    const wrong = linksOf(name).filter(
      ({ file, heading }) => !existsSync(file) || !hasHeading(file, heading),
    );
    expect(wrong).toEqual([]);
  });

  test.runIf(page.steps.length > 0)('prints what it shows', async () => {
    expect(await differences(page)).toEqual([]);
  });
});

function linksOf(name: string): { file: string; heading: string | undefined }[] {
  const here = join(root, name);
  return [...readFileSync(here, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target!)) return [];
    const [path, heading] = target!.split('#') as [string, string | undefined];
    return [{ file: path === '' ? here : join(dirname(here), path), heading }];
  });
}

/** Headings are called as on GitHub: in lower case, blanks as dashes, without punctuation. */
function hasHeading(file: string, heading: string | undefined): boolean {
  if (heading === undefined) return true;
  const titles = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return titles.includes(heading);
}

async function differences(
  page: Page,
): Promise<{ line: number; command: string; shown: string; printed: string }[]> {
  const folder = temporaryFolder('page');
  const path = commandsOfThePackage();
  symlinkSync(join(path, '..', 'node_modules'), join(folder, 'node_modules'));
  const found: { line: number; command: string; shown: string; printed: string }[] = [];
  // A file is written when the page comes to it, because an earlier command may have been about another version of it.
  let pending: { line: number; text: string; output: readonly string[] }[] = [];
  const flush = async () => {
    const printed = await runCommands(
      pending.map(({ text }) => text),
      { folder, path, seconds: 120 },
    );
    for (const [index, { line, text, output }] of pending.entries())
      if (!matches(output, printed[index]!.lines))
        found.push({
          line,
          command: text,
          shown: output.join('\n'),
          printed: printed[index]!.lines.join('\n'),
        });
    pending = [];
  };
  for (const step of page.steps)
    if (step.kind === 'command') pending.push(step);
    else {
      if (pending.length > 0) await flush();
      mkdirSync(dirname(join(folder, step.name)), { recursive: true });
      writeFileSync(join(folder, step.name), step.text);
    }
  if (pending.length > 0) await flush();
  return found;
}

/** A folder with `sandbox-run` and `sandbox-launch`, and beside it the node_modules of somebody who installed the package. */
function commandsOfThePackage(): string {
  const home = temporaryFolder('reader');
  mkdirSync(join(home, 'bin'));
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(process.execPath, join(home, 'bin', 'node'));
  symlinkSync(join(root, 'bin', 'sandbox-run.cjs'), join(home, 'bin', 'sandbox-run'));
  symlinkSync(join(root, 'build', 'Release', 'sandbox-launch'), join(home, 'bin', 'sandbox-launch'));
  symlinkSync(root, join(home, 'node_modules', 'sandbox-run'));
  return join(home, 'bin');
}
