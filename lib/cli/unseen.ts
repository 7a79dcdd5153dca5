// `diff POLICY RECORDING…`: what the policy permits and the recorded runs never did, for people and for machines.

import { readFileSync } from 'node:fs';
import { type Unseen, unseen } from '../asking/unseen.ts';
import { UsageError } from '../errors.ts';
import { abis } from '../linux/abi.ts';
import { parseRecordings } from '../supervise/recording.ts';
import type { CommandWords } from './command.ts';
import { writeAll } from './report.ts';
import { abiOf, policyOf, readSubject } from './subjects.ts';

/** Whether a word names a recording (learn --record). */
export function isRecording(word: string): boolean {
  try {
    return readFileSync(word).subarray(0, 16).toString('latin1').startsWith('{"recording":');
  } catch {
    return false;
  }
}

/** 1 with --exit-code where something permitted was never seen, or something seen is not permitted. */
export async function tellUnseen(words: CommandWords): Promise<number> {
  const [first, ...files] = words.words;
  const other = [first, ...files].find(
    (word, index) => word !== undefined && isRecording(word) !== index > 0,
  );
  if (first === undefined || other !== undefined) {
    throw new UsageError(`diff compares one policy with recordings, and ${other} is not in its place`, {
      advice: 'sandbox-run diff POLICY RECORDING…: the policy first',
    });
  }
  const policy = policyOf(await readSubject(first, words), words);
  const recordings = files.flatMap((file) => [...parseRecordings(readFileSync(file, 'utf8'), file)]);
  const found = unseen(policy, recordings, abis[abiOf(words)]);
  const runs = files.length === 1 ? files[0]! : `${files.length} recordings`;
  writeAll(1, words.json === true ? `${JSON.stringify(found)}\n` : unseenText(found, first, runs));
  const isEqual = found.never.length + found.partly.length + found.beyond.length === 0;
  return isEqual || words['exit-code'] !== true ? 0 : 1;
}

const MOST_USES = 6;

function unseenText(found: Unseen, policy: string, runs: string): string {
  const section = (heading: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`${heading}:\n${lines.map((line) => `  ${line}\n`).join('')}`];
  const uses = (seen: readonly string[]) =>
    seen.length > MOST_USES
      ? [...seen.slice(0, MOST_USES), `and ${seen.length - MOST_USES} other uses`].join('; ')
      : seen.join('; ');
  return [
    ...section(
      `${policy} permits, ${runs} never made (${found.never.length} of ${found.permitted} calls)`,
      wrapped(found.never),
    ),
    ...section(
      `${policy} permits, ${runs} made only in part`,
      found.partly.flatMap(({ call, when, seen }) => [
        `${call}(${when})`,
        ...(seen.length === 0 ? [] : [`    seen: ${uses(seen)}`]),
      ]),
    ),
    ...section(
      `${policy} permits with any arguments, ${runs} made so`,
      found.free.map(({ call, seen }) => `${call}: ${uses(seen)}`),
    ),
    ...section(
      `${runs} made, ${policy} does not permit`,
      found.beyond.map(({ call, seen }) => (seen.length === 0 ? call : `${call}: ${uses(seen)}`)),
    ),
    ...section('Left out of the recording (learn --all records them)', wrapped(found.notRecorded)),
  ].join('\n');
}

function wrapped(names: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length < 96) lines[lines.length - 1] = `${last}, ${name}`;
    else lines.push(name);
  }
  return lines;
}
