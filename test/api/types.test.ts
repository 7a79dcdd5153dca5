// The types of the public API, checked by `npm run typecheck`: what an editor shows and a compiler refuses. Nothing of it runs.

import type {
  ChildProcess,
  ChildProcessByStdio,
  ChildProcessWithoutNullStreams,
  PromiseWithChild,
  SpawnSyncReturns,
} from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, expectTypeOf, test } from 'vitest';
import * as api from '../../lib/index.ts';

const sandbox = 'allow read';
type Buffers = { stdout: Buffer; stderr: Buffer };
type Texts = { stdout: string; stderr: string };

function starts() {
  expectTypeOf(api.spawn('a', { sandbox })).toEqualTypeOf<ChildProcessWithoutNullStreams>();
  expectTypeOf(api.spawn('a', ['b'], { sandbox })).toEqualTypeOf<ChildProcessWithoutNullStreams>();
  expectTypeOf(api.spawn('a', ['b'], { sandbox, stdio: ['ignore', 'pipe', 'inherit'] })).toEqualTypeOf<
    ChildProcessByStdio<null, Readable, null>
  >();
  expectTypeOf(api.spawn('a', { sandbox, stdio: ['pipe', 'pipe', 'pipe'] })).toEqualTypeOf<
    ChildProcessByStdio<Writable, Readable, Readable>
  >();
  expectTypeOf(
    api.spawn('a', [], { sandbox, stdio: ['pipe', 3, 'pipe', 'ipc'] }),
  ).toEqualTypeOf<ChildProcess>();
  expectTypeOf(api.fork('m', ['a'], { sandbox })).toEqualTypeOf<ChildProcess>();
  expectTypeOf(api.fork(new URL('file:///m'), { sandbox })).toEqualTypeOf<ChildProcess>();
  // Node's own options, all of them.
  api.spawn('a', [], {
    sandbox,
    uid: 1,
    gid: 1,
    detached: true,
    argv0: 'x',
    cwd: new URL('file:///'),
    shell: true,
    timeout: 1,
    killSignal: 'SIGKILL',
    signal: AbortSignal.abort(),
    env: {},
  });
  // @ts-expect-error: there is no start without a sandbox
  api.spawn('a');
  // @ts-expect-error: nor with options that lack it
  api.spawn('a', [], {});
  // @ts-expect-error: a place that there is not
  api.spawn('a', { sandbox: { policy: sandbox, at: 'later' } });
  // @ts-expect-error: a misspelt option
  api.spawn('a', { sandbox: { policy: sandbox, explian: true } });
  // @ts-expect-error: an option that Node does not have
  api.spawn('a', { sandbox, nothing: true });
}

function callbacks() {
  api.exec('a', { sandbox }, (error, stdout) => {
    expectTypeOf(error).toEqualTypeOf<api.ExecError | null>();
    expectTypeOf(stdout).toEqualTypeOf<string>();
  });
  api.exec('a', { sandbox, encoding: 'buffer' }, (_, stdout) => expectTypeOf(stdout).toEqualTypeOf<Buffer>());
  api.execFile('a', ['b'], { sandbox, encoding: null }, (_, stdout) =>
    expectTypeOf(stdout).toEqualTypeOf<Buffer>(),
  );
  api.execFile('a', { sandbox, encoding: 'latin1' }, (_, stdout) =>
    expectTypeOf(stdout).toEqualTypeOf<string>(),
  );
  expectTypeOf(promisify(api.exec)('a', { sandbox })).toEqualTypeOf<PromiseWithChild<Texts>>();
  expectTypeOf(promisify(api.execFile)('a', ['b'], { sandbox })).toEqualTypeOf<PromiseWithChild<Texts>>();
  expectTypeOf(promisify(api.execFile)('a', ['b'], { sandbox, encoding: 'buffer' })).toEqualTypeOf<
    PromiseWithChild<Buffers>
  >();
  // @ts-expect-error: no sandbox
  api.exec('a', () => {});
  // @ts-expect-error: no sandbox
  promisify(api.execFile)('a', ['b']);
}

