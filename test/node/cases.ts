// The table: starts of every kind that node:child_process documents, written as one writes them for it.

import type { ChildProcess, ForkOptions, SpawnOptions } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Api, attempt, plain, shown, watch } from './observe.ts';

export type Case = (api: Api) => unknown;

const folder = temporaryFolder('node');
chmodSync(folder, 0o755);

function file(name: string, text: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const inner = join(folder, 'inner');
mkdirSync(inner);
const script = file('script', '#!/bin/sh\necho "script $0 $*"\n');
const plainScript = file('plain-script', 'echo "plain $0 $*"\n');
const noInterpreter = file('no-interpreter', '#!/nonexistent/interpreter\n');
const forbidden = file('forbidden', '#!/bin/sh\necho forbidden\n', 0o644);
const ownOnly = file('own-only', '#!/bin/sh\necho own\n', 0o700);
const damaged = file('damaged', '\x7fELF\x02\x01\x01 and nothing more\n');
file('inner/tool', '#!/bin/sh\necho "inner tool $0"\n');
file('tool', 'no program', 0o644);
symlinkSync('loop', join(folder, 'loop'));
symlinkSync('/nonexistent/target', join(folder, 'dangling'));
const module = file(
  'module.mjs',
  `process.on('message', (message, handle) => {
    if (message === 'bye') return process.disconnect();
    if (handle) { handle.on('connection', (socket) => socket.end('handed over')); return process.send('ready'); }
    process.send({ got: message, argv: process.argv.slice(2), execArgv: process.execArgv, env: process.env.CASE });
  });
  console.log('module');`,
);
const sh =
  (text: string, options: SpawnOptions = {}) =>
  (api: Api) =>
    watch(api.spawn('/bin/sh', ['-c', text], options));
const run =
  (name: string, args: readonly string[] = [], options: SpawnOptions = {}) =>
  (api: Api) =>
    watch(api.spawn(name, args, options));
/** Some errors are thrown, not emitted. */
const tried =
  (name: string, args: readonly string[] = [], options: SpawnOptions = {}) =>
  async (api: Api) => {
    let child: ChildProcess;
    try {
      child = api.spawn(name, args, options);
    } catch (error) {
      return { thrown: shown(error) };
    }
    return watch(child);
  };
/** What a filter changes by itself, and what belongs to the moment. */
const status = `grep -v -E '^(Pid|Tgid|NSpid|NStgid|NSpgid|NSsid|PPid|Ngid|Vm|Rss|Hugetlb|voluntary|nonvoluntary|Mems|Cpus|SigQ|x86_Thread|NoNewPrivs|Seccomp|Speculation)' /proc/self/status`;
const fds = `for fd in /proc/self/fd/*; do fd=\${fd##*/}; target=$(readlink /proc/$$/fd/$fd) && echo "$fd \${target%%:*} $(grep flags /proc/$$/fdinfo/$fd)"; done`;

const streams: Record<string, Case> = {
  'three pipes': sh('echo out; echo err >&2'),
  'standard input is read to its end': async (api) => {
    const child = api.spawn('cat');
    child.stdin.end('x'.repeat(1_000_000));
    return watch(child);
  },
  'standard input that nobody reads': async (api) => {
    const child = api.spawn('true');
    const errors: unknown[] = [];
    child.stdin.on('error', (error) => errors.push((error as NodeJS.ErrnoException).code));
    const seen = await watch(child);
    return { ...seen, wrote: errors.length <= 1 };
  },
  inherited: sh('test -e /proc/self/fd/2', { stdio: 'inherit' }),
  ignored: sh('readlink /proc/$$/fd/0 /proc/$$/fd/1 >&2; true', {
    stdio: ['ignore', 'ignore', 'pipe'],
  }),
  'all ignored': sh('exit 4', { stdio: 'ignore' }),
  overlapped: sh('cat', { stdio: ['ignore', 'overlapped', 'overlapped'] }),
  'a file as output': async (api) => {
    const path = join(folder, 'output');
    const fd = openSync(path, 'w');
    const seen = await watch(
      api.spawn('/bin/sh', ['-c', 'echo $0 out; echo err >&2', 'me'], { stdio: ['ignore', fd, fd] }),
    );
    closeSync(fd);
    return { ...seen, text: readFileSync(path, 'utf8') };
  },
  'a stream as input': async (api) => {
    const fd = openSync(script, 'r');
    const first = api.spawn('cat', [], { stdio: [fd, 'pipe', 'inherit'] });
    const second = api.spawn('wc', ['-l'], { stdio: [first.stdout!, 'pipe', 'inherit'] });
    const seen = await Promise.all([
      new Promise((resolve) => first.once('exit', (code) => resolve(code))),
      watch(second),
    ]);
    closeSync(fd);
    return seen;
  },
  'descriptor 3 both ways': async (api) => {
    const child = api.spawn('/bin/sh', ['-c', 'read line <&3; echo "got $line" >&3'], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    (child.stdio[3] as unknown as import('node:net').Socket).write('word\n');
    return watch(child);
  },
  'descriptors with gaps': sh(fds, {
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe', null, undefined, 'pipe'],
  }),
  'thirty descriptors': sh(`${fds}; echo high >&29`, {
    stdio: ['ignore', 'pipe', 'pipe', ...Array<'pipe'>(27).fill('pipe')],
  }),
  'a descriptor at another number': async (api) => {
    const fd = openSync(script, 'r');
    const seen = await watch(
      api.spawn('/bin/sh', ['-c', `head -n 1 <&9; ${fds}`], {
        stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', fd],
      }),
    );
    closeSync(fd);
    return seen;
  },
  'no descriptor more': sh(fds, { stdio: ['ignore', 'pipe', 'pipe'] }),
  'output after the exit': sh('(sleep 0.1; echo late) & echo early'),
};

const endings: Record<string, Case> = {
  'status 0': run('true'),
  'status 1': run('false'),
  'status 255': sh('exit 255'),
  'status 125 of its own': sh('exit 125'),
  'status 159 of its own': sh('exit 159'),
  ...Object.fromEntries(
    ['TERM', 'KILL', 'INT', 'HUP', 'ABRT', 'SEGV', 'PIPE', 'USR1'].map((name) => [
      `SIG${name}`,
      sh(`ulimit -c 0; kill -${name} $$`),
    ]),
  ),
  'its own pid': sh('echo $$'),
  'our child': sh(`test $PPID = ${process.pid}`),
  'kill()': async (api) => {
    const child = api.spawn('sleep', ['10']);
    const answer = [child.kill(0), child.killed, child.kill(), child.killed];
    return { answer, ...(await watch(child)), after: child.kill() };
  },
  "kill('SIGINT')": async (api) => {
    const child = api.spawn('sleep', ['10']);
    child.kill('SIGINT');
    return watch(child);
  },
  'kill() of a wrong signal': async (api) => {
    const child = api.spawn('cat');
    const answer = attempt(() => child.kill('SIGNOTHING' as NodeJS.Signals));
    child.stdin.end();
    return { answer, ...(await watch(child)) };
  },
  'stopped and continued': async (api) => {
    const child = api.spawn('/bin/sh', ['-c', 'kill -STOP $$; echo on']);
    setTimeout(() => child.kill('SIGCONT'), 100);
    return watch(child);
  },
};

const notStarted: Record<string, Case> = {
  'not there': tried('nothing-of-this-name'),
  'not there, by path': tried('/nonexistent/program', ['a', 'b']),
  'not executable': tried(forbidden),
  'a folder': tried(folder),
  'a file as a folder': tried(join(script, 'x')),
  'a loop of links': tried(join(folder, 'loop')),
  'a link to nowhere': tried(join(folder, 'dangling')),
  'a name that is too long': tried('n'.repeat(300)),
  'a path that is too long': tried(`/${'n/'.repeat(3000)}`),
  'a device': tried(devNull),
  'no interpreter': tried(noInterpreter),
  'a damaged program': tried(damaged),
  'arguments that are too long': tried('true', ['x'.repeat(200_000)]),
  'no such folder': tried('true', [], { cwd: join(folder, 'nothing') }),
  'a file as cwd': tried('true', [], { cwd: script }),
  'a PATH without it': tried('true', [], { env: { PATH: inner } }),
  'executable for others only, in PATH': tried('tool', [], { env: { PATH: folder } }),
  'with a timeout and a signal': tried('nothing-of-this-name', [], {
    timeout: 1000,
    signal: new AbortController().signal,
  }),
  'with descriptors': tried('nothing-of-this-name', [], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'ipc'] }),
  'an empty name': (api) => attempt(() => api.spawn('')),
  'a zero byte': (api) => attempt(() => api.spawn('tr\0ue')),
  'a zero byte in an argument': (api) => attempt(() => api.spawn('true', ['a\0b'])),
  'no text as name': (api) => attempt(() => api.spawn(1 as never)),
  'no list of arguments': (api) => attempt(() => api.spawn('true', 'a b' as never)),
  'a bad uid': (api) => attempt(() => api.spawn('true', [], { uid: 'x' as never })),
  'a bad stdio': (api) => attempt(() => api.spawn('true', [], { stdio: 'bad' as never })),
  'a bad stdio entry': (api) => attempt(() => api.spawn('true', [], { stdio: ['bad' as never] })),
  'a bad timeout': (api) => attempt(() => api.spawn('true', [], { timeout: -1 })),
  'a bad signal': (api) => attempt(() => api.spawn('true', [], { signal: 1 as never })),
  'a bad killSignal': (api) => attempt(() => api.spawn('true', [], { killSignal: 'SIGX' as never })),
  'a bad shell': (api) => attempt(() => api.spawn('true', [], { shell: 5 as never })),
  'a bad argv0': (api) => attempt(() => api.spawn('true', [], { argv0: 5 as never })),
};

