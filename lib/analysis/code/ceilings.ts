// Mutexes with a priority ceiling (PTHREAD_PRIO_PROTECT). glibc changes the scheduling of who locks one, so that wherever anything is
// locked six calls seem possible that hardly any program makes. Such a mutex has to be made first: by a function for it, or by another
// process in memory that is shared with it. As long as nothing that was reached can do either, what is done for them is held back
// (Reach.held). Taken from knowledge: only these functions make one (pthread_mutexattr_setprotocol(3p)), and what glibc does for such
// mutexes alone (nptl/tpp.c); where that is, debug symbols say, or the table of known-objects.ts.

import { type ElfSymbol, STT_FUNC } from '../../elf/dynamic.ts';

const FUNCTIONS = new Set([
  '__init_sched_fifo_prio',
  '__pthread_current_priority',
  '__pthread_tpp_change_priority',
]);
/** Until glibc 2.34 threads had a library of their own. */
const C_LIBRARY = /^lib(c|pthread)\.so/;

/** The beginnings of glibc's functions that run only for such mutexes, and for who asks about ceilings, in a file of the C library by
 * its symbols; ascending, none for any other file. */
export function ceilingFunctions(
  soname: string | undefined,
  symbols: readonly Pick<ElfSymbol, 'name' | 'type' | 'address'>[],
): readonly number[] {
  if (soname === undefined || !C_LIBRARY.test(soname)) return [];
  const found = symbols.filter((one) => one.type === STT_FUNC && FUNCTIONS.has(one.name));
  return [...new Set(found.map((one) => one.address))].sort((a, b) => a - b);
}
