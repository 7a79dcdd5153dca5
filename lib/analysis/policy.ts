// What an analysis found, as a policy: one statement for each call, with the place in the code that makes it.

import { emptyPolicy, type Policy, type Statement } from '../policy/model.ts';
import { type Analysis, labelOf, WIDE } from './analyze.ts';

/** The whole process, from exec on: what runs before main is in it. */
export function policyOfAnalysis(analysis: Analysis): Policy {
  const statements: Statement[] = [...analysis.calls].map(([name, site], index) => ({
    action: { kind: 'allow' },
    calls: [{ target: { kind: 'name', name } }],
    note: `${site === undefined ? reasonWithout(name) : labelOf(site.module, site.address)}`,
    ...(index === 0 ? { comments: head(analysis) } : {}),
  }));
  const refused: readonly Statement[] = analysis.execRefused
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
