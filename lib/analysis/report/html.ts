// The report as one page that needs nothing else: no script, style, font or image from outside, so that it opens from a file,
// in a locked-down browser, and years later. The data is JSON in an element that is not executed, and everything that came out
// of a file (names above all) is put on the page as text and never as markup. The page's own policy (CSP) permits exactly its
// one script and its one style, by their hashes.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReportData } from './data.ts';

export function reportPage(data: ReportData): string {
  const style = partOf('page.css');
  const script = partOf('page.js');
  const policy = `default-src 'none'; script-src '${digest(script)}'; style-src '${digest(style)}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(data.program)}: what it can ask of the kernel</title>
<style>${style}</style>
</head>
<body>
<noscript><p>This page needs its script to be explored; this is the policy.</p><pre>${escaped(data.policy)}</pre></noscript>
<script type="application/json" id="data">${json(data)}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** A file beside this one, or, seen from a bundle, in the build's folder. Neither contains an end tag of its element. */
function partOf(name: string): string {
  // In a CommonJS bundle there is no import.meta.url, in an ES module no __filename.
  const here = dirname(typeof __filename === 'string' ? __filename : fileURLToPath(import.meta.url));
  const beside = join(here, name);
  const path = existsSync(beside) ? beside : join(here, 'report', name);
  const text = readFileSync(path, 'utf8');
  if (/<\/(script|style)/i.test(text)) throw new Error(`${name} would end its own element`);
  return text;
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
}

/** JSON in which nothing can be read as markup: neither an end tag nor the opening of a comment. */
function json(data: ReportData): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
