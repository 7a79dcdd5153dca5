// Other work than the presets were learnt from (scripts/presets/workloads.js), in the same form: one line is one run, read by sh; `@`
// stands before the program that runs under the preset, which is the first word if there is none. What a line prints must
// be the same each time.

export interface Work {
  /** What must be there, and the Debian package that brings it. */
  readonly needs: readonly [file: string, debian: string];
  readonly prepare: string;
  readonly lines: string;
}

const text = 'for i in $(seq 50); do echo "row $i, ünï" ; done > rows.txt';

export const works: Readonly<Record<string, Work>> = {
  ffmpeg: {
    needs: ['/usr/bin/ffmpeg', 'ffmpeg'],
    prepare: text,
    lines: `
ffmpeg -v error -f lavfi -i mandelbrot=size=160x120:rate=5 -t 1 -c:v mjpeg -f framemd5 -
ffmpeg -v error -bitexact -f lavfi -i testsrc2=size=96x64:rate=10 -t 1 -c:v libvpx -threads 1 -f webm -y v.webm
ffmpeg -v error -bitexact -i v.webm -filter_complex '[0:v]split[a][b];[a]hflip[c];[b][c]overlay=10:10,fade=in:0:5' -c:v ffv1 -threads 1 -f md5 -
ffmpeg -v error -f lavfi -i anoisesrc=seed=1:d=1 -af loudnorm,aresample=22050 -c:a aac -f null -
ffmpeg -v error -ss 0.3 -i v.webm -frames:v 1 -f image2pipe -c:v ppm - | md5sum
printf '1\\n00:00:00,000 --> 00:00:01,000\\nhello\\n' > s.srt; @ffmpeg -v error -i s.srt -f ass -
printf "file v.webm\\nfile v.webm\\n" > l; @ffmpeg -v error -f concat -i l -c copy -f framemd5 -
head -c 999 /dev/zero > z.mp4; @ffmpeg -v error -i z.mp4 -f null - 2>/dev/null
ffprobe -v error -show_entries stream=width,height,codec_name -of csv v.webm
`,
  },
  imagemagick: {
    needs: ['/usr/bin/convert-im6.q16', 'imagemagick'],
    prepare: text,
    lines: `
convert-im6.q16 -size 120x80 radial-gradient:white-navy -resize 33x22 ppm:-
convert-im6.q16 rose: -sepia-tone 80% -sharpen 0x1 pgm:- | md5sum
convert-im6.q16 rose: -quality 60 r.jpg; @identify-im6.q16 -format '%m %w %h' r.jpg
convert-im6.q16 rose: wizard: -append -colors 16 gif:- | md5sum
convert-im6.q16 -size 1500x1500 xc:red -limit memory 1MiB -limit map 1MiB -negate -scale 1x1 txt:-
convert-im6.q16 -font DejaVu-Sans label:hello -trim -format '%wx%h' info:-
head -c 99 /dev/urandom > bad.png; @convert-im6.q16 bad.png out.png 2>/dev/null
convert-im6.q16 rose: -set comment x miff:- | md5sum >/dev/null; @identify-im6.q16 rose:
`,
  },
  ghostscript: {
    needs: ['/usr/bin/gs', 'ghostscript'],
    prepare: `printf '%%!PS-Adobe-3.0 EPSF-3.0\\n%%%%BoundingBox: 0 0 200 200\\n/Courier findfont 30 scalefont setfont 20 100 moveto (other) show 10 10 50 0 360 arc fill showpage\\n' > o.eps`,
    lines: `
gs -q -dNOPAUSE -dBATCH -sDEVICE=bbox o.eps 2>&1
gs -q -dNOPAUSE -dBATCH -dEPSCrop -sDEVICE=pdfwrite -sOutputFile=o.pdf o.eps
gs -q -dNOPAUSE -dBATCH -sDEVICE=inkcov -o - o.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=pnggray -r50 -o - o.pdf | md5sum
gs -q -dNOPAUSE -dBATCH -sDEVICE=txtwrite -o - o.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=pbmraw -r600 -dMaxBitmap=100000 -dNumRenderingThreads=2 -o - o.eps | md5sum
gs -q -dNODISPLAY -dBATCH -c '1 2 add ='
`,
  },
  git: {
    needs: ['/usr/bin/git', 'git'],
    prepare: `export HOME=$PWD; git config --global user.name x; git config --global user.email x@y; git config --global protocol.file.allow always; export GIT_AUTHOR_DATE='1 +0000' GIT_COMMITTER_DATE='1 +0000'; git init -q -b main s; cd s; for i in 1 2 3 4; do echo $i > f$i; git add .; git commit -qm c$i; done; git branch side HEAD~2; cd ..; git clone -q --bare s s.git; git -C s.git update-server-info; ${text}`,
    lines: `
git -C s log --oneline --decorate
git clone -q --no-local s.git full; git -C full rev-parse HEAD
git clone -q http://127.0.0.1:$PORT/s.git web; git -C web rev-parse HEAD
git -C s checkout -q side; @git -C s cherry-pick main
git -C s revert --no-edit HEAD >/dev/null; git -C s status --porcelain
git -C s describe --all
git -C s mv f1 f9; git -C s status --short
git -C s reset -q --hard; touch s/junk; @git -C s clean -f
git -C s bundle create -q ../b main; @git bundle list-heads b
git -C s diff main~2 main > p; cd s; git checkout -q main~2; @git apply --stat ../p
git -C s notes add -m note; git -C s notes list | wc -l
GIT_SEQUENCE_EDITOR=true GIT_EDITOR=true @git -C s rebase -q -i main~2; git -C s rev-parse main
git -C s repack -adq; git -C s count-objects -v | grep in-pack
git -C s ls-tree -r main; git -C s rm -q f2
git -C s tag t; git -C s show-ref --tags -s | wc -l
git -C s -c alias.hi='!echo from a shell' hi
git clone -q http://127.0.0.1:$PORT/nothing.git no 2>/dev/null
`,
  },
  python3: {
    needs: ['/usr/bin/python3', 'python3'],
    prepare: `${text}; cat > sub.py <<'END'
import subprocess as s
p = s.Popen(["cat"], stdin=s.PIPE, stdout=s.PIPE)
print(p.communicate(b"piped"))
try: s.run(["sleep", "9"], timeout=0.05)
except s.TimeoutExpired: print("late")
END
cat > tasks.py <<'END'
import asyncio, os, signal
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print, "term")
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    p = await asyncio.create_subprocess_shell("echo sub; exit 2", stdout=-1)
    print(await p.communicate(), p.returncode)
    print(await asyncio.gather(*(asyncio.to_thread(abs, -i) for i in range(3))))
asyncio.run(main())
END`,
    lines: `
/usr/bin/python3 -c 'import csv, decimal, datetime, re; print(sum(1 for _ in csv.reader(open("rows.txt"))), decimal.Decimal("0.1") * 3, re.findall("[0-9]+", "a1b22"))'
/usr/bin/python3 -c 'import multiprocessing as m, sys; q = m.Queue(); p = m.Process(target=q.put, args=(4,)); p.start(); print(q.get()); p.join(); l = m.Lock(); l.acquire(); print(m.Value("i", 3).value)'
/usr/bin/python3 sub.py
/usr/bin/python3 -c 'import http.server as h, threading, http.client as c; s = h.ThreadingHTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler); s.RequestHandlerClass.log_message = lambda *a: None; threading.Thread(target=s.serve_forever, daemon=True).start(); k = c.HTTPConnection(*s.server_address); k.request("GET", "/rows.txt"); print(k.getresponse().status); s.shutdown()'
/usr/bin/python3 -c 'import socketserver, socket, os, threading; s = socketserver.UnixStreamServer("s", type("H", (socketserver.StreamRequestHandler,), {"handle": lambda self: self.wfile.write(b"hi")})); threading.Thread(target=s.handle_request).start(); c = socket.socket(socket.AF_UNIX); c.connect("s"); print(c.recv(9)); os.unlink("s")'
/usr/bin/python3 -c 'import sqlite3, threading; d = sqlite3.connect("t.db", check_same_thread=False); d.execute("create table if not exists t(a)"); d.execute("begin immediate"); d.execute("insert into t values (1)"); d.rollback(); print(d.execute("select count(*) from t").fetchall())'
/usr/bin/python3 -c 'import tempfile, os, lzma, shutil, pathlib; f = tempfile.NamedTemporaryFile(); f.write(lzma.compress(b"x" * 9999)); f.flush(); print(os.path.getsize(f.name)); p = pathlib.Path("x/y"); p.mkdir(parents=True); (p / "z").touch(); print(sorted(map(str, pathlib.Path("x").rglob("*")))); shutil.make_archive("arch", "zip", "x"); shutil.rmtree("x"); print(shutil.disk_usage("/").total > 0)'
/usr/bin/python3 -c 'import signal, os, time; signal.signal(signal.SIGUSR1, lambda *a: print("got")); os.kill(os.getpid(), signal.SIGUSR1); pid = os.fork(); pid or os._exit(7); print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])); print(signal.sigtimedwait([], 0.01)); time.sleep(0.01)'
/usr/bin/python3 tasks.py
/usr/bin/python3 -c 'import socket; print(socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG))'
/usr/bin/python3 -m venv --without-pip v && ls v
/usr/bin/python3 -c 'import ctypes; f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1); print(f(1))'
/usr/bin/python3 -c 'import unittest, random, statistics; print(statistics.mean(range(9))); unittest.main(argv=["x"], exit=False)' 2>/dev/null
/usr/bin/python3 -m zipfile -c rows.zip rows.txt && @/usr/bin/python3 -m zipfile -t rows.zip
/usr/bin/python3 -c 'import sys; sys.exit("bad")'
`,
  },
  node: {
    needs: [process.execPath, 'nodejs'],
    prepare: text,
    lines: `
node -e 'const h = require("http2"); const s = h.createServer((q, a) => a.end("two")); s.listen(0, "127.0.0.1", () => { const c = h.connect("http://127.0.0.1:" + s.address().port); c.request({ ":path": "/" }).on("data", (d) => console.log(String(d))).on("end", () => { c.close(); s.close(); }); })'
node -e 'const { Worker, isMainThread } = require("worker_threads"); const b = new SharedArrayBuffer(4); const w = new Worker("const w = require(\\"worker_threads\\"); Atomics.store(new Int32Array(w.workerData), 0, 7); Atomics.notify(new Int32Array(w.workerData), 0)", { eval: true, workerData: b }); w.on("exit", () => console.log(new Int32Array(b)[0]))'
node -e 'const p = require("fs/promises"); (async () => { await p.mkdir("m/n", { recursive: true }); await p.writeFile("m/n/f", "x"); await p.cp("m", "o", { recursive: true }); console.log((await p.readdir("o", { recursive: true })).sort()); await p.rm("o", { recursive: true }); await p.rename("m", "q"); await p.rm("q", { recursive: true }); console.log((await p.stat("rows.txt")).isFile()); await p.lchown("rows.txt", process.getuid(), process.getgid()); })()'
node -e 'const { exec, execFile, spawn } = require("child_process"); exec("sleep 9", { timeout: 50 }, (e) => console.log(e.signal)); execFile("sort", ["-r", "rows.txt"], (e, o) => console.log(o.length)); const c = spawn("sh", ["-c", "read x; echo got $x"], { stdio: ["pipe", "inherit", "pipe"] }); c.stdin.end("it\\n")' | sort
node -e 'const r = require("readline").createInterface({ input: require("fs").createReadStream("rows.txt") }); let n = 0; r.on("line", () => n++).on("close", () => console.log(n))'
node -e 'const { createServer, connect } = require("net"); const s = createServer((c) => c.pipe(c)).listen(0, "127.0.0.1", () => { let n = 0; const c = connect(s.address().port, "127.0.0.1"); c.end(Buffer.alloc(1 << 20)); c.on("data", (d) => (n += d.length)).on("end", () => { console.log(n); s.close(); }); })'
node -e 'const c = require("crypto"); const { publicKey, privateKey } = c.generateKeyPairSync("ec", { namedCurve: "P-256" }); console.log(c.verify("sha256", "x", publicKey, c.sign("sha256", "x", privateKey)), c.pbkdf2Sync("a", "b", 99, 9, "sha1").toString("hex"))'
node -e 'const vm = require("vm"); console.log(vm.runInNewContext("1 + x", { x: 2 }), structuredClone({ a: [1] }), require("perf_hooks").performance.now() > 0); queueMicrotask(() => console.log("micro")); setImmediate(() => console.log("immediate"))'
node -e 'fetch("http://127.0.0.1:" + process.env.PORT + "/rows.txt").then(async (a) => console.log((await a.text()).length))'
node -e 'const z = require("zlib"); const s = require("stream/promises"); const f = require("fs"); s.pipeline(f.createReadStream("rows.txt"), z.createBrotliCompress(), z.createBrotliDecompress(), f.createWriteStream("back")).then(() => console.log(f.readFileSync("back").equals(f.readFileSync("rows.txt"))))'
node -e 'process.on("SIGTERM", () => { console.log("term"); process.exitCode = 5; clearInterval(t); }); const t = setInterval(() => {}, 9); process.kill(process.pid, "SIGTERM")'
node -e 'const d = require("dgram"); const s = d.createSocket("udp6", (m) => { console.log(String(m)); s.close(); }).bind(0, "::1", () => s.send("six", s.address().port, "::1"))' 2>/dev/null
node --input-type=module -e 'import { watch } from "node:fs/promises"; import { writeFileSync } from "node:fs"; setTimeout(() => writeFileSync("watched", "x"), 50); for await (const e of watch(".")) if (e.filename === "watched") { console.log("change"); break; }'
npm ls
node -p 'process.exit(4)'
`,
  },
  chromium: {
    needs: ['/usr/bin/chromium-headless-shell', 'chromium-headless-shell'],
    prepare: `echo '<form><input value=1></form><iframe srcdoc="<p>inner"></iframe><script>fetch("rows.txt").then(async (a) => document.title = (await a.text()).length); document.write(crypto.getRandomValues(new Uint8Array(4)).length)</script>' > f.html; ${text}`,
    lines: `
$CHROMIUM --virtual-time-budget=3000 --dump-dom http://127.0.0.1:$PORT/f.html 2>/dev/null
$CHROMIUM --dump-dom "file://$PWD/rows.txt" 2>/dev/null | wc -l
$CHROMIUM --window-size=200,100 --screenshot=$PWD/s.png 'data:text/html,<body style="background:red">' 2>/dev/null; md5sum < s.png
$CHROMIUM --no-pdf-header-footer --print-to-pdf=$PWD/s.pdf 'data:text/html,<h1>pdf' 2>/dev/null; head -c 5 s.pdf
$CHROMIUM --user-data-dir=$PWD/p --dump-dom "data:text/html,<script>document.write(1+2)</script>" 2>/dev/null
`,
  },
};