const program: Record<string, Case> = {
  'words as they are': sh('printf "%s|" "$0" "$@"; tr "\\0" "|" </proc/$$/cmdline', {}),
  'empty, long and odd words': run('/bin/sh', [
    '-c',
    'printf "%s|" "$@"',
    '',
    'a b',
    '',
    'ä€😀',
    'x\ny',
    '-',
    '--',
    'z'.repeat(10_000),
  ]),
  argv0: run('/bin/sh', ['-c', 'echo $0; tr "\\0" "|" </proc/$$/cmdline'], { argv0: 'other name' }),
  'an empty argv0': run('cat', ['/proc/self/cmdline'], { argv0: '' }),
  'comm and exe': run('cat', ['/proc/self/comm', '/proc/self/cmdline']),
  'a script by its path': run(script, ['a', 'b']),
  'a script by a relative path': run('./script', ['a'], { cwd: folder }),
  'a script from PATH': run('script', ['a'], { env: { PATH: `/nonexistent:${folder}:/bin` } }),
  'a script without a #! line': run(plainScript, ['a', 'b c']),
  'a script without a #! line, from PATH': run('plain-script', ['a'], {
    env: { PATH: `${folder}:/bin:/usr/bin` },
  }),
  'PATH with what cannot be executed first': run('tool', [], { env: { PATH: `${folder}:${inner}` } }),
  'an empty element of PATH': run('tool', [], { cwd: inner, env: { PATH: ':/bin' } }),
  'a relative element of PATH': run('tool', [], { cwd: folder, env: { PATH: 'inner' } }),
  'no PATH': run('sh', ['-c', '/usr/bin/env | grep -c ^PATH='], { env: {} }),
  'a given environment': run('/usr/bin/env', [], {
    env: { B: '2', A: 'ä=1', SECCOMP_SYSCALL_ALLOW: 'read', SECCOMP_X: 'y', EMPTY: '' },
  }),
  'an empty environment': run('/usr/bin/env', [], { env: {} }),
  'our environment': run('/usr/bin/env'),
  cwd: run('pwd', [], { cwd: inner }),
  'cwd as a URL': run('pwd', [], { cwd: pathToFileURL(inner) }),
  'every line of status': sh(status, {}),
  limits: run('cat', ['/proc/self/limits']),
  umask: sh('umask; nice'),
  'ignored and blocked signals': sh("grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status"),
  'a group of its own': sh('test $$ = $(ps -o sid= -p $$) && echo leads || echo belongs', { detached: true }),
  'no group of its own': sh('test $$ = $(ps -o sid= -p $$) && echo leads || echo belongs'),
  'a child of the program': sh('sh -c "echo inner" | cat; wait; echo $?'),
  'shell: true': run('echo "$0" a; exit 3', [], { shell: true }),
  'shell: true with words': run('echo', ['a', '$((1+1))'], { shell: true }),
  'a shell by name': run('echo $0 $((2+2))', [], { shell: '/bin/bash' }),
  'a shell that is not there': tried('echo', [], { shell: '/nonexistent/shell' }),
  ...(isRoot
    ? {
        'another user': sh(`id; ${status}`, { uid: 65534, gid: 65534 }),
        'another group': sh('id', { gid: 65534 }),
        'another user who may not': tried(ownOnly, [], { uid: 65534, gid: 65534 }),
        'another user in a folder that is closed to it': tried('./inner/tool', [], {
          cwd: '/root',
          uid: 65534,
          gid: 65534,
        }),
      }
    : {
        'another user, which is not permitted': tried('true', [], { uid: 0 }),
      }),
};

