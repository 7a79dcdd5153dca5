// An analysis in figures: how many arguments are held to values, what memory can be made executable, and what is not known.

import { abis } from '../linux/abi.ts';
import { type Analysis, labelOf } from './analyze.ts';
import { type ArgumentCount, countArguments } from './values/arguments.ts';
import { executableMemory } from './values/executable.ts';

export interface Summary {
  /** Arguments of all permitted calls. */
  readonly arguments: ArgumentCount;
  /** What memory it can have made executable: a dynamic program maps its libraries before main, and often some later. */
  readonly executable: ReturnType<typeof executableMemory>;
  /** From main on, where start-up is told apart. */
  readonly afterMain?: { readonly calls: readonly string[] } & Pick<Summary, 'arguments' | 'executable'>;
  /** Arguments that are asked for and can be anything, each with the first place where it was lost. */
  readonly open: readonly { readonly call: string; readonly argument: string; readonly why: string }[];
}

const abi = abis.x86_64;

export function summaryOf(analysis: Pick<Analysis, 'calls' | 'arguments' | 'main'>): Summary {
  const { main } = analysis;
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
    ...figuresOf(analysis),
    ...(main === undefined ? {} : { afterMain: { calls: [...main.calls.keys()], ...figuresOf(main) } }),
    open,
  };
}

function figuresOf(part: Pick<Analysis, 'calls' | 'arguments'>): Pick<Summary, 'arguments' | 'executable'> {
  const names = new Set(part.calls.keys());
  return {
    arguments: countArguments(names, part.arguments, abi),
    executable: executableMemory(names, part.arguments, abi),
  };
}
