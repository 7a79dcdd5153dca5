// Policies from programs: from their code, and from what runs of them did; and what the machine offers to them.

import { resolve } from 'node:path';
import { nativeAbi } from '../launch/machine.ts';
import { findProgram } from '../launch/search.ts';
import { addonForNode } from '../node/launcher.ts';
import type { Policy } from '../policy/model.ts';
import { type Facts, gatherFacts } from '../supervise/facts.ts';
import { type Learnt, learnPolicy } from '../supervise/learn.ts';
import { parseRecordings } from '../supervise/recording.ts';
import { parsePolicy } from './policies.ts';

export interface AnalyzeOptions {
  /** The words that it would be started with: programs among them may be executed. */
  readonly args?: readonly string[];
  /** Programs that it may execute (names or paths), and `@shell-utils`. */
  readonly also?: readonly string[];
  /** Libraries that it may load while it runs. */
  readonly plugins?: readonly string[];
  /** Its environment; this process's if not given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Plain names, without what is known of the arguments. */
  readonly namesOnly?: boolean;
}

/** A step on the way to a call. */
export interface Step {
  readonly file: string;
  /** The function or the piece of data. */
  readonly label: string;
  /** The linked address. */
  readonly address: number;
}

export interface Analyzed {
  readonly policy: Policy;
  /** The programs whose code is in it, the one asked for first; and all files that were read as code. */
  readonly programs: readonly string[];
  readonly files: readonly string[];
  /** Names of calls that its code can make. */
  readonly calls: readonly string[];
  /** What could not be known, and was widened: one sentence each. */
  readonly notices: readonly string[];
  /** Whether some number of a call could not be bounded; the policy then permits `@system-service`. */
  readonly isBounded: boolean;
  /** The shortest way to each place that makes a call, shortest first; none where it is permitted without such a place. */
  why(call: string): readonly { readonly root: string; readonly steps: readonly Step[] }[];
}

/** Which calls a program and its libraries can make, by reading their code (x86-64). Takes from tenths of a second to some seconds, in this
 * thread. A promise, because the disassembler is loaded on first use.
 * Rejects with LaunchError where there is no such program, SandboxError for a file that is no program of this machine. */
export async function analyze(program: string, options: AnalyzeOptions = {}): Promise<Analyzed> {
  const path = resolve(findProgram(Buffer.from(program)).toString());
  const [{ analyze: analyzeCode }, { policyOfAnalysis }, { whyCall }] = await Promise.all([
    import('../analysis/analyze.ts'),
    import('../analysis/policy.ts'),
    import('../analysis/why.ts'),
  ]);
  const analysis = analyzeCode({
    program: path,
    words: options.args ?? [],
    also: options.also ?? [],
    plugins: options.plugins ?? [],
    environment: options.env ?? process.env,
    ...(options.namesOnly === true ? { namesOnly: true } : {}),
  });
  return {
    policy: policyOfAnalysis(analysis),
    programs: analysis.programs,
    files: analysis.reach.world.modules.map((one) => one.path),
    calls: [...analysis.calls.keys()],
    notices: analysis.notices,
    isBounded: analysis.unknown.length === 0,
    why: (call) => whyCall(analysis, call).map(({ root, links }) => ({ root, steps: links })),
  };
}

/** A policy that permits what recorded runs did (the texts of files that `sandbox-run learn --record` wrote). `onto` is a policy's text that is to
 * be added to; its comments stay. Throws SandboxError for a text that is no recording. */
export function learn(
  recordings: readonly string[],
  options: { readonly namesOnly?: boolean; readonly onto?: string } = {},
): Learnt {
  const runs = recordings.flatMap((text, index) => parseRecordings(text, `recording ${index + 1}`));
  const { namesOnly = false, onto } = options;
  return learnPolicy(runs, {
    namesOnly,
    ...(onto === undefined ? {} : { onto: { text: onto, policy: parsePolicy(onto) } }),
  });
}

/** What this kernel, container and process offer to a sandbox: each thing is tried in a child. Takes some milliseconds; needs the native part.
 * Throws LaunchError where that is not built. */
export function doctor(): Facts {
  return gatherFacts(addonForNode(), nativeAbi());
}