const ended: Record<string, Case> = {
  timeout: run('sleep', ['10'], { timeout: 50 }),
  'timeout with a signal': run('sleep', ['10'], { timeout: 50, killSignal: 'SIGKILL' }),
  'a timeout that is not reached': run('true', [], { timeout: 60_000 }),
  'aborted before': run('sleep', ['10'], { signal: AbortSignal.abort() }),
  'aborted with a reason': run('sleep', ['10'], { signal: AbortSignal.abort(new Error('enough')) }),
  'aborted later': async (api) => {
    const controller = new AbortController();
    const child = api.spawn('sleep', ['10'], { signal: controller.signal, killSignal: 'SIGINT' });
    child.once('spawn', () => controller.abort());
    return watch(child);
  },
  'no listener more than a bare one, at the end': async (api) => {
    const child = api.spawn('true');
    const seen = await watch(child);
    return { ...seen, exit: child.listenerCount('exit'), error: child.listenerCount('error') };
  },
};

const called = (call: (callback: (...given: unknown[]) => void) => ChildProcess) =>
  new Promise((resolve) => {
    const child = call((...given) => resolve({ given: given.map(plain), seen: child.spawnargs }));
  });

const callbacks: Record<string, Case> = {
  exec: (api) => called((done) => api.exec('echo out; echo err >&2', done)),
  'exec with options': (api) =>
    called((done) => api.exec('pwd; echo $A', { cwd: inner, env: { A: '1' } }, done)),
  'exec that fails': (api) => called((done) => api.exec('echo out; echo err >&2; exit 7', done)),
  'exec that is killed': (api) => called((done) => api.exec('kill -TERM $$', done)),
  'exec of nothing': (api) => called((done) => api.exec('nothing-of-this-name', done)),
  'exec with too much output': (api) => called((done) => api.exec('yes', { maxBuffer: 1000 }, done)),
  'exec with too much on standard error': (api) =>
    called((done) => api.exec('yes >&2', { maxBuffer: 1000 }, done)),
  'exec with a timeout': (api) => called((done) => api.exec('exec sleep 10', { timeout: 50 }, done)),
  'exec as buffers': (api) => called((done) => api.exec('printf "\\377"', { encoding: 'buffer' }, done)),
  'exec as latin1': (api) => called((done) => api.exec('printf "\\377"', { encoding: 'latin1' }, done)),
  'exec aborted': (api) => called((done) => api.exec('exec sleep 10', { signal: AbortSignal.abort() }, done)),
  'exec in another shell': (api) => called((done) => api.exec('echo $0', { shell: '/bin/bash' }, done)),
  'exec without a callback': (api) => watch(api.exec('echo out')),
  execFile: (api) => called((done) => api.execFile('echo', ['a', 'b'], done)),
  'execFile without words': (api) => called((done) => api.execFile('pwd', { cwd: inner }, done)),
  'execFile that fails': (api) => called((done) => api.execFile('sh', ['-c', 'exit 7'], done)),
  'execFile of nothing': (api) => called((done) => api.execFile('nothing-of-this-name', ['a'], done)),
  'execFile of what may not be': (api) => called((done) => api.execFile(forbidden, done)),
  'execFile with a timeout': (api) =>
    called((done) => api.execFile('sleep', ['10'], { timeout: 50, killSignal: 'SIGKILL' }, done)),
  'execFile without a callback': (api) => watch(api.execFile('echo', ['out'])),
  'execFile with a bad callback': (api) => attempt(() => api.execFile('true', [], {}, 5 as never)),
  'promised exec': (api) => promised(promisify(api.exec)('echo out')),
  'promised exec that fails': (api) => promised(promisify(api.exec)('echo out; exit 7')),
  'promised execFile': (api) => promised(promisify(api.execFile)('echo', ['a'], { encoding: 'buffer' })),
  'promised execFile of nothing': (api) => promised(promisify(api.execFile)('nothing-of-this-name')),
};

