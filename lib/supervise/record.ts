// The watcher of `learn`: traces the launcher and all that it starts, or listens, and says what was seen when the first process
// has ended. Its parent does not know of the end until then, so that whoever waited finds the files complete. Descendants
// that live longer are recorded on, and all is said again at the end.

import { writeSync } from 'node:fs';
import { release } from 'node:os';
import { SandboxError } from '../errors.ts';
import { type AbiName, abis, familyOf } from '../linux/abi.ts';
import { type Addon, recorderEvents } from '../native.ts';
import { keepTables, type Recording, readEntries } from './recording.ts';

export interface Recorder {
  readonly addon: Addon;
  readonly native: AbiName;
  /** The socket to the launcher, or the listener. */
  readonly channel: number;
  readonly process: number;
  readonly command: readonly string[];
  readonly granted: readonly string[];
  readonly fast: boolean;
  /** Milliseconds between calls of `tick`; 0: none. */
  readonly every: number;
  readonly tick: (calls: number, rows: number) => void;
  readonly done: (recording: Recording) => void;
}

const EPERM = -1;
const ESRCH = -3;

/** Records until the last process has ended. Throws SandboxError where tracing is not possible. */
export function record(recorder: Recorder): void {
  const { addon } = recorder;
  const handle = addon.recorderMake(keepTables(familyOf(recorder.native).map((name) => abis[name])));
  if (!recorder.fast) {
    attach(recorder, handle);
    writeSync(recorder.channel, 'r');
  }
  const blocks = blocksUntilTheEnd() ? 1 : 0;
  let told = -1;
  const tell = () => {
    const taken = addon.recorderTake(handle);
    if (taken.calls === told) return;
    told = taken.calls;
    recorder.done({
      command: recorder.command,
      engine: recorder.fast ? 'notify' : 'trace',
      reliable: !taken.unreliable,
      kernel: release(),
      granted: recorder.granted,
      calls: readEntries(taken),
    });
  };
  for (;;) {
    const event = addon.recorderRun(handle, recorder.fast ? recorder.channel : -1, blocks, recorder.every);
    if (event === recorderEvents.tick) recorder.tick(...addon.recorderCount(handle));
    else tell();
    if (event === recorderEvents.done) return;
  }
}

function attach({ addon, process: pid }: Recorder, handle: ReturnType<Addon['recorderMake']>): void {
  let result = EPERM;
  // With Yama the launcher has to name its tracer first, which it does while this process starts.
  for (let attempt = 0; attempt < 20 && result === EPERM; attempt++) {
    if (attempt > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    result = addon.recorderAttach(handle, pid);
  }
  if (result === 0) return;
  throw new SandboxError(
    result === ESRCH ? 'the launcher is gone' : `the program cannot be traced (errno ${-result})`,
    {
      advice:
        'it may be traced already (strace, a debugger), or an outer sandbox forbids ptrace; see sandbox-run doctor',
    },
  );
}

/** Linux 6.11: a receive returns when nobody is left. */
function blocksUntilTheEnd(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 11);
}
