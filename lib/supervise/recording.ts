// A recording: what a run asked of the kernel, counted by what matters of each call. As a file it is JSON lines: a head, then a
// row for each. Recordings of many runs and machines add up, because a row names everything and refers to nothing.
//
//   {"recording":1,"command":["ls","/"],"engine":"trace","reliable":true,"kernel":"6.18.0","calls":181}
//   {"abi":"x86_64","call":"openat","program":"/usr/bin/ls","phase":"main","count":3,"args":[null,null,"0x80000",null]}

import { SandboxError } from '../errors.ts';
import { type Abi, type AbiName, abiNames, abis } from '../linux/abi.ts';
import { parametersOf } from '../linux/arguments.ts';
import { newestNumber, syscallName } from '../linux/syscalls.ts';
import type { NativeKeepTable, NativeRecording } from '../native.ts';
import { abiOfData } from '../policy/evaluate.ts';
import { shapeOf } from './shape.ts';
import { callText } from './suggest.ts';

/** In the order of the native numbers (native/core/record.h, sr_phase). */
export const phases = ['start', 'main', 'entry', 'unknown'] as const;
export type Phase = (typeof phases)[number];

export interface RecordedCall {
  readonly abi: AbiName;
  /** A name, or `#450` for a number without one. */
  readonly call: string;
  readonly program: string;
  readonly phase: Phase;
  readonly count: number;
  /** Registers that matter; undefined: not kept. Of a descriptor 3 stands for any above 2. */
  readonly args: readonly (bigint | undefined)[];
}

export interface Recording {
  readonly command: readonly string[];
  readonly engine: 'trace' | 'notify';
  /** False where calls may have failed with EINTR because they were recorded. */
  readonly reliable: boolean;
  readonly kernel: string;
  /** Calls that were not recorded because every policy permits them. */
  readonly granted: readonly string[];
  readonly calls: readonly RecordedCall[];
}

const kept = { nothing: 0, enum: 1, flags: 1, descriptor: 3 } as const;
const KEEP_ALL = 2;

/** What the recorder keeps of each call's arguments, for the ABIs of one kernel. */
export function keepTables(family: readonly Abi[]): readonly NativeKeepTable[] {
  return family.map((abi) => {
    const count = newestNumber(abi) - abi.numberBase + 1;
    const keep = new Uint8Array(count * 6);
    for (let number = 0; number < count; number++) {
      const name = syscallName(abi, number + abi.numberBase);
      if (name === undefined) continue;
      const parameters = parametersOf(name, abi);
      shapeOf(name, abi).forEach((shape, index) => {
        const isWide = (parameters?.[index]?.bits ?? 0) > 32;
        keep[number * 6 + index] =
          shape !== 'nothing' && shape !== 'descriptor' && isWide ? KEEP_ALL : kept[shape];
      });
    }
    return { arch: abi.auditArch, base: abi.numberBase, keep };
  });
}

const ROW = 72;

/** struct sr_entry of native/core/record.h, on this machine's byte order. */
export function readEntries({ entries, programs }: NativeRecording): readonly RecordedCall[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return Array.from({ length: entries.byteLength / ROW }, (_, row) => {
    const at = row * ROW;
    const arch = view.getUint32(at + 56, little);
    const nr = view.getUint32(at + 60, little);
    const abi = abiOfData({ arch, nr }) ?? abis.x86_64;
    const call = callText(abi, nr);
    const isOpen = view.getUint8(at + 67) === 1;
    const shapes = isOpen ? [] : shapeOf(call, abi);
    return {
      abi: abi.name,
      call,
      program: programs[view.getUint16(at + 64, little)] ?? '?',
      phase: phases[view.getUint8(at + 66)] ?? 'unknown',
      count: Number(view.getBigUint64(at + 48, little)),
      args: shapes.map((shape, index) =>
        shape === 'nothing' ? undefined : view.getBigUint64(at + 8 * index, little),
      ),
    };
  });
}

/** As a file. */
export function printRecording(recording: Recording): string {
  const { calls, ...head } = recording;
  const total = calls.reduce((sum, one) => sum + one.count, 0);
  const rows = calls.map((one) =>
    JSON.stringify({
      ...one,
      args: one.args.map((value) => (value === undefined ? null : `0x${value.toString(16)}`)),
    }),
  );
  return `${[JSON.stringify({ recording: 1, ...head, calls: total }), ...rows].join('\n')}\n`;
}

/** Reads a file of one recording, or of several one after the other. Throws SandboxError with the line. */
export function parseRecordings(text: string, file: string): readonly Recording[] {
  const found: (Omit<Recording, 'calls'> & { calls: RecordedCall[] })[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const fail = (what: string): never => {
      throw new SandboxError(`${file}:${index + 1}: ${what}`, {
        advice: 'a recording is made by sandbox-run learn --record FILE -- PROGRAM',
      });
    };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      fail('not a line of JSON');
    }
    if (typeof value !== 'object' || value === null) return fail('not an object');
    if ('recording' in value) {
      if (value.recording !== 1) fail(`version ${String(value.recording)} of the format is not known`);
      found.push(readHead(value as Partial<Recording>));
      continue;
    }
    const last = found.at(-1) ?? fail('a row before any head');
    last.calls.push(readRow(value as Record<string, unknown>) ?? fail('not a row of a recording'));
  }
  if (found.length === 0) {
    throw new SandboxError(`${file}: there is no recording in it`, {
      advice: 'a recording is made by sandbox-run learn --record FILE -- PROGRAM',
    });
  }
  return found;
}

function readHead(head: Partial<Recording>): Omit<Recording, 'calls'> & { calls: RecordedCall[] } {
  const texts = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
  return {
    command: texts(head.command),
    engine: head.engine === 'notify' ? 'notify' : 'trace',
    reliable: head.reliable !== false,
    kernel: String(head.kernel ?? '?'),
    granted: texts(head.granted).filter(isCallText),
    calls: [],
  };
}

/** What a name may be: it goes into a policy as it is. */
function isCallText(text: string): boolean {
  return /^(?:[a-z_][a-z0-9_]*|#\d+)$/i.test(text);
}

function readRow(row: Record<string, unknown>): RecordedCall | undefined {
  const { abi, call, program, phase, count, args } = row;
  if (
    typeof call !== 'string' ||
    !isCallText(call) ||
    typeof abi !== 'string' ||
    !(abiNames as readonly string[]).includes(abi)
  )
    return undefined;
  if (typeof count !== 'number' || !(count >= 0) || !Array.isArray(args) || args.length > 6) return undefined;
  const values: (bigint | undefined)[] = [];
  for (const one of args) {
    if (one !== null && !(typeof one === 'string' && /^0x[0-9a-f]{1,16}$/.test(one))) return undefined;
    values.push(one === null ? undefined : BigInt(one));
  }
  return {
    abi: abi as AbiName,
    call,
    program: typeof program === 'string' ? program : '?',
    phase: phases.find((known) => known === phase) ?? 'unknown',
    count,
    args: values,
  };
}

/** Which use of a call a row is: the same whoever made it and when. */
export function useOf(row: RecordedCall): string {
  return `${row.abi} ${row.call} ${row.args.map((value) => value?.toString(16) ?? '').join(',')}`;
}

/** What each recording brought that those before it had not: its stability. */
export function newUses(recordings: readonly Recording[]): readonly (readonly RecordedCall[])[] {
  const seen = new Set<string>();
  return recordings.map((recording) =>
    recording.calls.filter((row) => {
      const use = useOf(row);
      return !seen.has(use) && seen.add(use) !== undefined;
    }),
  );
}
