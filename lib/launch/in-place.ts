// The launch in place: this process becomes the program, inside the filters. Same PID, no parent, no helper; nothing of the
// launcher is left. What can fail is done first, in JavaScript; the rest is one native call from which nothing comes back,
// so that no JavaScript runs between the filter and exec. Exit handlers do not run, and pending timers and writes are lost:
// a caller writes with fs.writeSync, and must not have touched process.stdin, stdout or stderr, because that makes the
// caller's terminal or pipe non-blocking for the program as well.

import { encode, type Program } from '../bpf/instruction.ts';
import { LaunchError } from '../errors.ts';
import {
  type Addon,
  loadAddon,
  type NativeFailure,
  type NativeFilter,
  type NativeHelper,
  type NativeLater,
  type NativeLaunch,
} from '../native.ts';
import { descriptorsToHandOn } from './descriptors.ts';
import { openFilesBefore } from './limits.ts';
import { placeOf } from './place.ts';
import { preloadInto } from './preload.ts';
import { findProgram } from './search.ts';

// include/uapi/linux/seccomp.h.
const SECCOMP_FILTER_FLAG_LOG = 2;
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

export interface InPlaceLaunch {
  /** Installed in this order; all apply. Each has to let the launcher's execve, write and exit_group through by the
   * cookie, and all but the last its seccomp; see native/core/launch.h. They are not checked here: prove them first. */
  readonly filters: readonly Program[];
  /** The program's name and its arguments, as bytes or as text that is UTF-8. The name is argv[0], too. */
  readonly command: readonly (Uint8Array | string)[];
  /** SECCOMP_FILTER_FLAG_LOG: actions other than allow are logged. Linux 4.14. */
  readonly log?: boolean;
  /** SECCOMP_FILTER_FLAG_SPEC_ALLOW: without the mitigation of speculative store bypass. Linux 4.17. */
  readonly allowSpeculation?: boolean;
  /** What messages begin with; `sandbox-run` if not given. */
  readonly name?: string;
  /** A process that watches the program. */
  readonly helper?: Helper;
  /** Filters that begin later than exec, as filters.ts makes them. Then `filters` need the gate for seccomp, too. */
  readonly later?: Later;
  /** A filter for libsandbox.so in the program to install (preload.ts). `filters` as with `later`. */
  readonly preloaded?: Program;
}

export interface Later {
  readonly at: 'entry' | 'main';
  readonly filters: readonly Program[];
}

/** A Node process beside the program (native/core/helper.h): what it runs, and the text that it gets as descriptor 4. */
export interface Helper {
  readonly script: string;
  readonly words: readonly string[];
  readonly text: string;
  /** The filter that it listens to; absent: it traces. */
  readonly watched?: Program;
}

/** A launch with all that can be settled before it: the program found, the addon loaded, the filters as bytes. */
export interface PreparedLaunch {
  readonly addon: Addon;
  readonly native: NativeLaunch;
}

/** Settles everything that needs no change to this process. Throws LaunchError with the status to exit with. */
export function prepareLaunch(launch: InPlaceLaunch): PreparedLaunch {
  const [name, ...rest] = launch.command.map(bytesOf);
  if (name === undefined)
    throw new LaunchError('no program was named', 125, { advice: 'put the program after the options' });
  if (launch.filters.length === 0) throw new LaunchError('there is no filter to start the program in');
  const path = findProgram(name);
  const addon = loadOrExplain();
  if ((launch.later !== undefined || launch.preloaded !== undefined) && addon.beginsLater !== true) {
    throw new LaunchError('the native part is older than the rest of sandbox-run', 125, {
      advice: 'build it anew: npm rebuild sandbox-run',
    });
  }
  const preload = launch.preloaded === undefined ? undefined : preloadInto(path, launch.preloaded);
  return {
    addon,
    native: {
      filters: launch.filters.map(nativeFilter),
      flags:
        (launch.log === true ? SECCOMP_FILTER_FLAG_LOG : 0) |
        (launch.allowSpeculation === true ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0),
      path,
      argv: [name, ...rest],
      prefix: Buffer.concat([Buffer.from(`${launch.name ?? 'sandbox-run'}: `), path, Buffer.from(': ')]),
      descriptors: Int32Array.from([
        ...descriptorsToHandOn(addon.descriptorFlags),
        ...(preload?.descriptors ?? []),
      ]),
      openFiles: openFilesBefore(),
      ...(launch.helper === undefined ? {} : { helper: nativeHelper(launch.helper) }),
      ...(launch.later === undefined ? {} : { later: nativeLater(launch.later, path) }),
      ...(preload === undefined ? {} : { later: preload.later, variables: preload.variables }),
    },
  };
}

/** Becomes the program. Throws LaunchError with the status to exit with (125, 126, 127) if it cannot be started and that
 * shows before the filter; later the native side writes the message itself and exits. */
