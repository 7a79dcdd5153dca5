// What an answer rests on that its code does not prove. Each is said in the notes of the answers that depend on it, and of
// no others.

import type { World } from './files/world.ts';
import type { CallSite } from './values/numbers.ts';

/** Libraries that make code, or calls, while the program runs: known by a name that they export. What is made so can only use
 * what is in the process, but which of its calls, and with which arguments, no analysis of files can tell. */
const makers: readonly (readonly [exported: string, what: string])[] = [
  ['ffi_call', 'libffi calls functions that are named while it runs (Python’s ctypes and others do so)'],
  ['_ZN2v87Isolate3NewERKNS0_12CreateParamsE', 'V8 makes code while it runs'],
  ['JNI_CreateJavaVM', 'the Java machine makes code while it runs'],
  ['luaJIT_setmode', 'LuaJIT makes code while it runs'],
  ['mono_jit_init', 'Mono makes code while it runs'],
  ['gcc_jit_context_compile', 'libgccjit makes code while it runs'],
  ['LLVMCreateExecutionEngineForModule', 'LLVM can make code while it runs'],
];

export interface Rests {
  readonly world: World;
  readonly sites: readonly CallSite[];
  /** Places that can execute a program and are not believed to. */
  readonly disbelieved: readonly CallSite[];
  readonly label: (site: CallSite) => string;
}

export function assumptionsOf({ world, sites, disbelieved, label }: Rests): readonly string[] {
  return [
    ...disbelieved.map(
      (site) =>
        `${label(site)} is left out: the loader executes programs only where it is itself started as a command (ld.so(8))`,
    ),
    ...sites
      .filter((site) => site.isSetId)
      .map(
        (site) =>
          `the number and the arguments at ${label(site)} come out of one structure: taken to be the C library's change of identity in all threads (set*id)`,
      ),
    ...makers
      .filter(([exported]) => world.definitions.has(exported))
      .map(([, what]) => `${what}: of such code it permits what the libraries can reach`),
  ];
}
