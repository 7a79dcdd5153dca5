// Functions of glibc's own name services (nsswitch.conf(5)): `_nss_files_getpwnam_r` and its like, which stand in the C library since
// 2.34. It writes the addresses of all of them into a table and calls one when it looks up its name, so that whoever asks for a user
// could ask a name server, too. As long as no code that was reached holds a name, the function is held back (Reach.held). Taken from
// knowledge: nothing else calls what stands in that table (nss/nss_module.c, __nss_module_get_function; nss/nss_files_functions.c,
// resolv/nss_dns_functions.c). glibc's own list of all names is one object in which no single one is named.

import type { ElfSymbol } from '../../elf/dynamic.ts';

const FUNCTION = /^_nss_(?:files|dns)_((?:get|set|end)\w+|initgroups_dyn|netname2user)$/;
const C_LIBRARY = /^libc\.so\./;
/** A function that takes the addresses of so many of them fills the table. */
export const FEWEST_IN_TABLE = 4;

/** Such functions in a file by their addresses, each with the names that it is looked up by; none in any file but the C library. */
export function serviceFunctions(
  soname: string | undefined,
  symbols: readonly Pick<ElfSymbol, 'name' | 'defined' | 'address'>[],
): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  if (soname === undefined || !C_LIBRARY.test(soname)) return found;
  for (const { name, defined, address } of symbols) {
    const [, wanted] = FUNCTION.exec(name) ?? [];
    if (!defined || wanted === undefined) continue;
    const known = found.get(address);
    if (known === undefined) found.set(address, [wanted]);
    else if (!known.includes(wanted)) known.push(wanted);
  }
  return found;
}
