// An analysis in figures: how many arguments are held to values, whether memory can be made executable, and what is not known.

import { abis } from '../linux/abi.ts';
import { type Analysis, labelOf } from './analyze.ts';
import { type ArgumentCount, countArguments, mapsExecutable } from './arguments.ts';

export interface Summary {
  /** Arguments of all permitted calls. */
  readonly arguments: ArgumentCount;
  /** Whether it can have memory made executable: a dynamic program maps its libraries so before main. */
  readonly mapsExecutable: boolean;
  /** Arguments that are asked for and can be anything, each with the first place where it was lost. */
  readonly open: readonly { readonly call: string; readonly argument: string; readonly why: string }[];
}

const abi = abis.x86_64;

export function summaryOf(analysis: Pick<Analysis, 'calls' | 'arguments'>): Summary {
  const names = new Set(analysis.calls.keys());
  const open = [...analysis.arguments].flatMap(([call, { asked, contexts }]) =>
    asked.flatMap(({ parameter }, at) => {
      const why = contexts.map((one) => one.lost[at]).find((one) => one !== undefined);
      if (why === undefined) return [];
      return [
        {
          call,
          argument: parameter.names[0]!,
          why: `${why.why} at ${labelOf(why.module, why.address)}`,
        },
      ];
    }),
  );
  return {
    arguments: countArguments(names, analysis.arguments, abi),
    mapsExecutable: mapsExecutable(names, analysis.arguments, abi),
    open,
  };
}
