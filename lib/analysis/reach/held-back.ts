// Whether what is done for mutexes with a priority ceiling can happen (ceilings.ts says what that is): whether anything that was reached
// can make such a mutex, or can come to one that another process made.

import { functionAt } from '../code/code.ts';
import { VDSO } from '../files/vdso.ts';
import { imports, isCLibrary, isLoader, type Module } from '../files/world.ts';
import { isFunctionReached, isImportReached, isReached, type Reach, releaseHeld } from './reach.ts';

/** Functions that make one, or ask about ceilings, for which the scheduler is asked, too. */
const MAKERS = [
  'pthread_mutexattr_setprotocol',
  'pthread_mutexattr_setprioceiling',
  'pthread_mutexattr_getprioceiling',
  'pthread_mutex_setprioceiling',
];
/** Functions that can give memory that other processes write. The C library itself puts no mutex there. */
const SHARES = ['mmap', 'mmap64', 'shmat', 'remap_file_pages', 'syscall'];
const SHARING = new RegExp(`^(${SHARES.join('|')})$`);
const C_LIBRARYS = /^lib(pthread|rt)\.so/;

/** Follows what was held back, if it can happen by now. */
export function follow(reach: Reach): void {
  if (reach.held.length > 0 && canHappen(reach)) releaseHeld(reach);
}

function canHappen(reach: Reach): boolean {
  const { definitions, modules } = reach.world;
  const nodes = (name: string) =>
    (definitions.get(name) ?? []).map(({ module, symbol }) => ({
      module,
      index: functionAt(module.code, symbol.address),
    }));
  return (
    MAKERS.flatMap(nodes).some(
      ({ module, index }) => index >= 0 && isFunctionReached(reach, module, index),
    ) ||
    SHARES.flatMap(nodes).some(
      ({ module, index }) => index >= 0 && reach.lookedUp.has(module.base + index),
    ) ||
    modules.some((module) => canShare(reach, module))
  );
}

function canShare(reach: Reach, module: Module): boolean {
  const { code, path } = module;
  const isOwn = isLoader(module) || isCLibrary(module) || C_LIBRARYS.test(code.dynamic?.soname ?? '');
  if (path === VDSO || isOwn) return false;
  if (module.isSurface) return imports(module, SHARING);
  return (
    isImportReached(reach, module, SHARING) ||
    code.syscalls.some((address) => isReached(reach, module, address))
  );
}
