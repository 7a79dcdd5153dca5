#!/bin/sh
# The data that the command lines of lines.js work on. $1: an empty folder.
set -e
cd "$1"
mkdir -p data/sub out
cp /usr/share/common-licenses/GPL-2 text.txt
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat /usr/share/common-licenses/GPL-3; done > big.txt
cp /usr/share/common-licenses/GPL-1 data/one.txt
cp /usr/share/common-licenses/BSD data/sub/two.txt
cp -r data data2
echo more >> data2/one.txt
seq 100 -3 1 > numbers.txt
sort text.txt > sorted.txt
sed s/GNU/XNU/ text.txt > other.txt
diff -u text.txt other.txt > change.diff || true
i=0; while [ $i -lt 50 ]; do printf '%d\tname%d\t%d\n' $i $((i * 7 % 13)) $((i * i)); i=$((i + 1)); done > table.tsv
echo '{"items":[{"name":"a","n":1},{"name":"b","n":2}],"x":null}' > data.json
printf 'a b\nb c\nc d\n' > pairs.txt
printf 'scale=20\n4*a(1)+2^64\n1/3\n' > sum.bc
cp text.txt out/edit.txt
touch -d 2020-01-01 out/t
tar cf archive.tar data; tar czf archive.tar.gz data
gzip -nkc text.txt > text.gz; bzip2 -kc text.txt > text.bz2; xz -kc text.txt > text.xz; zstd -qc text.txt > text.zst
sqlite3 data.db 'create table t(n integer, s text); with recursive c(x) as (values(1) union all select x+1 from c where x<500) insert into t select x, hex(x) from c;'
openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out ec.pem 2>/dev/null
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' > prog.c
gcc -g prog.c -o prog
printf 'all:\n\t@echo made\n' > Makefile.simple
printf 'all: out/x\n\t@cat out/x | wc -c\nout/x: text.txt\n\t@cp text.txt out/x\n' > Makefile.work
printf 'n=0\nfor f in data/*.txt; do\n  n=$((n + $(wc -l < "$f")))\ndone\necho "$n lines"\ncat numbers.txt | sort -n | head -2\ntrap "echo bye" EXIT\n( echo sub ) &\nwait\n' > script.sh
cat > work.py <<'P'
import collections, csv, json, os, re, socket, struct, tempfile, threading, zlib, bz2, lzma, decimal, datetime, multiprocessing.pool
words = collections.Counter(re.findall(r'\w+', open('text.txt').read()))
print(words.most_common(3))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'x.csv')
    with open(path, 'w', newline='') as file:
        csv.writer(file).writerows([[1, 2], [3, 4]])
    print(open(path).read(), os.listdir(folder))
a, b = socket.socketpair()
a.send(b'ping'); print(b.recv(4))
with multiprocessing.pool.ThreadPool(2) as pool:
    print(pool.map(lambda x: x * x, range(5)))
server = socket.create_server(('127.0.0.1', 0))
thread = threading.Thread(target=lambda: server.accept()[0].sendall(b'hi'))
thread.start()
print(socket.create_connection(server.getsockname()).recv(2)); thread.join()
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitpid(pid, 0)[1] >> 8, len(zlib.compress(b'x' * 1000)), decimal.Decimal(1) / 3)
P
cat > work.js <<'P'
// What comes first differs from run to run.
const lines = [], print = (...words) => lines.push(words.join(' '));
process.on('exit', () => console.log(lines.sort().join('\n')));
const fs = require('node:fs'), net = require('node:net'), zlib = require('node:zlib'), crypto = require('node:crypto'), { Worker } = require('node:worker_threads');
print(crypto.createHash('sha256').update(fs.readFileSync('text.txt')).digest('hex'), zlib.gunzipSync(zlib.gzipSync('x')).toString());
const server = net.createServer((socket) => socket.end('hi')).listen(0, '127.0.0.1', () => {
  net.connect(server.address().port, '127.0.0.1').on('data', (data) => { print(data.toString()); server.close(); });
});
new Worker('require("node:worker_threads").parentPort.postMessage(7)', { eval: true }).on('message', (value) => print(value));
fs.promises.readdir('data').then((names) => print(names.sort()));
crypto.pbkdf2('a', 'b', 1000, 16, 'sha1', (_, key) => print(key.toString('hex')));
P
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q repo; cd repo; echo first > a.txt; git add .; git commit -qm one; echo second >> a.txt; git commit -qam two; cd ..
git clone -q repo repo2; echo third >> repo2/a.txt
zip -qr archive.zip data; find data | cpio -o > archive.cpio 2>/dev/null; ar rc archive.a numbers.txt
printf ',s/GNU/gnu/g\n1p\nw\n' > ed.txt
printf 'print(#io.open("text.txt"):read("a"))\nlocal t = {}\nfor i = 1, 9 do t[i] = i * i end\nprint(table.concat(t, ","))\n' > work.lua
printf 'set f [open text.txt]\nputs [string length [read $f]]\nclose $f\nputs [clock format 0 -gmt 1]\nputs [exec cat pairs.txt]\n' > work.tcl
printf '<html><head><title>t</title></head><body><h1>Head</h1><p>Some <b>text</b>.</p></body></html>\n' > page.html
printf '<?xml version="1.0"?>\n<a><b>1</b><b>2</b></a>\n' > page.xml
printf '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/><xsl:template match="/"><xsl:value-of select="sum(//b)"/></xsl:template></xsl:stylesheet>\n' > style.xsl
printf 'digraph g { a -> b; b -> c; a -> c }\n' > graph.dot
printf '%%!PS\n/Times-Roman findfont 20 scalefont setfont 72 720 moveto (Hello) show showpage\n' > page.ps
gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -o page.pdf page.ps || true
convert -size 8x8 xc:blue image.png || true
ffmpeg -v error -f lavfi -i sine=d=0.1 out.wav || true
printf 'message("from cmake")\nfile(WRITE out/x.txt y)\nexecute_process(COMMAND cat numbers.txt OUTPUT_VARIABLE x)\n' > script.cmake
mkdir cmake; printf 'cmake_minimum_required(VERSION 3.13)\nproject(x NONE)\nadd_custom_target(y ALL COMMAND true)\n' > cmake/CMakeLists.txt
printf 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\nmsgid "a"\nmsgstr "b"\n' > text.po
printf 'bold\nsgr0\n' > tput.txt
infocmp xterm > term.ti
printf 'define(x, 7)dnl\nx eval(x * 6) len(text)\n' > macro.m4
printf '%%%%\n[a-z]+ { ; }\n%%%%\nint yywrap(void) { return 1; }\n' > lex.l
printf '.TL\nTitle\n.PP\nSome text.\n' > page.ms
bzip2 -k text.txt
age-keygen -o age.key 2> age.log; age -i age.key --encrypt -o text.age text.txt
ssh-keygen -q -t ed25519 -N '' -C '' -f key
mkdir -m 700 out/gpg
