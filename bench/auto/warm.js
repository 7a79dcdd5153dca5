// `npm run bench:auto -- warm`: what a start costs whose answer is kept, beside the same start under the same policy as a file. Every
// round runs both right after each other, so that each difference is of one moment.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '..', '..', 'bin', 'sandbox-run.cjs');
/** Debian's programs and this Node, whatever else a user has in PATH. */
const PATH = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`;

/** In ms, the medians of `rounds` starts of each program: bare, under its policy as a file, under --auto, and how much the
 * last one takes longer than the one before. */
export function warmStarts(commands, rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-warm-'));
  try {
    const env = { PATH, HOME: folder, XDG_CACHE_HOME: folder };
    const run = (program, ...words) => {
      const result = spawnSync(program, words, { env, encoding: 'utf8', maxBuffer: 1 << 26 });
      if (result.status !== 0) throw new Error(`${program} ${words.join(' ')}: ${result.stderr}`);
      return result.stdout;
    };
    const starts = join(folder, 'starts');
    run('gcc', '-O2', '-o', starts, join(here, '..', 'native', 'starts.c'));
    return commands.map((command) => {
      const before = performance.now();
      const { policy } = JSON.parse(
        run(process.execPath, cli, '--auto', '--dry-run', '--json', '--', ...command),
      );
      const first = performance.now() - before;
      const file = join(folder, 'plain.policy');
      writeFileSync(file, policy);
      const words = [
        ['--', ...command],
        ['--', process.execPath, cli, '--policy', file, '---', ...command],
        ['--', process.execPath, cli, '--auto', '---', ...command],
      ];
      const times = run(starts, String(rounds), ...words.flat())
        .split('\n')
        // Among what the programs themselves print.
        .filter((line) => /^(\d+ ){2}\d+$/.test(line))
        .map((line) => line.split(' ').map((ns) => Number(ns) / 1e6));
      const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
      const [bare, plain, warm] = [0, 1, 2].map((column) => median(times.map((row) => row[column])));
      return {
        command: command.join(' '),
        first,
        bare,
        plain,
        warm,
        more: median(times.map((row) => row[2] - row[1])),
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints a table. */
export function warmTable() {
  const commands = [
    ['true'],
    ['ls', '/'],
    ['sort', '/etc/passwd'],
    ['curl', '--version'],
    ['python3', '-c', '0'],
    ['node', '-e', '0'],
  ];
  console.log('| | first start | bare | policy as a file | --auto, kept | more |\n|---|--:|--:|--:|--:|--:|');
  for (const { command, first, ...times } of warmStarts(commands, 21)) {
    const cells = ['bare', 'plain', 'warm', 'more'].map((name) => `${times[name].toFixed(1)} ms`);
    console.log(`| \`${command}\` | ${(first / 1000).toFixed(2)} s | ${cells.join(' | ')} |`);
  }
}
