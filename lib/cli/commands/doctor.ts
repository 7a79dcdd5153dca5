// `doctor`: what this kernel and container offer, and what follows from it for each way of using this tool.

import { loadAddon } from '../../native.ts';
import { type Facts, foreignAbis, gatherFacts } from '../../supervise/facts.ts';
import type { Command } from '../command.ts';
import { writeAll } from '../report.ts';
import { nativeAbi } from '../sources.ts';

export const doctor: Command = {
  name: 'doctor',
  usage: '[--json]',
  help: 'Say what this kernel and container offer, and what works here',
  options: [],
  examples: [
    ['$0 doctor', 'before you wonder why something is refused'],
    ['$0 doctor --json', 'the same for a script'],
  ],
  run(words) {
    const facts = gatherFacts(loadAddon(), nativeAbi());
    const verdicts = verdictsOf(facts);
    writeAll(1, words.json === true ? `${JSON.stringify({ ...facts, verdicts })}\n` : text(facts, verdicts));
    return verdicts.every((one) => one.works || !one.needed) ? 0 : 1;
  },
};

interface Verdict {
  readonly mode: string;
  readonly works: boolean;
  /** Without it nothing can be run. */
  readonly needed: boolean;
  readonly why: string;
}

/** What follows, one row for each mode. */
function verdictsOf(facts: Facts): readonly Verdict[] {
  const wrong = facts.actions.filter((one) => !one.right);
  const refusing = wrong.filter((one) => ['kill', 'errno'].includes(one.action));
  const yama = facts.yama ?? 0;
  const canTrace =
    facts.ptrace === 'yes' && (yama < 2 || facts.capabilities.includes('CAP_SYS_PTRACE')) && yama < 3;
  return [
    {
      mode: 'sandbox-run PROGRAM',
      works: refusing.length === 0,
      needed: true,
      why:
        wrong.length === 0
          ? 'all actions do what they should'
          : `these actions do not do what they should: ${wrong.map((one) => `${one.action} (${one.happened})`).join(', ')}`,
    },
    {
      mode: '--explain',
      works: facts.listener === 'yes',
      needed: false,
      why:
        facts.listener === 'yes'
          ? !canTrace
            ? 'a listener works; programs cannot be traced, so kill-thread and trap are not told'
            : yama === 0 || facts.capabilities.includes('CAP_SYS_PTRACE')
              ? 'a listener works; texts in the memory of the program can be shown'
              : 'a listener works; Yama hides child processes: their texts are shown as addresses, kill-thread and trap are not told'
          : facts.listener === 'EBUSY'
            ? 'an outer filter has a listener, and there can be one: the policy applies, unexplained'
            : `no listener (${facts.listener}): the policy applies, unexplained; it takes Linux 5.0`,
    },
    {
      mode: '--at entry, --at main',
      works: canTrace,
      needed: false,
      why: canTrace
        ? 'a program can be stopped there'
        : `tracing is refused (${canTraceNot(facts)}): only --at exec`,
    },
    {
      mode: 'learn',
      works: canTrace,
      needed: false,
      why: canTrace
        ? 'a program can be traced'
        : facts.ptrace === 'yes'
          ? `Yama forbids it (ptrace_scope ${yama}); as root: sysctl kernel.yama.ptrace_scope=1`
          : `tracing is refused (${facts.ptrace}): an outer sandbox has to allow ptrace; learn --fast may work`,
    },
  ];
}

const canTraceNot = ({ ptrace, yama }: Facts) => (ptrace === 'yes' ? `Yama, ptrace_scope ${yama}` : ptrace);

function text(facts: Facts, verdicts: readonly Verdict[]): string {
  const yes = (value: boolean) => (value ? 'yes' : 'no');
  const rows: readonly (readonly [string, string])[] = [
    ['kernel', facts.kernel],
    [
      'actions',
      facts.actions
        .map(
          (one) => `${one.action}${one.right ? '' : ` (${one.known ? 'known, but ' : ''}${one.happened}!)`}`,
        )
        .join(', '),
    ],
    [
      'flags',
      Object.entries(facts.flags)
        .map(([name, has]) => `${name} ${yes(has)}`)
        .join(', '),
    ],
    ['user notification', facts.listener],
    ['fast path for plain allows', facts.bitmap ? 'yes (Linux 5.11)' : 'no: every call runs the filter'],
    ['filters on this process', facts.filters === undefined ? 'not known' : String(facts.filters)],
    ['no_new_privs already', yes(facts.noNewPrivileges)],
    ['tracing', facts.ptrace],
    ['Yama ptrace_scope', facts.yama === undefined ? 'no Yama' : String(facts.yama)],
    ['lockdown, LoadPin', `${facts.lockdown ?? 'none'}, ${facts.loadPin ? 'enforced' : 'none'}`],
    ['Landlock', facts.landlock === 0 ? 'none' : `version ${facts.landlock}`],
    [
      'other ABIs',
      foreignAbis(facts)
        .map((abi) => abi.name)
        .join(', ') || 'none',
    ],
    [
      'user',
      `${facts.user}, ${facts.capabilities.length === 0 ? 'no capabilities' : `${facts.capabilities.length} capabilities`}`,
    ],
    [
      'process',
      `${facts.pid}${facts.pid === 1 ? ' (init of its PID namespace)' : ''}${facts.tracer === 0 ? '' : `, traced by ${facts.tracer}`}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const modes = Math.max(...verdicts.map((one) => one.mode.length));
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    '',
    'What follows:',
    ...verdicts.map(
      (one) => `  ${one.mode.padEnd(modes)}  ${one.works ? 'works' : 'does not work'}: ${one.why}`,
    ),
    ...notes(facts).map((note) => `  ${note}`),
    '',
  ].join('\n');
}

function notes(facts: Facts): readonly string[] {
  const found: string[] = [];
  const others = foreignAbis(facts).map((abi) => abi.name);
  if (others.length > 0)
    found.push(
      `Programs can call through ${others.join(' and ')}: a policy refuses that unless it lists them (--abi).`,
    );
  if ((facts.filters ?? 0) > 0)
    found.push(`${facts.filters} filters apply to this process already; the stricter answer counts.`);
  if (facts.pid === 1)
    found.push(
      'As PID 1 a watcher (--explain, learn) is a child of the program, which its waits do not see.',
    );
  found.push(
    "Signals that were ignored or blocked when Node started are not restored; everything else is (README, 'Limits').",
  );
  return found;
}
