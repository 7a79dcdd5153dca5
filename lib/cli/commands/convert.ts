// `convert`: a policy of any format as another one. What the other one cannot say is told on standard error; where it would
// permit more, nothing is written unless --allow-loss says so.

import { basename } from 'node:path';
import { named } from '../../asking/named.ts';
import { UsageError } from '../../errors.ts';
import type { Abi } from '../../linux/abi.ts';
import { merge } from '../../policy/algebra/merge.ts';
import { parseStatement } from '../../policy/language/parse.ts';
import type { Command } from '../command.ts';
import { loadFormats } from '../files.ts';
import { policyOptions } from '../options.ts';
import { output } from '../output.ts';
import { writeAll } from '../report.ts';
import { policyFrom, servedAnywhere } from '../sources.ts';

/** Something that restricts was lost. */
const LOST = 3;

export const convert: Command = {
  name: 'convert',
  usage: '[FILE] --to FORMAT [-o FILE]',
  help: 'Write a policy in another format, and say what that cannot say',
  options: [
    ...policyOptions,
    {
      name: 'to',
      value: 'FORMAT',
      completes: 'formats',
      help: 'The format to write: docker, oci, systemd, minijail, bpf, policy …',
    },
    {
      name: 'output',
      alias: 'o',
      value: 'FILE',
      completes: 'file',
      help: 'Write there instead of to standard output',
    },
    { name: 'name', value: 'NAME', help: 'What to call the policy, where the format has names' },
    {
      name: 'with-runtime',
      help: "Permit as well what a container's runtime calls itself between the filter and the program",
    },
    { name: 'allow-loss', help: 'Write it even if it permits more than the policy does' },
  ],
  operands: 'policies',
  examples: [
    ['$0 convert docker.json --to policy -o app.policy', 'read a Docker profile'],
    ['$0 convert app.policy --to systemd', 'lines for a unit'],
    ['$0 convert app.policy --to kubernetes --with-runtime', 'a resource for the operator'],
  ],
  async run(words) {
    const [file, more] = words.words;
    if (more !== undefined) {
      throw new UsageError(`convert takes one file, not ${words.words.join(' ')}`, {
        advice: 'name several with --policy: they are merged',
      });
    }
    const { formatNamed, formats, runtimeCalls, writeAs } = await loadFormats();
    const to = words.to as string | undefined;
    if (to === undefined) {
      const names = formats.flatMap((one) => (one.write === undefined ? [] : [one.name]));
      throw new UsageError('convert to what?', { advice: `give --to ${names.join(', --to ')}` });
    }
    const format = formatNamed(to, 'write');
    const asked = policyFrom(
      file === undefined ? words : { ...words, policy: [file, ...(words.policy ?? [])] },
      file === undefined ? process.env : {},
    );
    const policy =
      words['with-runtime'] === true
        ? merge([asked, parseStatement(`allow ${runtimeCalls.join(', ')}`, '--with-runtime')])
        : asked;
    const served = servedAnywhere(words, policy) as readonly [Abi, ...Abi[]];
    const name = (words.name as string | undefined) ?? nameOf(file ?? words.policy?.[0]);
    // Our own language is for people.
    const said = to === 'policy' ? named(policy, served) : policy;
    const { text, lost } = writeAs(format, said, { name, abis: served });
    for (const { what, restricts } of lost) {
      writeAll(
        2,
        words.json === true
          ? `${JSON.stringify({ lost: what, restricts })}\n`
          : `sandbox-run: ${restricts ? 'lost' : 'changed'}: ${what}\n`,
      );
    }
    if (lost.some((one) => one.restricts) && words['allow-loss'] !== true) {
      writeAll(
        2,
        `sandbox-run: ${to} would permit more than the policy; nothing was written\n  --allow-loss writes it all the same\n`,
      );
      return LOST;
    }
    output(words, text);
    return 0;
  },
};

function nameOf(file: string | undefined): string {
  const name = file === undefined ? '' : basename(file).replace(/\.[^.]*$/, '');
  return name === '' ? 'sandbox' : name;
}
