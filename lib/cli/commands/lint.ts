// `lint`: what is risky about a policy, with the fix.

import { type Finding, lint as findRisks } from '../../asking/lint/lint.ts';
import { sarif } from '../../asking/lint/sarif.ts';
import { UsageError } from '../../errors.ts';
import type { Policy } from '../../policy/model.ts';
import type { Command, CommandWords } from '../command.ts';
import { policyOptions } from '../options.ts';
import { writeAll } from '../report.ts';
import { policyFrom, servedAnywhere } from '../sources.ts';
import { policyOf, readSubject } from '../subjects.ts';
import { version } from '../version.ts';

export const lint: Command = {
  name: 'lint',
  usage: '[FILE | pid:1234] [policy options] [--json | --sarif]',
  help: 'Name the risks of a policy, each with a rule and a fix; exit with 1 if there is more than notes',
  options: [...policyOptions, { name: 'sarif', help: 'Print SARIF 2.1.0, for code scanning' }],
  operands: 'policies',
  examples: [
    ['$0 lint app.policy', 'risks, rule by rule'],
    ['$0 lint docker.json --sarif > lint.sarif', 'for a code scanner'],
  ],
  async run(words) {
    const { policy, name, warnings } = await subjectOf(words);
    const findings = findRisks(policy, servedAnywhere(words, policy), warnings);
    if (words.sarif === true) writeAll(1, `${JSON.stringify(sarif(findings, name, version()))}\n`);
    else if (words.json === true) writeAll(1, `${JSON.stringify(findings.map(asJson))}\n`);
    else writeAll(1, findings.map(text).join('') || 'nothing found\n');
    return findings.some(({ level }) => level !== 'note') ? 1 : 0;
  },
};

async function subjectOf(
  words: CommandWords,
): Promise<{ policy: Policy; name: string; warnings: readonly string[] }> {
  const [word, more] = words.words;
  if (more !== undefined) {
    throw new UsageError(`lint takes one policy, not ${words.words.join(' ')}`, {
      advice: 'name several with --policy: they are merged',
    });
  }
  if (word === undefined) {
    return {
      policy: policyFrom(words, process.env),
      name: words.policy?.[0] ?? 'the command line',
      warnings: [],
    };
  }
  const warnings: string[] = [];
  const subject = await readSubject(word, words, (warning) => warnings.push(warning));
  return { policy: policyOf(subject, words), name: word, warnings };
}

function where({ origin }: Finding): string {
  const place = origin?.place;
  return place === undefined ? '' : `${place.file}:${place.line}: `;
}

function text(finding: Finding): string {
  const { rule, level, message, fix, calls } = finding;
  const about = calls.length === 0 ? '' : `  about: ${calls.join(', ')}\n`;
  return `${where(finding)}${level}: ${message} [${rule}]\n${about}  fix: ${fix}\n`;
}

function asJson({ origin, ...finding }: Finding) {
  const place = origin?.place;
  return {
    ...finding,
    ...(origin === undefined ? {} : { source: origin.source }),
    ...(place === undefined ? {} : { file: place.file, line: place.line, column: place.column }),
  };
}
