// The manual page sandbox-run-policy(5): docs/policy-language.md, whose examples are run by a test, in the man(7) language. It knows
// the Markdown of that page: headings, fenced blocks, lists, paragraphs; bold, code and links within them. A table stays as it is.

import { type Edition, finished, line, lines, section, titled, verbatim } from './roff.ts';

/** The page's source. `markdown`: the document, whose first line is its title. */
export function languagePage(markdown: string, edition: Edition): string {
  const [title, ...rest] = markdown.split('\n');
  if (!title?.startsWith('# ')) throw new Error('the document has no title');
  return finished([
    ...titled('sandbox-run-policy', 5, edition, 'File Formats'),
    ...section('NAME', 'sandbox-run-policy - the policy language of sandbox-run'),
    '.SH DESCRIPTION',
    ...blocks(rest).flatMap(blockOf),
    ...section('SEE ALSO'),
    '.BR sandbox\\-run (1),',
    '.BR seccomp (2)',
  ]);
}

/** Paragraphs, list entries, headings and fenced blocks, each as its lines. */
function blocks(all: readonly string[]): readonly (readonly string[])[] {
  const found: string[][] = [];
  let fenced = false;
  let ended = true;
  for (const one of all) {
    if (one.startsWith('```')) {
      if (!fenced) found.push([]);
      fenced = !fenced;
      found.at(-1)!.push(one);
      ended = true;
    } else if (fenced) found.at(-1)!.push(one);
    else if (one.trim() === '') ended = true;
    else if (ended || /^(- |#)/.test(one)) {
      found.push([one]);
      ended = one.startsWith('#');
    } else found.at(-1)!.push(one);
  }
  return found;
}

function blockOf(block: readonly string[]): readonly string[] {
  const [first] = block as [string];
  if (first.startsWith('```')) return verbatim(block.slice(1, -1));
  if (first.startsWith('## ')) return [`.SH ${line(first.slice(3).toUpperCase())}`];
  if (first.startsWith('### ')) return [`.SS ${line(first.slice(4))}`];
  if (first.startsWith('|')) return verbatim(block);
  const text = plain(block.map((one) => one.trim()).join(' '));
  return first.startsWith('- ') ? ['.IP \\(bu 2', ...lines(text.slice(2))] : ['.P', ...lines(text)];
}

/** Without the marks: what is code or bold is recognised by what it is, and links lead nowhere on paper. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/`([^`]*)`/g, '$1')
    .replace(/\*\*([^*]*)\*\*/g, '$1');
}
