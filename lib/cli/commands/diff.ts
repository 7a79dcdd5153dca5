// `diff`: what one policy permits that another one does not, exactly. `subset`: whether nothing is lost.

import { difference, lostFrom } from '../../asking/difference.ts';
import { changesAsJson, changesText } from '../changes.ts';
import type { Command, CommandWords } from '../command.ts';
import { wantedAbis } from '../machine.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { abiOf, readingOptions, readTwo } from '../subjects.ts';
import { isRecording, tellUnseen } from '../unseen.ts';

export const diff: Command = {
  name: 'diff',
  usage: 'A B | POLICY RECORDING… [--exit-code]',
  help: 'Say exactly which calls two policies answer differently, or what runs never did of a policy',
  options: [...readingOptions(policyOptions), { name: 'exit-code', help: 'Exit with 1 if they differ' }],
  operands: 'policies',
  examples: [
    ['$0 diff old.policy new.policy', 'what a change permits, call by call and argument by argument'],
    ['$0 diff docker.json pid:1234', 'what a profile says, and what a process really has'],
    ['$0 diff app.policy app.rec', 'what the policy permits and a recorded run (learn --record) never did'],
  ],
  async run(words) {
    if (words.words.some(isRecording)) return tellUnseen(words);
    const [a, b] = await readTwo(words, 'diff');
    const found = difference(a, b, optionsOf(words));
    const isEqual = found.changes.length === 0 && found.elsewhere === undefined;
    if (words.json === true) writeAll(1, `${JSON.stringify(changesAsJson(found))}\n`);
    else writeAll(1, changesText(found, a.name, b.name, abiOf(words)));
    return isEqual || words['exit-code'] !== true ? 0 : 1;
  },
};

export const subset: Command = {
  name: 'subset',
  usage: 'A B',
  help: 'Exit with 0 if everything that A permits B permits as well',
  options: readingOptions(policyOptions),
  operands: 'policies',
  examples: [
    ['$0 subset new.policy approved.policy', 'a gate: 1 and the calls that were added, if any'],
    ['$0 subset app.policy docker.json', 'whether a container of Docker permits all of it'],
  ],
  async run(words) {
    const [a, b] = await readTwo(words, 'subset');
    const lost = lostFrom(a, b, optionsOf(words));
    const isSubset = lost.changes.length === 0 && lost.elsewhere === undefined;
    if (words.json === true) writeAll(1, `${JSON.stringify({ subset: isSubset, ...changesAsJson(lost) })}\n`);
    else if (!isSubset) writeAll(1, changesText(lost, a.name, b.name, abiOf(words)));
    return isSubset ? 0 : 1;
  },
};

function optionsOf(words: CommandWords) {
  const asked = wantedAbis(words);
  return { native: abiOf(words), ...(asked === undefined ? {} : { abis: asked }) };
}