function waiting() {
  expectTypeOf(api.spawnSync('a', { sandbox })).toEqualTypeOf<SpawnSyncReturns<Buffer>>();
  expectTypeOf(api.spawnSync('a', ['b'], { sandbox, encoding: 'utf8' })).toEqualTypeOf<
    SpawnSyncReturns<string>
  >();
  expectTypeOf(api.execFileSync('a', ['b'], { sandbox, encoding: 'utf8' })).toEqualTypeOf<string>();
  expectTypeOf(api.execFileSync('a', { sandbox })).toEqualTypeOf<Buffer>();
  expectTypeOf(api.execSync('a', { sandbox, encoding: 'hex' })).toEqualTypeOf<string>();
  // @ts-expect-error: no sandbox
  api.spawnSync('a', ['b']);
}

function rest() {
  const wrapped = api.wrap('a', ['b'], { sandbox, cwd: '/', reject: false, shell: true });
  expectTypeOf(wrapped.file).toEqualTypeOf<string>();
  expectTypeOf(wrapped.args).toEqualTypeOf<string[]>();
  expectTypeOf(wrapped.options.reject).toEqualTypeOf<boolean>();
  // @ts-expect-error: it is in the words now
  wrapped.options.shell;
  expectTypeOf(api.shim('ls', 'allow read', '/tmp/ls')).toEqualTypeOf<void>();
  expectTypeOf(api.restrictSelf('allow read', { force: true })).toEqualTypeOf<void>();
  expectTypeOf(api.restrictSelf).returns.toEqualTypeOf<void>();
  api.spawn('a', {
    sandbox: {
      policy: api.parsePolicy('allow read'),
      at: 'main',
      explain: false,
      onViolation(violation) {
        expectTypeOf(violation).toEqualTypeOf<api.ViolationError>();
        violation.code satisfies 'ERR_SANDBOX_VIOLATION';
        expectTypeOf(violation.refusal?.arguments[0]?.text).toEqualTypeOf<string | undefined>();
      },
    },
  });
}

async function policies() {
  const policy = api.parsePolicy('allow read');
  expectTypeOf(policy).toEqualTypeOf<api.Policy>();
  expectTypeOf(api.printPolicy(policy)).toEqualTypeOf<string>();
  expectTypeOf(api.compile(policy).bytes).toEqualTypeOf<readonly Uint8Array[]>();
  expectTypeOf(api.prove([new Uint8Array(8)], policy)).toEqualTypeOf<void>();
  expectTypeOf(api.evaluate(policy, { call: 'read', args: [1, 2n] })).toEqualTypeOf<api.Action>();
  expectTypeOf(api.check(policy, 'read(1)')[0]?.abi).toEqualTypeOf<api.AbiName | undefined>();
  expectTypeOf(api.diff(policy, 'allow write').changes).toEqualTypeOf<readonly api.Change[]>();
  expectTypeOf(api.merge([policy, 'allow write'])).toEqualTypeOf<api.Policy>();
  expectTypeOf(api.convert(policy, { to: 'oci' }).text).toEqualTypeOf<string | Uint8Array>();
  expectTypeOf(api.lint(policy)[0]?.level).toEqualTypeOf<'error' | 'warning' | 'note' | undefined>();
  expectTypeOf(api.inspect(1)).toEqualTypeOf<readonly api.Inspected[]>();
  expectTypeOf(await api.analyze('ls')).toEqualTypeOf<api.Analyzed>();
  expectTypeOf(api.learn(['']).text).toEqualTypeOf<string>();
  // @ts-expect-error: a machine that there is not
  api.compile(policy, { abis: ['vax'] });
  // @ts-expect-error: policies do not change
  policy.statements = [];
}

test('they are checked by tsc', () => {
  expect([starts, callbacks, waiting, rest, policies].length).toBe(5);
});
