// `npm version patch|minor|major` runs this between writing the new version and committing it: what stands under Unreleased in
// CHANGELOG.md becomes that version, of today. It fails where nothing stands there.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, env } from 'node:process';
import { fileURLToPath } from 'node:url';

const HEADING = '## [Unreleased]';

/** The changelog with that version. Throws if nothing is unreleased, or the version is there.
 * @param {string} text @param {string} version @param {string} date YYYY-MM-DD @returns {string} */
export function released(text, version, date) {
  const at = text.indexOf(`${HEADING}\n`);
  if (at < 0) throw new Error(`CHANGELOG.md has no ${HEADING}`);
  if (text.includes(`## [${version}]`)) throw new Error(`CHANGELOG.md has ${version} already`);
  const behind = text.slice(at + HEADING.length);
  const [changes] = behind.split(/^## /m);
  if (changes?.trim() === '') throw new Error('CHANGELOG.md has nothing unreleased');
  return `${text.slice(0, at)}${HEADING}\n\n## [${version}] - ${date}${behind}`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'CHANGELOG.md');
  const version = env.npm_new_version;
  if (version === undefined) throw new Error('npm version runs this');
  writeFileSync(file, released(readFileSync(file, 'utf8'), version, new Date().toISOString().slice(0, 10)));
}
