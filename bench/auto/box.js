// A place where programs that nobody looked at can be started: as nobody, with no network, other processes, sockets or disks in reach,
// with all files read-only but one folder, which is made anew each time. Needs Debian's bubblewrap, and root.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NOBODY = 65534;
/** The folder as the programs see it. */
const HERE = '/tmp/here';
/** More than this is written by what would never end. */
const MOST = 8 * 1024 * 1024;
export const TEXT = 'The quick brown fox\njumps over 13 lazy dogs\n\n# key = 1\n';

/** `start(words, options)` starts a program; `remove()` removes all. */
export function newBox() {
  const scratch = mkdtempSync(join(tmpdir(), 'sandbox-run-sweep-'));
  chmodSync(scratch, 0o755);
  const folder = join(scratch, 'here');
  const kept = join(scratch, 'kept');
  const cache = join(folder, '.cache', 'sandbox-run');
  mkdirSync(kept, { mode: 0o700 });
  chownSync(kept, NOBODY, NOBODY);
  const walls =
    `--unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup --die-with-parent --new-session
    --ro-bind / / --tmpfs /tmp --tmpfs /run --tmpfs /var/tmp --proc /proc --dev /dev --tmpfs /dev/shm --chmod 1777 /tmp --chmod 1777 /dev/shm
    --bind ${folder} ${HERE} --bind ${kept} ${HERE}/.cache/sandbox-run --chdir ${HERE} --
    /usr/bin/prlimit --fsize=${MOST} --core=0 --
    /usr/bin/setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs --bounding-set=-all --`
      .trim()
      .split(/\s+/);
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: HERE,
    USER: 'nobody',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    TERM: 'dumb',
  };

  function prepare() {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(folder, 'text.txt'), TEXT);
    for (const path of [folder, join(folder, '.cache'), cache, join(folder, 'text.txt')])
      chownSync(path, NOBODY, NOBODY);
  }

  /** input: a file's name in the folder, else nothing is there to read. Where the time (in ms) is up, status is 'SIGKILL'; a death
   * by a signal is 128 and its number, as in a shell. */
  function start(words, { input, timeout }) {
    prepare();
    const names = ['out', 'err'].map((name) => join(scratch, name));
    const stdio = [
      openSync(input === undefined ? '/dev/null' : join(folder, input), 'r'),
      ...names.map((name) => openSync(name, 'w')),
    ];
    const before = performance.now();
    const result = spawnSync('/usr/bin/bwrap', [...walls, ...words], {
      cwd: scratch,
      env,
      stdio,
      timeout,
      killSignal: 'SIGKILL',
    });
    for (const fd of stdio) closeSync(fd);
    const [output, errors] = names.map((name) => readFileSync(name, 'latin1'));
    return {
      status: result.signal ?? result.status,
      output,
      errors,
      files: leftBehind(folder, ''),
      time: performance.now() - before,
    };
  }

  /** What a file in the folder says now; nothing where there is none. */
  const read = (name) => {
    try {
      return readFileSync(join(folder, name), 'latin1');
    } catch {
      return '';
    }
  };
  return { start, read, env, remove: () => rmSync(scratch, { recursive: true, force: true }) };
}

/** Names, kinds and contents of what stands in a folder, but for what sandbox-run keeps. */
function leftBehind(folder, below) {
  let text = '';
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = join(below, name);
    if (path === '.cache/sandbox-run') continue;
    const stat = lstatSync(join(folder, path));
    text += `${path} ${stat.mode.toString(8)} `;
    if (stat.isDirectory()) text += `\n${leftBehind(folder, path)}`;
    else if (stat.isSymbolicLink()) text += `${readlinkSync(join(folder, path))}\n`;
    else if (stat.isFile()) text += `${readFileSync(join(folder, path), 'latin1')}\n`;
  }
  return text;
}
