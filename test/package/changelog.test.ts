// The changelog: its form is Keep a Changelog's, its newest version is the package's, and `npm version` keeps it so.

import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { released } from '../../scripts/release.js';
import { root } from '../kernel/stage.ts';
import { temporaryFolder } from '../support/temporary.ts';

const text = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('its versions are semantic, dated, and in order; the newest is the package’s', () => {
  const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading!);
  expect(headings[0]).toBe('[Unreleased]');
  const versions = headings.slice(1).map((heading) => {
    const [, number, date] = /^\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$/.exec(heading) ?? [];
    expect(number, heading).toBeDefined();
    expect(new Date(date!).toISOString().slice(0, 10)).toBe(date);
    return number!;
  });
  expect(versions[0]).toBe(version);
  const sorted = [...versions].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  expect(versions).toEqual(sorted);
  const kinds = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
  for (const [, kind] of text.matchAll(/^### (.*)$/gm)) expect(kinds).toContain(kind);
});

test('a release takes what is unreleased, and there has to be something', () => {
  const one = '# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- It.\n\n## [0.1.0] - 2026-11-22\n';
  expect(released(one, '0.1.1', '2026-12-01')).toBe(
    '# Changelog\n\n## [Unreleased]\n\n## [0.1.1] - 2026-12-01\n\n### Fixed\n\n- It.\n\n## [0.1.0] - 2026-11-22\n',
  );
  expect(() => released(one, '0.1.0', '2026-12-01')).toThrow('has 0.1.0 already');
  expect(() => released(one.replace('### Fixed\n\n- It.\n', ''), '0.1.1', '2026-12-01')).toThrow('nothing');
});

test('npm version writes both, and commits them with a tag', () => {
  const folder = temporaryFolder('version');
  for (const name of ['package.json', 'package-lock.json', 'CHANGELOG.md', 'scripts'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const run = (command: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(command, words, { cwd: folder, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return stdout;
  };
  const changed = readFileSync(join(folder, 'CHANGELOG.md'), 'utf8').replace(
    /## \[Unreleased\]\n/,
    '$&\n### Fixed\n\n- A test.\n',
  );
  spawnSync('tee', [join(folder, 'CHANGELOG.md')], { input: changed });
  run('git', 'init', '--quiet');
  run('git', 'config', 'user.name', 'test');
  run('git', 'config', 'user.email', 'test@localhost');
  run('git', 'add', '.');
  run('git', 'commit', '--quiet', '-m', 'before');
  run('npm', 'version', 'minor');
  expect(run('git', 'tag')).toMatch(/^v\d+\.\d+\.0\n$/);
  expect(run('git', 'show', '--stat', 'HEAD')).toMatch(
    /CHANGELOG\.md[\s\S]*package-lock\.json[\s\S]*package\.json/,
  );
  const tag = run('git', 'tag').trim().slice(1);
  expect(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')).toMatch(
    new RegExp(`^## \\[${tag}\\] - \\d{4}-\\d\\d-\\d\\d\\n\\n### Fixed`, 'm'),
  );
});
