// `analyze`: the policy that --auto would start a program under, with the reason for each call.

import { UsageError } from '../../errors.ts';
import { findProgram } from '../../launch/search.ts';
import { isSyscallName } from '../../linux/syscalls.ts';
import { printPolicy } from '../../policy/language/print.ts';
import { unbounded } from '../auto.ts';
import type { Command } from '../command.ts';
import { analysisOptions } from '../options.ts';
import { writeTo } from '../output.ts';
import { writeAll } from '../report.ts';

export const analyzeCommand: Command = {
  name: 'analyze',
  usage: 'PROGRAM [ARG…] [-o FILE] [--report FILE.html] [--why CALL]',
  help: 'Find out which calls a program and its libraries can make',
  options: [
    ...analysisOptions,
    { name: 'output', alias: 'o', value: 'FILE', completes: 'file', help: 'Write the policy there' },
    {
      name: 'report',
      value: 'FILE.html',
      completes: 'file',
      help: 'Write a page there to explore it: calls, files, and the way to each',
    },
    {
      name: 'why',
      value: 'CALL',
      completes: 'calls',
      help: 'Show the shortest way to each place that makes it',
    },
  ],
  operands: 'program',
  examples: [
    ['$0 analyze ls -o ls.policy', 'a policy file, one line for each call with the function that makes it'],
    ['$0 analyze ls --why socket', 'which functions lead to it'],
    ['$0 analyze ls --report ls.html', 'a page to explore all of it in a browser'],
  ],
  async run(words) {
    const [name, ...rest] = words.words;
    if (name === undefined)
      throw new UsageError('no program to analyse', { advice: 'for example: sandbox-run analyze ls' });
    // Loaded here, because the disassembler takes longer to load than most commands take.
    const { analyze } = await import('../../analysis/analyze.ts');
    const { policyOfAnalysis } = await import('../../analysis/policy.ts');
    const { printChain, whyCall } = await import('../../analysis/why.ts');
    const analysis = analyze({
      program: findProgram(Buffer.from(name)).toString(),
      words: rest,
      also: (words.also as readonly string[] | undefined) ?? [],
      plugins: (words.plugin as readonly string[] | undefined) ?? [],
      environment: process.env,
      namesOnly: words['names-only'] === true,
    });
    const found = policyOfAnalysis(analysis);
    const policy = printPolicy(found);
    if (words.strict === true && analysis.unknown.length > 0) {
      throw unbounded({
        policy,
        notices: analysis.notices,
        unknown: analysis.unknown.length,
        usesWords: analysis.usesWords,
      });
    }
    if (words.why !== undefined) {
      const call = words.why as string;
      if (!isSyscallName(call))
        throw new UsageError(`--why ${call}: there is no such call`, { advice: 'see sandbox-run syscalls' });
      const chains = whyCall(analysis, call);
      writeAll(
        1,
        words.json === true
          ? `${JSON.stringify(chains)}\n`
          : chains.length === 0
            ? `${call}: ${analysis.calls.has(call) ? 'permitted without a place in the code that makes it (see the notes of the policy)' : 'nothing that was found makes this call'}\n`
            : chains.map((chain) => `${call}:\n${printChain(chain)}\n`).join(''),
      );
      return chains.length > 0 || analysis.calls.has(call) ? 0 : 1;
    }
    if (words.report !== undefined) {
      const { reportData } = await import('../../analysis/report/data.ts');
      const { reportPage } = await import('../../analysis/report/html.ts');
      writeTo(words.report as string, reportPage(reportData(analysis, found)));
    }
    if (words.output !== undefined) writeTo(words.output as string, policy);
    else if (words.json !== true && words.report === undefined) writeAll(1, policy);
    if (words.json === true) {
      const { programs, notices, calls, execRefused, reach } = analysis;
      const files = reach.world.modules.map((one) => one.path);
      const { summaryOf } = await import('../../analysis/summary.ts');
      const summary = summaryOf(analysis);
      writeAll(
        1,
        `${JSON.stringify({ programs, files, calls: [...calls.keys()], ...summary, notices, execRefused, policy })}\n`,
      );
    }
    return 0;
  },
};