async function promised(promise: Promise<unknown> & { child?: ChildProcess }): Promise<unknown> {
  const { child } = promise;
  const answer = await promise.then(plain, shown);
  return { answer, child: child?.constructor.name, spawnargs: child?.spawnargs };
}

const sync = (api: Api, ...given: Parameters<Api['spawnSync']>) =>
  attempt(() => {
    const result = api.spawnSync(...given);
    return { ...result, pid: result.pid > 0 };
  });

const waiting: Record<string, Case> = {
  spawnSync: (api) => sync(api, 'sh', ['-c', 'echo out; echo err >&2; exit 3']),
  'spawnSync as text': (api) => sync(api, 'echo', ['ä'], { encoding: 'utf8' }),
  'spawnSync with input': (api) => sync(api, 'cat', [], { input: 'words', encoding: 'utf8' }),
  'spawnSync of nothing': (api) => sync(api, 'nothing-of-this-name', ['a']),
  'spawnSync of what may not be': (api) => sync(api, forbidden),
  'spawnSync of a file as a folder': (api) => sync(api, join(script, 'x')),
  'spawnSync in no folder': (api) => sync(api, 'true', [], { cwd: '/nonexistent' }),
  'spawnSync by its relative path': (api) => sync(api, './script', ['a'], { cwd: folder }),
  'spawnSync with a timeout': (api) => sync(api, 'sleep', ['10'], { timeout: 50 }),
  'spawnSync with too much output': (api) =>
    sync(api, 'sh', ['-c', 'printf %05000d 1; exec sleep 10'], { maxBuffer: 1000 }),
  'spawnSync that is killed': (api) => sync(api, 'sh', ['-c', 'kill -KILL $$']),
  'spawnSync with descriptors': (api) =>
    sync(api, 'sh', ['-c', `echo high >&4; ${fds}`], { stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe'] }),
  'spawnSync with a file': (api) => {
    const fd = openSync(script, 'r');
    const seen = sync(api, 'cat', [], { stdio: [fd, 'pipe', 'ignore'] });
    closeSync(fd);
    return seen;
  },
  'spawnSync, all ignored': (api) => sync(api, 'sh', ['-c', 'exit 5'], { stdio: 'ignore' }),
  'spawnSync in a shell': (api) => sync(api, 'echo $0 $((1+1))', [], { shell: true }),
  'spawnSync in a shell by name': (api) => sync(api, 'echo $0', ['x'], { shell: '/bin/bash' }),
  'spawnSync with argv0': (api) => sync(api, 'sh', ['-c', 'echo $0'], { argv0: 'other' }),
  'spawnSync with an environment': (api) => sync(api, '/usr/bin/env', [], { env: { A: '1' } }),
  'spawnSync of status': (api) => sync(api, 'sh', ['-c', status]),
  'spawnSync of no text': (api) => sync(api, 5 as never),
  'spawnSync of an empty name': (api) => sync(api, ''),
  'spawnSync with a zero byte': (api) => sync(api, 'true', ['a\0']),
  'spawnSync with a bad option': (api) => sync(api, 'true', [], { uid: 'x' as never }),
  'spawnSync with a bad stdio': (api) => sync(api, 'true', [], { stdio: 'bad' as never }),
  'spawnSync with ipc': (api) => sync(api, 'true', [], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] as never }),
  execFileSync: (api) => attempt(() => api.execFileSync('echo', ['a'])),
  'execFileSync as text': (api) => attempt(() => api.execFileSync('echo', ['a'], { encoding: 'utf8' })),
  'execFileSync that fails': (api) =>
    noPid(attempt(() => api.execFileSync('sh', ['-c', 'echo out; echo err >&2; exit 7'], { stdio: 'pipe' }))),
  'execFileSync of nothing': (api) => noPid(attempt(() => api.execFileSync('nothing-of-this-name', ['a']))),
  execSync: (api) => attempt(() => api.execSync('echo $0; pwd', { cwd: inner, encoding: 'utf8' })),
  'execSync that fails': (api) => noPid(attempt(() => api.execSync('exit 7', { stdio: 'pipe' }))),
};

