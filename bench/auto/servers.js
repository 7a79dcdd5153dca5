// Servers on the loopback, bare and under --auto: each serves real requests of a client, and must answer the same, end the same
// when it is told to, and say the same. As root and as nobody.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'sandbox-run.cjs');
const NOBODY = 65534;
/** The system's own: a version manager's stand-ins are scripts that find out what to start. */
const PATH = '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** command, clients: words with @PORT@ and @HERE@ in them. files: what stands in the folder. */
export const servers = [
  {
    name: 'nginx',
    files: {
      'nginx.conf':
        'error_log @HERE@/error.log;\npid @HERE@/pid;\nworker_processes 2;\nload_module /usr/lib/nginx/modules/ngx_http_echo_module.so;\nevents {}\nhttp {\n  access_log off;\n  client_body_temp_path @HERE@/t1; proxy_temp_path @HERE@/t2; fastcgi_temp_path @HERE@/t3; uwsgi_temp_path @HERE@/t4; scgi_temp_path @HERE@/t5;\n  gzip on; gzip_min_length 1; gzip_types text/plain;\n  server { listen 127.0.0.1:@PORT@; root @HERE@/www; location /echo { echo from a module; } location /list/ { autoindex on; alias @HERE@/www/; } }\n}\n',
      'www/index.html': '<h1>served</h1>\n',
      'www/big.txt': 'line\n'.repeat(20000),
    },
    command: ['nginx', '-c', '@HERE@/nginx.conf', '-g', 'daemon off;'],
    clients: [
      ['curl', '-s', 'http://127.0.0.1:@PORT@/'],
      ['curl', '-s', 'http://127.0.0.1:@PORT@/echo'],
      ['curl', '-s', '--compressed', 'http://127.0.0.1:@PORT@/big.txt'],
      ['curl', '-s', '-r', '100-199', 'http://127.0.0.1:@PORT@/big.txt'],
      ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:@PORT@/none'],
      [
        'curl',
        '-s',
        '-X',
        'POST',
        '-d',
        'x=1',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        'http://127.0.0.1:@PORT@/',
      ],
    ],
    needs: ['nginx', 'curl', '/usr/lib/nginx/modules/ngx_http_echo_module.so'],
  },
  {
    name: 'redis',
    files: {},
    command: [
      'redis-server',
      '--port',
      '@PORT@',
      '--bind',
      '127.0.0.1',
      '--dir',
      '@HERE@',
      '--loglevel',
      'warning',
      '--appendonly',
      'yes',
    ],
    clients: [
      ['redis-cli', '-p', '@PORT@', 'SET', 'key', 'value'],
      ['redis-cli', '-p', '@PORT@', 'GET', 'key'],
      ['redis-cli', '-p', '@PORT@', 'EVAL', 'return redis.call("INCR", "n") + 41', '0'],
      ['redis-cli', '-p', '@PORT@', 'SAVE'],
      ['redis-cli', '-p', '@PORT@', 'DBSIZE'],
    ],
    needs: ['redis-server', 'redis-cli'],
  },
  {
    name: 'python3 -m http.server',
    files: { 'file.txt': 'text\n' },
    command: ['python3.11', '-m', 'http.server', '-b', '127.0.0.1', '-d', '@HERE@', '@PORT@'],
    clients: [
      ['curl', '-s', 'http://127.0.0.1:@PORT@/file.txt'],
      ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:@PORT@/none'],
    ],
    needs: ['python3.11', 'curl'],
  },
  {
    name: 'node',
    files: {
      'serve.js':
        "const http = require('node:http'), zlib = require('node:zlib');\nhttp.createServer((q, a) => { let n = 0; q.on('data', (d) => (n += d.length)); q.on('end', () => a.end(zlib.gzipSync(q.method + n).length + q.url)); }).listen(@PORT@, '127.0.0.1');\nprocess.on('SIGTERM', () => process.exit(3));\n",
    },
    command: ['node', '@HERE@/serve.js'],
    clients: [['curl', '-s', '-d', 'abc', 'http://127.0.0.1:@PORT@/x']],
    needs: ['node', 'curl'],
  },
];

/** Tools that are missing here. */
export function lacking({ needs }) {
  return needs.filter((one) => spawnSync('sh', ['-c', `command -v ${one} || test -e ${one}`]).status !== 0);
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function listens(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => done(socket.destroy() !== undefined));
    socket.on('error', () => done(false));
  });
}

/** What the clients are told, and how the server ends. Clients run as the server's user, and under --auto, too, where `held`. */
async function served(server, held, user) {
  const here = mkdtempSync(join(tmpdir(), 'sandbox-run-server-'));
  const port = await freePort();
  const filled = (text) => text.replaceAll('@HERE@', here).replaceAll('@PORT@', String(port));
  for (const [name, text] of Object.entries(server.files)) {
    mkdirSync(dirname(join(here, name)), { recursive: true });
    writeFileSync(join(here, name), filled(text));
  }
  chmodSync(here, 0o755);
  if (user !== undefined) chownSync(here, user, user);
  const env = { PATH, HOME: here, XDG_CACHE_HOME: join(here, 'cache'), LC_ALL: 'C.UTF-8' };
  const options = { cwd: here, env, ...(user === undefined ? {} : { uid: user, gid: user }) };
  const words = (command) => [
    ...(held ? [process.execPath, cli, '--auto', '--'] : []),
    ...command.map(filled),
  ];
  const [program, ...rest] = words(server.command);
  const child = spawn(program, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stdout.resume();
  child.stderr.on('data', (text) => (errors += text));
  const ended = new Promise((done) => child.on('close', (status, signal) => done(signal ?? status)));
  const settle = (text) => text.replaceAll(here, 'HERE').replaceAll(String(port), 'PORT');
  try {
    const answers = [];
    // The first start analyses, beside whatever else the machine does.
    for (let left = 240; left > 0; left--) {
      if ((await listens(port)) || child.exitCode !== null || child.signalCode !== null) break;
      await new Promise((done) => setTimeout(done, 250));
    }
    for (const client of server.clients) {
      const [name, ...more] = words(client);
      const { status, signal, stdout } = spawnSync(name, more, {
        ...options,
        encoding: 'latin1',
        maxBuffer: 1e8,
        timeout: 60_000,
      });
      answers.push(`${signal ?? status} ${settle(stdout ?? '')}`);
    }
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const end = await ended;
    clearTimeout(timer);
    // Log lines with times and numbers of processes differ from run to run; that there are any does not.
    return { answers, end, complains: /SIGSYS|signal 31|sandbox-run/.test(errors + log(here)) };
  } finally {
    child.kill('SIGKILL');
    rmSync(here, { recursive: true, force: true });
  }
}

function log(here) {
  try {
    return readFileSync(join(here, 'error.log'), 'utf8');
  } catch {
    return '';
  }
}

/** Both ways, as root and (where we are root) as nobody: `same`, and what was told. */
export async function compareServer(server) {
  const results = [];
  for (const user of process.getuid() === 0 ? [undefined, NOBODY] : [undefined]) {
    const bare = await served(server, false, user);
    const held = await served(server, true, user);
    const same = JSON.stringify(bare) === JSON.stringify(held);
    results.push({ name: `${server.name}${user === undefined ? '' : ' (nobody)'}`, same, bare, held });
  }
  return results;
}
