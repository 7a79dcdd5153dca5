// What `learn` writes: the policy and the recording, each whole or not at all.

import { existsSync, readFileSync } from 'node:fs';
import { parsePolicy } from '../policy/language/parse.ts';
import { learnPolicy } from '../supervise/learn.ts';
import { newUses, printRecording, type Recording } from '../supervise/recording.ts';
import type { Writes } from '../supervise/wire.ts';
import { writeWhole } from '../whole.ts';
import { writeAll } from './report.ts';

/** Writes what was asked for, and says on standard error what it is unsure of. Without a file the policy goes to descriptor
 * `fd`: a watcher has no standard output, that is the program's. */
export function writeLearnt(
  recordings: readonly Recording[],
  writes: Writes,
  fd: 1 | 2,
  quiet: boolean,
): void {
  const { output, record } = writes;
  if (record !== undefined) writeWhole(record, recordings.map(printRecording).join(''));
  if (output === undefined && record !== undefined) return;
  const before =
    output !== undefined && writes.merge && existsSync(output) ? readFileSync(output, 'utf8') : undefined;
  const learnt = learnPolicy(recordings, {
    namesOnly: writes.namesOnly,
    ...(before === undefined
      ? {}
      : { onto: { text: before, policy: parsePolicy(before, { file: output! }) } }),
  });
  if (output === undefined) writeAll(fd, learnt.text);
  else writeWhole(output, learnt.text);
  if (quiet) return;
  if (output !== undefined) writeAll(2, `sandbox-run: learnt ${output}\n`);
  for (const doubt of learnt.doubts) writeAll(2, `  ${doubt}\n`);
}

/** What each recording brought that the ones before it had not. */
export function stabilityText(recordings: readonly Recording[]): string {
  return newUses(recordings)
    .map((news, index) => {
      const calls = [...new Set(news.map((row) => row.call))].sort();
      const command = recordings[index]!.command.join(' ');
      const which =
        calls.length === 0
          ? ''
          : `: ${calls.slice(0, 12).join(', ')}${calls.length > 12 ? ` and ${calls.length - 12} more` : ''}`;
      return `run ${index + 1} (${command}): ${news.length} new uses of ${calls.length} calls${which}\n`;
    })
    .join('');
}
