// What can be seen of a start, as plain data: the same question is put to node:child_process and to the sandboxed functions, and the two
// answers must be equal.

import childProcess, { type ChildProcess } from 'node:child_process';
import * as sandboxed from '../../lib/index.ts';

/** The functions of node:child_process that there are two of. */
export type Api = Pick<
  typeof childProcess,
  'spawn' | 'exec' | 'execFile' | 'fork' | 'spawnSync' | 'execFileSync' | 'execSync'
>;

export const bare: Api = childProcess;

/** Ours, called as Node's: the option is put in. `promisify` finds what it looks for. */
export function inSandbox(sandbox: sandboxed.Sandbox): Api {
  const names = ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execFileSync', 'execSync'] as const;
  return Object.fromEntries(
    names.map((name) => {
      // biome-ignore lint/performance/noDynamicNamespaceImportAccess: a table of functions by name is the point
      const original = sandboxed[name] as (...all: unknown[]) => unknown;
      const call = (...given: unknown[]) => original(...withOption(given, { sandbox }));
      for (const symbol of Object.getOwnPropertySymbols(original)) {
        const custom = (original as unknown as Record<symbol, (...all: unknown[]) => unknown>)[symbol]!;
        Object.defineProperty(call, symbol, {
          value: (...given: unknown[]) => custom(...withOption(given, { sandbox })),
        });
      }
      return [name, call];
    }),
  ) as unknown as Api;
}

/** The arguments with something more in their options. */
function withOption(given: readonly unknown[], more: object): unknown[] {
  const isOptions = (one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one) && !(one instanceof URL);
  const at = given.findIndex((one, index) => index > 0 && isOptions(one));
  if (at >= 0) return given.map((one, index) => (index === at ? { ...(one as object), ...more } : one));
  const list = [...given];
  const callback = typeof list.at(-1) === 'function' ? [list.pop()] : [];
  // Options may stand for missing ones, too.
  while (list.length > 1 && (list.at(-1) === undefined || list.at(-1) === null)) list.pop();
  return [...list, more, ...callback];
}

/** An error's own properties, without its stack. An error of execFileSync has itself among them. */
export function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const itself = (value: unknown) => (value === error ? 'itself' : plain(value));
  const { stack, ...rest } = Object.fromEntries(
    Object.getOwnPropertyNames(error).map((name) => [
      name,
      (error as unknown as Record<string, unknown>)[name],
    ]),
  );
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, itself(value)])),
    kind: error.constructor.name,
    // The first line of the stack is what people read.
    said: String(stack).split('\n    at ')[0],
  };
}

/** Buffers as text that says so. */
export function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `buffer ${value.toString('latin1')}`;
  if (value instanceof Error) return shown(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  return value;
}

export interface Watched {
  readonly events: readonly unknown[];
  readonly [more: string]: unknown;
}

/** Everything about a child up to its `close`. Numbers of processes are said to be right, not which they are. */
export async function watch(child: ChildProcess): Promise<Watched> {
  const events: unknown[] = [];
  const outputs: Record<string, string> = {};
  const { pid } = child;
  const start = properties(child);
  for (const name of ['spawn', 'error', 'exit', 'disconnect', 'message', 'close']) {
    child.on(name, (...given: unknown[]) => events.push([name, ...given.map(plain)]));
  }
  child.stdio.forEach((stream, at) => {
    if (at === 0 || stream === null || stream === undefined || !('read' in stream)) return;
    outputs[at] = '';
    stream.on('data', (data: Buffer) => {
      outputs[at] += data.toString('latin1');
    });
  });
  await new Promise((resolve) => child.once('close', resolve));
  // What comes after the end would be wrong, too.
  await new Promise((resolve) => setImmediate(resolve));
  const mark = (text: string) =>
    text
      .replaceAll(pid === undefined ? /^$/g : new RegExp(`\\b${pid}\\b`, 'g'), 'PID')
      .replaceAll(/:\[\d+\]/g, ':[N]');
  return {
    events,
    outputs: Object.fromEntries(Object.entries(outputs).map(([at, text]) => [at, mark(text)])),
    start,
    end: properties(child),
  };
}

function properties(child: ChildProcess): Record<string, unknown> {
  return {
    pid: typeof child.pid,
    killed: child.killed,
    exitCode: child.exitCode,
    signalCode: child.signalCode,
    connected: child.connected,
    spawnfile: child.spawnfile,
    spawnargs: child.spawnargs,
    stdin: child.stdin?.constructor.name,
    stdout: child.stdout?.constructor.name,
    stderr: child.stderr?.constructor.name,
    stdio: child.stdio?.map((one) => one?.constructor.name ?? null),
    own: Object.keys(child).filter((name) => !name.startsWith('_')),
  };
}

/** What a call gives or throws. */
export function attempt(call: () => unknown): unknown {
  try {
    return plain(call());
  } catch (error) {
    return { thrown: shown(error) };
  }
}
