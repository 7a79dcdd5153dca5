// The analysis behind --auto. Loaded only where no answer is kept.

import { isatty } from 'node:tty';
import { analyze } from '../analysis/analyze.ts';
import { type Answer, type Question, remember } from '../analysis/cache.ts';
import { policyOfAnalysis } from '../analysis/policy.ts';
import { printPolicy } from '../policy/language/print.ts';
import { writeAll } from './report.ts';

/** Analyses a program, and keeps the answer. */
export function answer(question: Question, version: string): Answer {
  const start = Date.now();
  const showsProgress = isatty(2);
  const progress = (text: string) => writeAll(2, `\r\u001b[Ksandbox-run: analysing: ${text}`);
  try {
    const analysis = analyze({ ...question, ...(showsProgress ? { progress } : {}) });
    const found: Answer = {
      policy: printPolicy(policyOfAnalysis(analysis)),
      notices: analysis.notices,
      unknown: analysis.unknown.length,
      // A relative name means another file elsewhere.
      usesWords:
        analysis.usesWords || [...analysis.files, ...analysis.texts].some((path) => !path.startsWith('/')),
    };
    remember(question, version, found, { start, files: analysis.files, texts: analysis.texts });
    return found;
  } finally {
    if (showsProgress) writeAll(2, '\r\u001b[K');
  }
}