/** Errors of execFileSync have it among their properties. */
function noPid(seen: unknown): unknown {
  return JSON.parse(JSON.stringify(seen, (name, value) => (name === 'pid' ? value > 0 : value)));
}

/** A message, its answer, and good-bye. */
const conversation = (args: readonly string[], options: ForkOptions) => async (api: Api) => {
  const child = api.fork(module, args, { silent: true, ...options });
  child.send({ hello: 1, when: options.serialization === 'advanced' ? new Map([[1, 2]]) : [1] });
  child.once('message', () => child.send('bye'));
  return watch(child);
};

const forked: Record<string, Case> = {
  fork: conversation(['a', 'b'], { env: { ...process.env, CASE: 'env' } }),
  'fork with advanced messages': conversation([], { serialization: 'advanced' }),
  'fork with words for Node': conversation([], { execArgv: ['--no-warnings'] }),
  'fork by another path': conversation([], { execPath: process.execPath, cwd: inner }),
  'fork of a program that is not there': async (api) =>
    watch(api.fork(module, [], { silent: true, execPath: '/nonexistent/node' })),
  'fork with a server handed over': async (api) => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as import('node:net').AddressInfo;
    const child = api.fork(module, [], { silent: true });
    child.send('server', server);
    child.once('message', () => {
      server.close();
      const socket = connect(port, '127.0.0.1');
      socket.on('data', (data) => {
        child.emit('message', String(data));
        child.kill();
      });
    });
    return watch(child);
  },
  'fork without a channel': (api) => attempt(() => api.fork(module, [], { stdio: ['pipe', 'pipe', 'pipe'] })),
  'a channel by spawn': async (api) => {
    const child = api.spawn(process.execPath, [module], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    child.once('message', () => child.send('bye'));
    child.send('hello');
    return watch(child);
  },
};

export const cases: Readonly<Record<string, Case>> = {
  ...streams,
  ...endings,
  ...notStarted,
  ...program,
  ...ended,
  ...callbacks,
  ...waiting,
  ...forked,
};
