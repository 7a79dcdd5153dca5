// What the presets are learnt from: real work of each program, as its users do it. One line is one run, read by sh; `@` stands before
// the program that is recorded, which is the first word if there is none. `prepare` is not recorded. All of it happens in one
// empty folder, as nobody.
// $PORT is a file server on the loopback that serves this folder.
//
// test/presets/workloads.ts has other work, which must run under what was learnt here.

/**
 * @typedef {object} Preset
 * @property {string} about what it is for, and what it leaves out on purpose
 * @property {string} debian the package
 * @property {readonly string[]} programs those whose code is analysed
 * @property {string} prepare
 * @property {string} learn
 * @property {readonly string[]} [permits] calls that other presets never permit
 */

const text = 'for i in $(seq 400); do echo "line $i of a text, with ümlauts"; done > text.txt';

/** @type {Readonly<Record<string, Preset>>} */
export const presets = {
  ffmpeg: {
    about: 'reads and writes local files and pipes; no network, starts no program',
    debian: 'ffmpeg',
    programs: ['/usr/bin/ffmpeg', '/usr/bin/ffprobe'],
    prepare: text,
    learn: `
ffmpeg -v error -f lavfi -i testsrc=size=320x240:rate=15 -f lavfi -i sine=frequency=440 -t 2 -pix_fmt yuv420p -y a.mp4
ffmpeg -v error -i a.mp4 -c:v libvpx-vp9 -b:v 200k -c:a libopus -deadline realtime -y a.webm
ffmpeg -v error -i a.mp4 -c:v libx265 -x265-params log-level=none -preset ultrafast -y b.mkv
ffmpeg -v error -i a.mp4 -vn -c:a libmp3lame -y a.mp3
ffmpeg -v error -i a.mp4 -vn -c:a flac -y a.flac
ffmpeg -v error -i a.mp4 -vf scale=160:-2,fps=5 -y frame-%02d.png
ffmpeg -v error -framerate 5 -i frame-%02d.png -y a.gif
ffmpeg -v error -i a.mp4 -vf drawtext=text=hello:fontsize=20 -frames:v 1 -y text.jpg
ffmpeg -v error -i a.mp4 -c copy -f hls -hls_time 1 -y a.m3u8
ffmpeg -v error -i a.mp4 -f mpegts - > a.ts
ffmpeg -v error -i - -c copy -f matroska -y c.mkv < a.ts
ffmpeg -v error -threads 4 -i a.mp4 -c:v mpeg4 -pass 1 -f null -
ffmpeg -v error -i text.txt -y never.mp4
ffmpeg -v error -i missing.mp4 -y never.mp4
ffmpeg -v error -progress progress.txt -stats -i a.mp4 -c copy -y d.mov
ffmpeg -hide_banner -codecs > codecs.txt
ffprobe -v error -show_format -show_streams -of json a.mp4
ffprobe -v error -count_frames -show_entries stream=nb_read_frames a.webm
`,
  },
  imagemagick: {
    about:
      'reads and writes local image files; no network, starts no program (PDF and PostScript need ghostscript itself)',
    debian: 'imagemagick',
    programs: ['/usr/bin/convert-im6.q16', '/usr/bin/identify-im6.q16'],
    prepare: text,
    learn: `
convert-im6.q16 -size 300x200 gradient:red-blue a.png
convert-im6.q16 a.png -resize 50% -quality 80 a.jpg
convert-im6.q16 a.png -rotate 30 -blur 0x2 a.webp
convert-im6.q16 a.png a.jpg a.webp -delay 20 a.gif
convert-im6.q16 a.gif -coalesce frame-%d.tiff
convert-im6.q16 -size 200x60 xc:white -font DejaVu-Sans -pointsize 20 -annotate +10+30 hello t.png
convert-im6.q16 a.png -colorspace gray -threshold 50% -compress group4 g.tiff
convert-im6.q16 -size 3000x3000 plasma:fractal -limit memory 8MiB -limit map 16MiB big.jpg
convert-im6.q16 a.png bmp:- > a.bmp
convert-im6.q16 - -flip -strip b.png < a.bmp
convert-im6.q16 text.txt never.png
convert-im6.q16 missing.png never.png
convert-im6.q16 a.png -crop 50x50 +repage tile-%d.ico
identify-im6.q16 -verbose a.jpg
composite-im6.q16 -gravity center t.png a.png c.png
montage-im6.q16 a.png a.jpg -geometry +2+2 m.png
compare-im6.q16 -metric RMSE a.png c.png d.png
mogrify-im6.q16 -resize 20x20 c.png
`,
  },
  ghostscript: {
    about: 'renders and converts PDF and PostScript; no network, no display, starts no program',
    debian: 'ghostscript',
    programs: ['/usr/bin/gs'],
    prepare: `printf '%%!PS\\n/Helvetica findfont 24 scalefont setfont 72 700 moveto (hello) show\\n0.5 setgray 100 100 200 200 rectfill showpage\\n/Times-Roman findfont 12 scalefont setfont 72 700 moveto (second) show showpage\\n' > a.ps; echo '%!PS (broken' > b.ps; ${text}`,
    learn: `
gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=a.pdf a.ps
gs -q -dNOPAUSE -dBATCH -sDEVICE=png16m -r72 -sOutputFile=p-%d.png a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=jpeg -dTextAlphaBits=4 -dGraphicsAlphaBits=4 -r150 -sOutputFile=p-%d.jpg a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=txtwrite -sOutputFile=- a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=tiffg4 -r300 -dNumRenderingThreads=4 -dBandBufferSpace=500000 -sOutputFile=p.tiff a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=png16m -r300 -dMaxBitmap=10000 -dBufferSpace=200000 -dNumRenderingThreads=4 -sOutputFile=q.png a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=ps2write -sOutputFile=c.ps a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -dPDFSETTINGS=/screen -sOutputFile=m.pdf a.pdf a.pdf
gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -dPDFA=2 -sOutputFile=f.pdf -
gs -q -dNOPAUSE -dBATCH -sDEVICE=nullpage b.ps
gs -q -dNOPAUSE -dBATCH -sDEVICE=nullpage missing.ps
gs -q -dNODISPLAY -c '(a.ps) (r) file closefile quit'
gs -q -dNODISPLAY -c '(%pipe%id) (r) file' -c quit
gs --version
`,
  },
  git: {
    about:
      'all of git on local repositories and over http, https and git://, with its helpers, hooks and a shell for them',
    debian: 'git',
    programs: ['/usr/bin/git'],
    prepare: `export HOME=$PWD; git config --global user.name a; git config --global user.email a@b; git config --global init.defaultBranch main; git config --global gc.auto 0; git config --global protocol.file.allow always; ${text}`,
    learn: `
git init -q r
git -C r commit -q --allow-empty -m one
cp text.txt r && cd r && @git add text.txt
git -C r commit -q -m two
git -C r status --short
git -C r log --stat --graph -p
git -C r --paginate log
git -C r checkout -q -b branch
seq 9 > r/new && @git -C r add -A
git -C r commit -q -m three
git -C r checkout -q main
seq 5 > r/other && @git -C r add -A
git -C r commit -q -m four
git -C r merge -q -m merged branch
git -C r rebase -q branch
git -C r diff HEAD~1
git -C r tag -a -m tagged v1
git -C r gc -q
git -C r fsck
git -C r stash -u
git -C r grep -n line
git -C r blame text.txt
git -C r worktree add -q ../w
git -C r bisect start HEAD HEAD~2
git -C r archive --format=tar.gz -o ../r.tar.gz HEAD
git -C r format-patch -1 -o ..
printf '#!/bin/sh\\necho hook\\n' > r/.git/hooks/pre-commit && chmod +x r/.git/hooks/pre-commit && @git -C r commit -q --allow-empty -m hooked
GIT_EDITOR='sh -c "echo edited > $1" -' @git -C r commit -q --allow-empty --amend
git clone -q r c
git clone -q --bare r b.git
git -C b.git update-server-info
git clone -q http://127.0.0.1:$PORT/b.git h
git -C c pull -q
git -C c push -q ../b.git HEAD:refs/heads/pushed
git -C c submodule -q add ../b.git sub
git clone -q http://127.0.0.1:$PORT/none.git never
git clone -q https://127.0.0.1:$PORT/none.git never
git clone -q git://127.0.0.1:1/none.git never
git clone -q http://no-such-host.invalid/none.git never
git daemon --listen=127.0.0.1 --port=$PORT2 --base-path=. --export-all --timeout=1 --init-timeout=1 --detach --pid-file=daemon.pid
git clone -q git://127.0.0.1:$PORT2/b.git g
git config --list
git credential fill < text.txt
git -C r maintenance run
git -C r fast-export --all > fast
git hash-object -w text.txt
`,
  },
  python3: {
    about: 'what programs in Python usually do: files, threads, child processes, sockets, SQLite',
    debian: 'python3',
    programs: ['/usr/bin/python3.11'],
    prepare: `${text}; cat > server.py <<'END'
import asyncio
async def main():
    s = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*s.sockets[0].getsockname())
    print(await r.read()); await asyncio.to_thread(print, 1); await asyncio.sleep(0.01)
asyncio.run(main())
END`,
    learn: `
/usr/bin/python3 -c 'print(1)'
/usr/bin/python3 -c 'import os, shutil, tempfile, glob; d = tempfile.mkdtemp(); open(d + "/a", "w").write("x"); os.rename(d + "/a", d + "/b"); os.chmod(d + "/b", 0o600); os.symlink("b", d + "/c"); os.link(d + "/b", d + "/e"); os.utime(d + "/b"); os.truncate(d + "/b", 0); print(len(glob.glob(d + "/*")), os.stat(d).st_nlink, os.access(d, os.W_OK)); shutil.copytree(d, d + "2"); shutil.rmtree(d); shutil.rmtree(d + "2")'
/usr/bin/python3 -c 'import subprocess; print(subprocess.run(["/bin/ls", "/"], capture_output=True).returncode, subprocess.getoutput("echo hi | cat"))'
/usr/bin/python3 -c 'import threading, queue, time; q = queue.Queue(); t = [threading.Thread(target=lambda: (time.sleep(0.01), q.put(1))) for _ in range(8)]; [x.start() for x in t]; [x.join() for x in t]; print(q.qsize())'
/usr/bin/python3 -c 'import multiprocessing as m; p = m.Pool(3); print(p.map(abs, range(-5, 0)))'
/usr/bin/python3 -c 'import concurrent.futures as f; print(sum(f.ProcessPoolExecutor(2).map(abs, [-1, -2])))'
/usr/bin/python3 -c 'import multiprocessing as m; m.set_start_method("spawn"); print(m.active_children()); from multiprocessing import shared_memory as s; x = s.SharedMemory(create=True, size=100); x.close(); x.unlink()'
/usr/bin/python3 -c 'import asyncio; p = asyncio.run(asyncio.create_subprocess_exec("/bin/true")); print(p.returncode)'
/usr/bin/python3 server.py
/usr/bin/python3 -c 'import urllib.request as u, os; print(len(u.urlopen("http://127.0.0.1:" + os.environ["PORT"] + "/text.txt").read()))'
/usr/bin/python3 -c 'import socket; print(socket.getaddrinfo("localhost", 80)[0][4]); a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1)); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", 0)); s.sendto(b"y", s.getsockname()); print(s.recvfrom(9)[0]); socket.socket(socket.AF_INET6)'
/usr/bin/python3 -c 'import socket; socket.gethostbyname("no-such-host.invalid")'
/usr/bin/python3 -c 'import ssl; c = ssl.create_default_context(); print(c.check_hostname)'
/usr/bin/python3 -c 'import sqlite3; d = sqlite3.connect("x.db"); d.execute("pragma journal_mode=wal"); d.execute("create table t(a)"); d.executemany("insert into t values (?)", [(i,) for i in range(999)]); d.commit(); print(d.execute("select sum(a) from t").fetchone()); d.execute("vacuum"); d.close()'
/usr/bin/python3 -c 'import zipfile, tarfile, gzip, json, hashlib, random; z = zipfile.ZipFile("x.zip", "w"); z.write("text.txt"); z.close(); tarfile.open("x.tgz", "w:gz").add("text.txt"); random.seed(); print(hashlib.sha256(open("text.txt", "rb").read()).hexdigest())'
/usr/bin/python3 -c 'import mmap, fcntl, select, signal, os, time; f = open("m", "w+b"); f.truncate(4096); m = mmap.mmap(f.fileno(), 4096); m[0] = 1; m.flush(); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_EX); r, w = os.pipe(); signal.signal(signal.SIGALRM, lambda *a: os.write(w, b"a")); signal.setitimer(signal.ITIMER_REAL, 0.01); print(select.select([r], [], [], 5)[0] == [r]); e = select.epoll(); e.register(r); print(len(e.poll())); p = select.poll(); p.register(r); p.poll(); os.fsync(f.fileno()); time.sleep(0.001); os.kill(os.getpid(), 0)'
/usr/bin/python3 -c 'import ctypes, os, pwd, grp, locale, platform, getpass, uuid; print(ctypes.CDLL(None).getpid() == os.getpid(), pwd.getpwuid(os.getuid()).pw_name); platform.platform(); uuid.uuid1(); os.getloadavg(); os.cpu_count(); os.sched_getaffinity(0); os.statvfs("/"); os.times(); os.nice(0); os.getrandom(4); os.uname(); os.umask(0o22); os.getpriority(0, 0); os.getsid(0); os.getpgid(0); import resource; resource.getrlimit(resource.RLIMIT_NOFILE); resource.getrusage(resource.RUSAGE_SELF)'
/usr/bin/python3 -c 'import os, pty; p, f = pty.fork(); f or os._exit(0) if p == 0 else None; os.read(f, 9) if 0 else None; os.waitpid(p, 0)'
/usr/bin/python3 -c 'import os; os.listxattr("."); os.setxattr("text.txt", "user.a", b"x") if 0 else 0; print(os.sendfile(1, os.open("text.txt", 0), 0, 5)); os.copy_file_range(os.open("text.txt", 0), os.open("cp", 66), 9); os.posix_fallocate(os.open("pf", 66), 0, 99); os.preadv(os.open("text.txt", 0), [bytearray(4)], 0); os.memfd_create("x"); os.mkfifo("fifo"); os.scandir("."); os.getlogin() if 0 else 0'
/usr/bin/python3 -m http.server --help
/usr/bin/python3 -m json.tool missing.json
/usr/bin/python3 -c 'import faulthandler, os; faulthandler.enable(); os.abort()'
/usr/bin/python3 -c 'raise SystemExit(3)'
/usr/bin/python3 -m compileall -q .
/usr/bin/python3 -c 'import logging, logging.handlers as h; l = logging.getLogger(); l.addHandler(h.SysLogHandler("/dev/log")) if 0 else l.warning("x"); import gc, tracemalloc; tracemalloc.start(); gc.collect(); x = bytearray(200 << 20); del x'
echo 'print(input())' | @/usr/bin/python3 -i -q
`,
  },
  node: {
    about: 'what programs in Node usually do: files, workers, child processes, servers and clients',
    debian: 'nodejs',
    programs: [process.execPath],
    prepare: text,
    learn: `
node -e 'console.log(1)'
node -e 'const f = require("fs"); f.mkdirSync("d/e", { recursive: true }); f.writeFileSync("d/a", "x"); f.renameSync("d/a", "d/b"); f.copyFileSync("d/b", "d/c"); f.chmodSync("d/c", 0o600); f.symlinkSync("c", "d/l"); f.linkSync("d/c", "d/h"); f.utimesSync("d/c", 1, 1); f.truncateSync("d/c"); console.log(f.readdirSync("d").length, f.statSync("d").isDirectory(), f.realpathSync("d/l"), f.existsSync("no")); f.rmSync("d", { recursive: true }); f.statfsSync("/"); f.mkdtempSync("t-"); f.accessSync("."); f.fsyncSync(f.openSync("q", "w")); f.readvSync(f.openSync("text.txt"), [Buffer.alloc(3)]); f.cpSync("text.txt", "copy"); f.unlinkSync("copy")'
node -e 'const p = require("fs/promises"); (async () => { await p.writeFile("a", "x".repeat(1e6)); for await (const e of await p.opendir(".")) e.name; console.log((await p.readFile("a")).length); const h = await p.open("a"); await h.sync(); await h.close(); await p.appendFile("a", "y"); })()'
node -e 'const c = require("child_process"); console.log(c.execSync("echo hi | cat").toString(), c.spawnSync("/bin/ls", ["/"]).status); c.exec("exit 3", (e) => console.log(e.code)); c.spawn("/bin/cat", { stdio: "inherit" }).on("exit", console.log); c.spawn("/nowhere").on("error", (e) => console.log(e.code))' < text.txt
echo 'process.on("message", (m) => { process.send(m + 1); process.disconnect(); })' > child.js; @node -e 'const p = require("child_process").fork("child.js"); p.on("message", console.log); p.send(1)'
node -e 'const { Worker } = require("worker_threads"); for (let i = 0; i < 4; i++) new Worker("require(\\"worker_threads\\").parentPort.postMessage(1)", { eval: true }).on("message", console.log)'
node -e 'const h = require("http"); const s = h.createServer((q, a) => a.end("x")).listen(0, "127.0.0.1", async () => { console.log(await (await fetch("http://127.0.0.1:" + s.address().port)).text()); s.close(); s.closeAllConnections(); })'
node -e 'const n = require("net"); const s = n.createServer((c) => c.end("u")).listen("sock", () => n.connect("sock").on("data", console.log).on("close", () => s.close()))'
node -e 'const n = require("net"); const s = n.createServer((c) => c.end("u")).listen(0, () => n.connect(s.address().port, "localhost").setNoDelay().setKeepAlive(true).on("data", console.log).on("close", () => s.close()))'
node -e 'const s = require("dgram").createSocket("udp4").on("message", (m) => { console.log(String(m)); s.close(); }).bind(0, "127.0.0.1", () => s.send("x", s.address().port))'
node -e 'require("dns").lookup("localhost", console.log); require("dns").lookup("no-such-host.invalid", (e) => console.log(e.code)); require("dns").resolve4("no-such-host.invalid", (e) => console.log(e.code))'
node -e 'const c = require("crypto"); console.log(c.createHash("sha256").update("x").digest("hex")); c.generateKeyPair("rsa", { modulusLength: 1024 }, () => console.log("key")); c.scrypt("a", "b", 9, () => {}); c.randomBytes(9)'
node -e 'const z = require("zlib"); console.log(z.gunzipSync(z.gzipSync("x")).toString()); z.brotliCompress("x".repeat(1e5), () => {}); require("stream").pipeline(require("fs").createReadStream("text.txt"), z.createGzip(), require("fs").createWriteStream("t.gz"), () => console.log("done"))'
node -e 'const w = require("fs").watch(".", () => { console.log("seen"); w.close(); }); require("fs").writeFileSync("w", "x"); const v = () => {}; require("fs").watchFile("w", { interval: 10 }, v); setTimeout(() => require("fs").unwatchFile("w", v), 50)'
node -e 'process.on("SIGUSR2", () => { console.log("signal"); process.exit(3); }); setTimeout(() => process.kill(process.pid, "SIGUSR2"), 10); setInterval(() => {}, 10)'
node -e 'const o = require("os"); console.log(o.cpus().length > 0, o.userInfo().username, o.hostname().length > 0); o.networkInterfaces(); o.loadavg(); o.freemem(); o.uptime(); o.getPriority(); process.memoryUsage(); process.resourceUsage(); process.umask(); process.getgroups(); process.cpuUsage(); process.hrtime(); process.title = "x"'
node -e 'const b = new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,97,0,0,10,6,1,4,0,65,42,11]); WebAssembly.instantiate(b).then((m) => console.log(m.instance.exports.a())); let s = 0; for (let i = 0; i < 3e7; i++) s += i % 7; console.log(s); globalThis.x = Array.from({ length: 2e6 }, (_, i) => ({ i }))'
node -e 'const c = require("cluster"); if (c.isPrimary) { c.fork().on("exit", (s) => console.log(s)); } else require("http").createServer().listen(0, () => process.exit(4))'
node -e 'throw new Error("x")'
node -e 'process.abort()'
node missing.js
echo 'console.log(2)' | @node -
echo '1 + 1' | @node -i
node --input-type=module -e 'import { readFile } from "node:fs/promises"; console.log((await readFile("text.txt")).length)'
node --test --test-reporter=tap child.js
node --inspect=127.0.0.1:0 -e 'console.log(1)'
node --cpu-prof -e 'console.log(1)'
npm --version
npm init -y
npm pack --dry-run --offline
`,
  },
  chromium: {
    about:
      'headless Chromium with its own sandbox on, which makes namespaces and filters of its own inside this one',
    debian: 'chromium-headless-shell',
    // Its sandbox shuts renderers into an empty directory, in a user namespace of their own.
    permits: ['chroot'],
    programs: ['/usr/lib/chromium/chromium-headless-shell'],
    prepare: `export HOME=$PWD; echo '<title>t</title><h1>hello</h1><canvas id=c></canvas><script>document.body.append(1+1); new Worker(URL.createObjectURL(new Blob(["postMessage(3)"]))).onmessage = (e) => document.body.append(e.data); document.getElementById("c").getContext("2d").fillRect(0, 0, 9, 9); localStorage.a = 1; indexedDB.open("x")</script>' > a.html; ${text}`,
    learn: `
$CHROMIUM --dump-dom file://$PWD/a.html
$CHROMIUM --dump-dom http://127.0.0.1:$PORT/a.html
$CHROMIUM --screenshot=$PWD/a.png --window-size=400,300 http://127.0.0.1:$PORT/a.html
$CHROMIUM --print-to-pdf=$PWD/a.pdf --virtual-time-budget=2000 http://127.0.0.1:$PORT/a.html
$CHROMIUM --user-data-dir=$PWD/profile --dump-dom 'data:text/html,<p>x'
$CHROMIUM --user-data-dir=$PWD/profile --dump-dom http://localhost:$PORT/a.html
$CHROMIUM --dump-dom http://no-such-host.invalid/
$CHROMIUM --dump-dom https://127.0.0.1:$PORT/
$CHROMIUM --enable-logging=stderr --dump-dom http://127.0.0.1:$PORT/text.txt
$CHROMIUM --timeout=3000 --dump-dom chrome://crash
`,
  },
};
