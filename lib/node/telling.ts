// What is done with the end of a sandboxed process, and with the refusals that a watcher tells meanwhile.

import type { ChildProcess } from 'node:child_process';
import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { Addon } from '../native.ts';
import type { Settled } from './sandbox.ts';
import { Refusals, ViolationError } from './violation.ts';

/** What becomes known of one process: once it has ended, the violation that killed it, if one did. */
export interface Known {
  violation: ViolationError | undefined;
}

/** The way from a watcher to us. */
export interface Channel {
  /** Only where there is a watcher; see Inside. */
  readonly tellOn: ((least: number) => number) | undefined;
  /** To be called with the process that came of it, or without if none did. `emits`: an error event tells of a violation, where nobody has
   * asked to be called. */
  listen(child: ChildProcess | undefined, emits: boolean): Known;
}

/** For a process that runs beside us. */
export function openChannel(addon: Addon, settled: Settled): Channel {
  let reading: number | undefined;
  const tellOn = (least: number) => {
    const pipe = addon.makePipe(least);
    if (typeof pipe === 'number') return pipe;
    reading = pipe[0];
    return pipe[1];
  };
  return {
    tellOn: settled.explain ? tellOn : undefined,
    listen(child, emits) {
      const known: Known = { violation: undefined };
      if (child?.pid === undefined) {
        if (reading !== undefined) addon.closeDescriptor(reading);
        return known;
      }
      const { pid } = child;
      const hear = reading === undefined ? undefined : hearing(reading, pid, settled);
      child.prependOnceListener('exit', (_, signal) => {
        const refusal = hear?.();
        // A watcher kills by SIGKILL what SIGSYS would not end.
        if (signal !== 'SIGSYS' && !(signal === 'SIGKILL' && refusal?.process === pid)) return;
        known.violation = new ViolationError(pid, true, refusal);
        if (refusal === undefined) settled.onViolation?.(known.violation);
        if (emits && settled.onViolation === undefined) child.emit('error', known.violation);
      });
      return known;
    },
  };
}

/** Reads as it comes; gives back what reads the rest, at the end, and answers with the refusal that killed. */
function hearing(descriptor: number, pid: number, { onViolation }: Settled) {
  const refusals = new Refusals();
  const take = (bytes: Uint8Array) => {
    for (const one of refusals.take(bytes)) {
      onViolation?.(new ViolationError(pid, one.action === 'kill', one));
    }
  };
  const socket = new Socket({ fd: descriptor, readable: true, writable: false });
  socket.on('data', take);
  socket.on('error', () => {});
  // The program alone decides how long this process waits.
  socket.unref();
  const room = Buffer.alloc(65536);
  return () => {
    // What the watcher told before it let the program die is in the pipe by now, and may not have been read.
    try {
      for (let length = 1; length > 0 && !socket.destroyed; ) {
        length = readSync(descriptor, room);
        take(room.subarray(0, length));
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return refusals.fatal;
  };
}

/** An error as Node's own modules throw them. */
export function systemError(result: number, syscall: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(result);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: result, code, syscall });
}
