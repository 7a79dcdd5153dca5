// The servers that servers.js compares. command, clients: words with @PORT@ and @HERE@ in them. files: what stands in the folder. prepare:
// commands that run there first, bare. isRoots, isNobodys: it can be started as this user alone. needs: what has to be installed.

const get = (path) => ['curl', '-s', `http://127.0.0.1:@PORT@${path}`];
const status = (path) => [
  'curl',
  '-s',
  '-o',
  '/dev/null',
  '-w',
  '%{http_code}',
  `http://127.0.0.1:@PORT@${path}`,
];
const lines = (...texts) => texts.map((text) => `${text}\n`).join('');
/** What a client sends over a plain connection, and what it gets until the other side closes. */
const talk = (sent) => ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/@PORT@; printf '${sent}' >&3; cat <&3`];

/** What name servers are asked, both ways. */
const questions = ['+notcp', '+tcp'].map((way) =>
  `dig +short +tries=1 ${way} -p @PORT@ @127.0.0.1 name.test`.split(' '),
);

/** Debian 12's. */
const POSTGRES = '/usr/lib/postgresql/15/bin';

/** Those of the test suite. */
export const servers = [
  {
    name: 'nginx',
    files: {
      'nginx.conf': lines(
        'error_log @HERE@/error.log;',
        'pid @HERE@/pid;',
        'worker_processes 2;',
        'load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;',
        'events {}',
        'http {',
        '  access_log off;',
        '  client_body_temp_path @HERE@/t1; proxy_temp_path @HERE@/t2; fastcgi_temp_path @HERE@/t3; uwsgi_temp_path @HERE@/t4; scgi_temp_path @HERE@/t5;',
        '  gzip on; gzip_min_length 1; gzip_types text/plain;',
        '  server { listen 127.0.0.1:@PORT@; root @HERE@/www; location /echo { echo from a module; } location /list/ { autoindex on; alias @HERE@/www/; } }',
        '}',
      ),
      'www/index.html': '<h1>served</h1>\n',
      'www/big.txt': 'line\n'.repeat(20000),
    },
    command: ['nginx', '-c', '@HERE@/nginx.conf', '-g', 'daemon off;'],
    clients: [
      get('/'),
      get('/echo'),
      ['curl', '-s', '--compressed', 'http://127.0.0.1:@PORT@/big.txt'],
      ['curl', '-s', '-r', '100-199', 'http://127.0.0.1:@PORT@/big.txt'],
      status('/none'),
      [...status('/'), '-X', 'POST', '-d', 'x=1'],
    ],
    needs: ['nginx', 'curl', '/usr/lib/nginx/modules/ngx_http_echo_module.so'],
  },
  {
    name: 'redis',
    files: {},
    command:
      'redis-server --port @PORT@ --bind 127.0.0.1 --dir @HERE@ --loglevel warning --appendonly yes'.split(
        ' ',
      ),
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
    clients: [get('/file.txt'), status('/none')],
    needs: ['python3.11', 'curl'],
  },
  {
    name: 'node',
    files: {
      'serve.js': lines(
        "const http = require('node:http'), zlib = require('node:zlib');",
        "http.createServer((q, a) => { let n = 0; q.on('data', (d) => (n += d.length)); q.on('end', () => a.end(zlib.gzipSync(q.method + n).length + q.url)); }).listen(@PORT@, '127.0.0.1');",
        "process.on('SIGTERM', () => process.exit(3));",
      ),
    },
    command: ['node', '@HERE@/serve.js'],
    clients: [['curl', '-s', '-d', 'abc', 'http://127.0.0.1:@PORT@/x']],
    needs: ['node', 'curl'],
  },
  {
    name: 'apache2',
    files: {
      'apache.conf': lines(
        'ServerRoot @HERE@',
        'ServerName localhost',
        'Listen 127.0.0.1:@PORT@',
        'PidFile @HERE@/pid',
        'ErrorLog @HERE@/error.log',
        ...['mpm_event', 'authz_core', 'dir', 'mime', 'filter', 'deflate'].map(
          (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
        ),
        'TypesConfig /etc/mime.types',
        'DocumentRoot @HERE@/www',
        'AddOutputFilterByType DEFLATE text/plain',
        'User www-data',
        'Group www-data',
      ),
      'www/index.html': '<h1>served</h1>\n',
      'www/big.txt': 'line\n'.repeat(20000),
    },
    command: ['apache2', '-f', '@HERE@/apache.conf', '-D', 'FOREGROUND'],
    clients: [get('/'), ['curl', '-s', '--compressed', 'http://127.0.0.1:@PORT@/big.txt'], status('/none')],
    needs: ['apache2', 'curl'],
  },
  {
    name: 'haproxy',
    files: {
      'haproxy.cfg': lines(
        'defaults',
        '  mode http',
        '  timeout client 5s',
        '  timeout server 5s',
        '  timeout connect 5s',
        'frontend all',
        '  bind 127.0.0.1:@PORT@',
        '  http-request return status 200 content-type text/plain string "served" if { path /here }',
        '  default_backend none',
        'backend none',
        '  server none 127.0.0.1:1',
      ),
    },
    command: ['haproxy', '-db', '-f', '@HERE@/haproxy.cfg'],
    clients: [get('/here'), status('/there')],
    needs: ['haproxy', 'curl'],
  },
  {
    name: 'memcached',
    files: {},
    command: ['memcached', '-l', '127.0.0.1', '-p', '@PORT@', '-u', 'nobody'],
    clients: [talk('set a 0 0 2\\r\\nhi\\r\\nget a\\r\\nquit\\r\\n')],
    needs: ['memcached'],
  },
  {
    name: 'postgres',
    files: {},
    prepare: [`${POSTGRES}/initdb -D @HERE@/data -U me`.split(' ')],
    command: `${POSTGRES}/postgres -D @HERE@/data -p @PORT@ -k @HERE@ -h 127.0.0.1`.split(' '),
    clients: [
      'create table t as select generate_series(1, 9999) x',
      'select sum(x) from t',
      'vacuum analyze t',
      'create index on t (x)',
      'do $$ begin perform 7; end $$',
    ].map((query) => [
      'psql',
      '-h',
      '127.0.0.1',
      '-p',
      '@PORT@',
      '-U',
      'me',
      '-d',
      'postgres',
      '-Atc',
      query,
    ]),
    isNobodys: true,
    needs: ['psql', POSTGRES],
  },
  {
    name: 'sshd',
    files: {
      sshd_config: lines(
        'Port @PORT@',
        'ListenAddress 127.0.0.1',
        'HostKey @HERE@/host',
        'PidFile @HERE@/pid',
        'AuthorizedKeysFile @HERE@/key.pub',
        'StrictModes no',
        'UsePAM yes',
        'Subsystem sftp /usr/lib/openssh/sftp-server',
      ),
    },
    prepare: [
      ['mkdir', '-p', '/run/sshd'],
      ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '@HERE@/host'],
      ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '@HERE@/key'],
    ],
    command: ['/usr/sbin/sshd', '-D', '-e', '-f', '@HERE@/sshd_config'],
    clients: [
      [
        ...'ssh -q -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i @HERE@/key -p @PORT@'.split(
          ' ',
        ),
        'root@127.0.0.1',
        'echo served',
      ],
    ],
    isRoots: true,
    needs: ['/usr/sbin/sshd', 'ssh'],
  },
];

/** Those that `npm run bench:auto` tries besides, where they are installed. */
export const furtherServers = [
  {
    name: 'lighttpd',
    files: {
      'lighttpd.conf': lines(
        'server.document-root = "@HERE@/www"',
        'server.port = @PORT@',
        'server.bind = "127.0.0.1"',
        'server.modules = ("mod_access", "mod_accesslog", "mod_dirlisting")',
        'accesslog.filename = "@HERE@/access"',
        'dir-listing.activate = "enable"',
      ),
      'www/file.txt': 'served\n',
    },
    command: ['lighttpd', '-D', '-f', '@HERE@/lighttpd.conf'],
    clients: [get('/file.txt'), status('/')],
    needs: ['lighttpd', 'curl'],
  },
  {
    name: 'dnsmasq',
    files: {},
    command:
      'dnsmasq -k -p @PORT@ -a 127.0.0.1 -z --pid-file=@HERE@/pid -A /name.test/10.1.2.3 --user=nobody'.split(
        ' ',
      ),
    clients: questions,
    needs: ['dnsmasq', 'dig'],
  },
  {
    name: 'unbound',
    files: {
      'unbound.conf': lines(
        'server:',
        '  interface: 127.0.0.1@@PORT@',
        '  port: @PORT@',
        '  username: ""',
        '  chroot: ""',
        '  directory: "@HERE@"',
        '  pidfile: "@HERE@/pid"',
        '  use-syslog: no',
        '  local-data: "name.test. A 10.1.2.3"',
        'remote-control:',
        '  control-enable: no',
      ),
    },
    command: ['unbound', '-d', '-c', '@HERE@/unbound.conf'],
    clients: questions,
    needs: ['unbound', 'dig'],
  },
  {
    name: 'mariadbd',
    files: {},
    prepare: [
      [
        'sh',
        '-c',
        'mariadb-install-db --no-defaults --datadir=@HERE@/data --auth-root-authentication-method=normal --skip-test-db > /dev/null 2>&1',
      ],
    ],
    command:
      'mariadbd --no-defaults --datadir=@HERE@/data --port=@PORT@ --bind-address=127.0.0.1 --socket=@HERE@/s --pid-file=@HERE@/pid'.split(
        ' ',
      ),
    clients: [
      [
        ...'mariadb --no-defaults -h 127.0.0.1 -P @PORT@ -u root -e'.split(' '),
        'create database d; use d; create table t (x int) engine=InnoDB; insert into t values (1), (2); select sum(x) from t;',
      ],
    ],
    isNobodys: true,
    needs: ['mariadbd', 'mariadb'],
  },
  {
    name: 'mosquitto',
    files: { 'mosquitto.conf': lines('listener @PORT@ 127.0.0.1', 'allow_anonymous true') },
    command: ['mosquitto', '-c', '@HERE@/mosquitto.conf'],
    clients: [
      'mosquitto_pub -h 127.0.0.1 -p @PORT@ -t x -m served -r'.split(' '),
      'mosquitto_sub -h 127.0.0.1 -p @PORT@ -t x -C 1'.split(' '),
    ],
    needs: ['mosquitto', 'mosquitto_pub'],
  },
  {
    name: 'php -S',
    files: { 'x.php': '<?php echo strtoupper("served");' },
    command: ['php', '-S', '127.0.0.1:@PORT@', '-t', '@HERE@'],
    clients: [get('/x.php')],
    needs: ['php', 'curl'],
  },
  {
    name: 'rsync',
    files: {
      'rsync.conf': lines(
        'port = @PORT@',
        'address = 127.0.0.1',
        'use chroot = no',
        '[files]',
        'path = @HERE@/files',
      ),
      'files/a.txt': 'served\n',
    },
    command: ['rsync', '--daemon', '--no-detach', '--config=@HERE@/rsync.conf'],
    clients: [
      ['rsync', '-r', 'rsync://127.0.0.1:@PORT@/files/', '@HERE@/out/'],
      ['cat', '@HERE@/out/a.txt'],
    ],
    needs: ['rsync'],
  },
  {
    name: 'squid',
    files: {
      'squid.conf': lines(
        'http_port 127.0.0.1:@PORT@',
        'http_access allow all',
        'pid_filename @HERE@/pid',
        'cache_log @HERE@/error.log',
        'access_log none',
        'coredump_dir @HERE@',
        'netdb_filename none',
        'shutdown_lifetime 1 seconds',
      ),
    },
    command: ['squid', '-N', '-f', '@HERE@/squid.conf'],
    clients: [
      [...'curl -s -o /dev/null -w %{http_code} -x http://127.0.0.1:@PORT@ http://127.0.0.1:1/'.split(' ')],
    ],
    isNobodys: true,
    needs: ['squid', 'curl'],
  },
  {
    name: 'stunnel4',
    files: {
      'stunnel.conf': lines(
        'foreground = yes',
        'pid =',
        '[tunnel]',
        'accept = 127.0.0.1:@PORT@',
        'exec = /bin/echo',
        'execArgs = echo served',
        'cert = @HERE@/cert.pem',
        'key = @HERE@/key.pem',
      ),
    },
    prepare: [
      ...[
        'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout @HERE@/key.pem -out @HERE@/cert.pem'.split(
          ' ',
        ),
      ],
    ],
    command: ['stunnel4', '@HERE@/stunnel.conf'],
    clients: [['sh', '-c', 'openssl s_client -quiet -connect 127.0.0.1:@PORT@ 2> /dev/null']],
    needs: ['stunnel4', 'openssl'],
  },
  {
    name: 'varnishd',
    files: {
      'cache.vcl': lines(
        'vcl 4.1;',
        'backend default { .host = "127.0.0.1"; .port = "1"; }',
        'sub vcl_recv { return (synth(200, "served")); }',
      ),
    },
    command: 'varnishd -F -a 127.0.0.1:@PORT@ -f @HERE@/cache.vcl -n @HERE@/name -s malloc,8m'.split(' '),
    clients: [status('/')],
    isNobodys: true,
    needs: ['varnishd', 'curl'],
  },
  {
    name: 'slapd',
    files: {
      'slapd.conf': lines(
        'include /etc/ldap/schema/core.schema',
        'pidfile @HERE@/pid',
        'modulepath /usr/lib/ldap',
        'moduleload back_mdb',
        'database mdb',
        'suffix "dc=x"',
        'rootdn "cn=a,dc=x"',
        'rootpw p',
        'directory @HERE@/db',
      ),
      'db/.keep': '',
    },
    command: ['slapd', '-d', '0', '-f', '@HERE@/slapd.conf', '-h', 'ldap://127.0.0.1:@PORT@'],
    clients: [['curl', '-s', 'ldap://127.0.0.1:@PORT@/?namingContexts?base']],
    isRoots: true,
    needs: ['slapd', 'curl'],
  },
  {
    name: 'ruby',
    files: {
      'serve.rb': lines(
        'require "socket"',
        'server = TCPServer.new("127.0.0.1", @PORT@)',
        'Signal.trap("TERM") { exit! 3 }',
        'loop { Thread.new(server.accept) { |c| c.gets until $_ == "\\r\\n"; c.write("HTTP/1.0 200 OK\\r\\n\\r\\nserved"); c.close } }',
      ),
    },
    command: ['ruby', '@HERE@/serve.rb'],
    clients: [['curl', '-s', '--http0.9', '-m', '5', 'http://127.0.0.1:@PORT@/']],
    needs: ['ruby', 'curl'],
  },
  {
    name: 'perl',
    files: {
      'serve.pl': lines(
        'use IO::Socket::INET;',
        'my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => @PORT@, ReuseAddr => 1);',
        'while (my $c = $server->accept) {',
        '  if (!fork) { while (<$c>) { last if /^\\r?\\n/ } print $c "HTTP/1.0 200 OK\\r\\n\\r\\nserved\\n"; exit }',
        '  close $c;',
        '}',
      ),
    },
    command: ['perl', '@HERE@/serve.pl'],
    clients: [get('/')],
    needs: ['perl', 'curl'],
  },
  {
    name: 'socat',
    files: {},
    command: ['socat', 'TCP-LISTEN:@PORT@,bind=127.0.0.1,fork,reuseaddr', 'EXEC:cat'],
    clients: [['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/@PORT@; echo served >&3; head -n 1 <&3']],
    needs: ['socat'],
  },
  {
    name: 'java',
    files: {
      'S.java': lines(
        'import com.sun.net.httpserver.*; import java.net.*;',
        'public class S { public static void main(String[] a) throws Exception {',
        '  HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", @PORT@), 0);',
        '  s.createContext("/", e -> { byte[] b = "served".getBytes(); e.sendResponseHeaders(200, b.length); e.getResponseBody().write(b); e.close(); });',
        '  s.start(); } }',
      ),
    },
    command: ['java', '@HERE@/S.java'],
    clients: [get('/')],
    needs: ['javac', 'curl'],
  },
  {
    name: 'go',
    files: {
      'serve.go': lines(
        'package main',
        'import ("fmt"; "net/http")',
        'func main() {',
        '  http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "served") })',
        '  http.ListenAndServe("127.0.0.1:@PORT@", nil)',
        '}',
      ),
    },
    prepare: [['sh', '-c', 'cd @HERE@ && GOCACHE=@HERE@/cache go build -o serve serve.go']],
    command: ['@HERE@/serve'],
    clients: [get('/')],
    needs: ['go', 'curl'],
  },
];