export function launchInPlace(launch: InPlaceLaunch): never {
  const { addon, native } = prepareLaunch(launch);
  try {
    return addon.launch(native);
  } catch (error) {
    throw toLaunchError(error);
  }
}

function bytesOf(word: Uint8Array | string): Uint8Array {
  const bytes = typeof word === 'string' ? Buffer.from(word) : word;
  if (bytes.includes(0))
    throw new LaunchError('a word of the command has a zero byte in it, which no program can get');
  return bytes;
}

function nativeLater({ at, filters }: Later, path: Uint8Array): NativeLater {
  return { ...placeOf(path, at), filters: filters.map(nativeFilter) };
}

function nativeHelper({ script, words, text, watched }: Helper): NativeHelper {
  return {
    path: bytesOf(process.execPath),
    argv: [process.execPath, script, ...words].map(bytesOf),
    text: Buffer.from(text),
    ...(watched === undefined ? {} : { watched: [nativeFilter(watched)] }),
  };
}

function nativeFilter(program: Program): NativeFilter {
  const cookies = program.flatMap((one, index) => (one.cookie === undefined ? [] : [index, one.cookie]));
  return { program: encode(program), cookies: Uint32Array.from(cookies) };
}

function loadOrExplain() {
  try {
    return loadAddon();
  } catch (error) {
    throw new LaunchError(error instanceof Error ? error.message : String(error), 125, { cause: error });
  }
}

const EPERM = 1;
const ENOMEM = 12;
const EINVAL = 22;
const EACCES = 13;
const ENOSYS = 38;
const EOPNOTSUPP = 95;

/** What a step's failure means and what to do; the rows with an errno first. */
const failures: readonly {
  readonly step: NativeFailure['step'];
  readonly errno?: number;
  readonly what: string;
  readonly advice: string;
}[] = [
  {
    step: 'actions',
    errno: EOPNOTSUPP,
    what: 'this kernel does not have an action that the policy needs',
    advice: 'use another action, or a newer kernel (kill and log need Linux 4.14, notify 5.0)',
  },
  {
    step: 'install',
    errno: ENOMEM,
    what: 'the kernel takes no more filters for this process',
    advice:
      'all filters of a process together may have 32768 instructions; use a shorter policy or fewer nested sandboxes',
  },
  {
    step: 'install',
    errno: EINVAL,
    what: 'the kernel does not take the filter',
    advice: 'its kernel needs CONFIG_SECCOMP_FILTER, and Linux 4.14 for --log or 4.17 for speculation',
  },
  ...([EPERM, EACCES, ENOSYS] as const).map((errno) => ({
    step: 'install' as const,
    errno,
    what: 'filters cannot be installed here',
    advice:
      'an outer sandbox or container has to allow seccomp, prctl, execve and getrandom; Linux 3.17 or newer is needed',
  })),
  {
    step: 'cookie',
    what: 'the kernel gives no random numbers',
    advice: 'an outer sandbox or container has to allow getrandom',
  },
  {
    step: 'no_new_privs',
    what: 'no_new_privs cannot be set',
    advice: 'an outer sandbox or container has to allow prctl(PR_SET_NO_NEW_PRIVS)',
  },
  {
    step: 'actions',
    what: 'seccomp is not available',
    advice: 'an outer sandbox or container has to allow seccomp',
  },
  { step: 'install', what: 'the kernel refuses the filter', advice: 'see seccomp(2) for the errno' },
  {
    step: 'helper',
    what: 'the process that would watch the program, or begin its filter later, could not start or trace it',
    advice:
      'see sandbox-run doctor: an outer sandbox has to allow ptrace, memfd_create and clone, and no tracer may be there already',
  },
  {
    step: 'memory',
    what: 'there is not enough memory',
    advice: 'raise ulimit -v, or use a shorter command line',
  },
  {
    step: 'descriptors',
    what: 'the open files cannot be handed on',
    advice: 'an outer sandbox or container has to allow fcntl and close_range',
  },
  {
    step: 'limit',
    what: 'the limit of open files cannot be set back',
    advice: 'an outer sandbox or container has to allow prlimit64',
  },
  {
    step: 'signals',
    what: 'signals cannot be set back to their default',
    advice: 'an outer sandbox or container has to allow rt_sigaction and rt_sigprocmask',
  },
];

function toLaunchError(error: unknown): unknown {
  if (!(error instanceof Error) || !('step' in error)) return error;
  const { step, errno, action } = error as NativeFailure;
  const row = failures.find((one) => one.step === step && (one.errno === undefined || one.errno === errno));
  const detail =
    step === 'actions' && errno === EOPNOTSUPP
      ? `SECCOMP_RET value 0x${action.toString(16)}`
      : `errno ${errno} at step ${step}`;
  return new LaunchError(
    `${row?.what ?? 'the launch failed'} (${detail}); the program was not started`,
    125,
    {
      advice: row?.advice,
      cause: error,
    },
  );
}
