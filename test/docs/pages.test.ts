// Every command that the documentation shows is run here, page by page, in a fresh folder each, and must print what the page says.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { readPage } from './page.ts';
import { differences } from './run.ts';

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

  if (page.steps.length === 0) return;
  test('prints what it shows', async () => {
    const { folder, path } = reader();
    expect(await differences(page, { folder, path })).toEqual([]);
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

/** A reader's folder, with the node_modules of somebody who installed the package, and one with the commands. */
function reader(): { folder: string; path: string } {
  const [folder, path] = [temporaryFolder('page'), temporaryFolder('commands')];
  symlinkSync(process.execPath, join(path, 'node'));
  symlinkSync(join(root, 'bin', 'sandbox-run.cjs'), join(path, 'sandbox-run'));
  symlinkSync(join(root, 'build', 'Release', 'sandbox-launch'), join(path, 'sandbox-launch'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'sandbox-run'));
  return { folder, path };
}
