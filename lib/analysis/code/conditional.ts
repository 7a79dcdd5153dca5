// Functions of glibc that run only under a condition which nothing in their code shows. Where they are reached from is reached in hardly
// any program without it, so they are held back until it can be (reach/held-back.ts). Taken from knowledge, with its source; where the
// functions begin, debug symbols say, or the table of known-objects.ts.

import { type ElfSymbol, STT_FUNC } from '../../elf/dynamic.ts';

/** What marks functions. */
export const marks = {
  /** What is done for mutexes with a priority ceiling alone, and for who asks about ceilings (nptl/tpp.c). */
  ceilings: {
    // Until glibc 2.34 threads had a library of their own.
    file: /^lib(c|pthread)\.so/,
    names: ['__init_sched_fifo_prio', '__pthread_current_priority', '__pthread_tpp_change_priority'],
  },
  /** How the loader begins to profile a library, which LD_PROFILE names (elf/dl-open.c, elf/rtld.c, ld.so(8)). */
  profile: { file: /^ld-linux/, names: ['_dl_start_profile'] },
  /** What undoes at the end of a thread what RPC kept for it, by a variable of the thread: nothing, if that holds nothing (sunrpc/rpc_thread.c). */
  rpc: { file: /^libc\.so/, names: ['__rpc_thread_destroy'] },
} as const;

export type Mark = keyof typeof marks;

/** The beginnings of such functions by their mark, ascending. */
export type Marked = ReadonlyMap<Mark, readonly number[]>;

/** Those in a file, by its symbols; none in any file but glibc's own. */
export function markedFunctions(
  soname: string | undefined,
  symbols: readonly Pick<ElfSymbol, 'name' | 'type' | 'address'>[],
): Marked {
  const found = new Map<Mark, readonly number[]>();
  if (soname === undefined) return found;
  for (const [mark, { file, names }] of Object.entries(marks) as [Mark, (typeof marks)[Mark]][]) {
    if (!file.test(soname)) continue;
    const wanted = new Set<string>(names);
    const starts = symbols.filter((one) => one.type === STT_FUNC && wanted.has(one.name));
    if (starts.length > 0)
      found.set(
        mark,
        [...new Set(starts.map((one) => one.address))].sort((a, b) => a - b),
      );
  }
  return found;
}
