// The licences of packages whose code is in our bundles. They ask for their text to go along with the code.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Licences that may be in here: permissive ones, which want no more than that their text goes along. */
const PERMISSIVE = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD'];

/** One text with all of them, sorted by name. Throws for a package without a text, or whose licence is none of the permissive.
 * @param {string} root the folder that the inputs are relative to @param {readonly string[]} inputs the files in the bundles
 * @returns {string} */
export function licences(root, inputs) {
  const folders = new Set(inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  return [...folders]
    .sort()
    .map((folder) => entry(join(root, folder)))
    .join('\n');
}

/** @param {string} folder */
function entry(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (!PERMISSIVE.includes(license)) throw new Error(`${name}: ${license} is not a licence to bundle`);
  const file = readdirSync(folder).find((one) => /^licen[cs]e([-.]|$)/i.test(one));
  if (file === undefined) throw new Error(`${name} comes without the text of its licence`);
  const text = readFileSync(join(folder, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text.replace(/^/gm, '    ').replace(/[ \t]+$/gm, '')}\n`;
}
