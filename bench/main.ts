// The bench: says on what it runs, looks for what it needs, and prints section after section.

import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import type { Places } from './section.ts';
import { sections } from './sections/index.ts';

/** `words`: names of sections; all if there are none. Gives the exit status. */
export async function main(words: readonly string[], places: Places): Promise<number> {
  const unknown = words.find((word) => !sections.some((section) => section.name === word));
  if (unknown !== undefined) {
    process.stderr.write(
      `bench: there is no section ${unknown}\n  ${sections.map((one) => one.name).join(', ')}\n`,
    );
    return 1;
  }
  const chosen = sections.filter((section) => words.length === 0 || words.includes(section.name));
  const missing = new Set(
    chosen.flatMap((section) => section.needs.filter((need) => !need.isThere()).map((need) => need.package)),
  );
  if (missing.size > 0) {
    process.stderr.write(`bench: Debian packages are missing\n  apt-get install ${[...missing].join(' ')}\n`);
    return 1;
  }
  process.stdout.write(`# sandbox-run, measured ${new Date().toISOString().slice(0, 10)}\n\n${machine()}\n`);
  for (const section of chosen) {
    process.stdout.write(`\n## ${section.title}\n\n`);
    process.stdout.write(`${(await section.run(places)).trimEnd()}\n`);
  }
  return 0;
}

function machine(): string {
  const processors = cpus();
  const system = /^PRETTY_NAME="(.*)"$/m.exec(read('/etc/os-release'))?.[1] ?? 'Linux';
  return `${system}, Linux ${release()}, Node ${process.version}, ${processors.length} × ${processors[0]?.model.trim() || process.arch}`;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
