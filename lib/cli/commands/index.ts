// The list of commands. A new one is a file beside this, a row here, and its name in options.ts (which the run path reads
// without loading any of them).

import type { Command } from '../command.ts';
import { intersect, merge, subtract } from './algebra.ts';
import { analyzeCommand } from './analyze.ts';
import { check } from './check.ts';
import { compileCommand } from './compile.ts';
import { completion } from './completion.ts';
import { convert } from './convert.ts';
import { diff, subset } from './diff.ts';
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { inspect } from './inspect.ts';
import { learn } from './learn.ts';
import { lint } from './lint.ts';
import { pack } from './pack.ts';
import { preload } from './preload.ts';
import { syscalls } from './syscalls.ts';

export const commands: readonly Command[] = [
  compileCommand,
  convert,
  check,
  explain,
  diff,
  subset,
  merge,
  intersect,
  subtract,
  inspect,
  lint,
  syscalls,
  doctor,
  learn,
  completion(() => commands),
  pack,
  preload,
  analyzeCommand,
];
