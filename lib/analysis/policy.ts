// What an analysis found, as a policy: one statement for each call, or for each group of its uses that belong together, with
// the place in the code that makes it and the place that its arguments come from.

import { abis } from '../linux/abi.ts';
import { emptyPolicy, type Policy, type Statement } from '../policy/model.ts';
import { type Analysis, labelOf, WIDE } from './analyze.ts';
import { type Use, usesOf } from './conditions.ts';
import type { ArgumentContext, CallArguments } from './values/contexts.ts';
import type { CallSite } from './values/numbers.ts';

const abi = abis.x86_64;

/** What holds from exec on, and as its phase of main what still holds from there. */
export function policyOfAnalysis(analysis: Analysis): Policy {
  const whole = phaseOf(analysis, analysis.execRefused, head(analysis));
  return analysis.main === undefined
    ? whole
    : { ...whole, main: phaseOf(analysis.main, analysis.execRefused, []) };
}

function phaseOf(
  phase: Pick<Analysis, 'calls' | 'arguments'>,
  isExecRefused: boolean,
  comments: readonly string[],
): Policy {
  const statements: Statement[] = [...phase.calls]
    .flatMap(([name, site]) => statementsOf(name, site, phase.arguments.get(name)))
    .map((one, index) => (index === 0 && comments.length > 0 ? { ...one, comments } : one));
  const refused: readonly Statement[] = isExecRefused
    ? [
        {
          action: { kind: 'errno', errno: 'EACCES' },
          calls: ['execve', 'execveat'].map((name) => ({ target: { kind: 'name', name } })),
          note: 'it can execute programs, and none was named',
        },
      ]
    : [];
  return { ...emptyPolicy, default: { kind: 'kill' }, statements: [...statements, ...refused] };
}

function statementsOf(
  name: string,
  site: CallSite | undefined,
  known: CallArguments | undefined,
): readonly Statement[] {
  const place = site === undefined ? reasonWithout(name) : labelOf(site.module, site.address);
  const uses: readonly Use[] = known === undefined ? [] : usesOf(known, abi);
  if (known === undefined || uses.length === 0)
    return [{ action: { kind: 'allow' }, calls: [{ target: { kind: 'name', name } }], note: place }];
  return uses.map(({ when, contexts }) => ({
    action: { kind: 'allow' },
    calls: [{ target: { kind: 'name', name }, ...(when === undefined ? {} : { when }) }],
    note: noteOf(known, contexts),
  }));
}

/** Which function makes the call, where the values come from, and where they are lost. */
function noteOf({ asked }: CallArguments, contexts: readonly ArgumentContext[]): string {
  const [first] = contexts;
  if (first === undefined) return '';
  const place = labelOf(first.site.module, first.site.address);
  const from = labelOf(first.from.module, first.from.address);
  const lost = asked.flatMap(({ parameter }, at) => {
    const why = contexts.map((one) => one.lost[at]).find((one) => one !== undefined);
    return why === undefined
      ? []
      : [`${parameter.names[0]} is not known: ${why.why} at ${labelOf(why.module, why.address)}`];
  });
  const others = new Set(contexts.map((one) => `${one.from.module.index} ${one.from.address}`)).size - 1;
  return [
    `${place}${from === place ? '' : `, from ${from}`}${others > 0 ? ` and ${others} more` : ''}`,
    ...lost,
  ].join('; ');
}

function reasonWithout(name: string): string {
  return name === 'restart_syscall'
    ? 'the kernel itself, after a signal'
    : `not known to be used: ${WIDE}, for a number that is not known`;
}

function head(analysis: Analysis): readonly string[] {
  return [
    `What ${analysis.programs[0]} can ask of the kernel, found by analysis`,
    ...analysis.notices.map((one) => `note: ${one}`),
  ];
}
