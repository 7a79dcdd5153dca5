// All versions of a Debian package that this machine's mirrors have, of any release, unpacked. apt does the work, with lists
// of its own and the mirrors and keys of the machine: nothing is installed, and its own lists stay as they are.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Releases from the oldest that Node 20 runs on, and by the archive's label what is added to a release's name: point releases
 * to come are in proposed-updates first. A mirror lacks some of them. */
const RELEASES = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'experimental'];
const ADDED: Readonly<Record<string, readonly string[]>> = {
  Debian: ['', '-updates', '-proposed-updates'],
  'Debian-Security': ['-security'],
};
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Calls `use(folder, title)` for each version of a package: in the folder are its files and those of its debug package (which
 * has the same version), `title` names distribution, package, version and architecture. The folder is removed behind it. Throws
 * if the mirrors have none. */
export function fetchPackages(
  name: string,
  debug: string,
  use: (folder: string, title: string) => void,
): void {
  const state = mkdtempSync(join(tmpdir(), 'sandbox-run-packages-'));
  try {
    const apt = aptIn(state);
    const versions = apt('apt-cache', ['madison', name]).split('\n').slice(0, -1);
    const all = new Set(versions.map((line) => line.split('|')[1]?.trim() ?? ''));
    if (all.size === 0) throw new Error(`the mirrors of this machine's apt have no ${name}`);
    for (const version of [...all].sort()) {
      const folder = mkdtempSync(join(state, 'version-'));
      apt('apt-get', ['download', `${name}=${version}`, `${debug}=${version}`], folder);
      const files = readdirSync(folder);
      for (const file of files)
        execFileSync('dpkg-deb', ['-x', join(folder, file), join(folder, 'unpacked')]);
      use(join(folder, 'unpacked'), `Debian ${name} ${version} amd64`);
      rmSync(folder, { recursive: true });
    }
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** apt with lists of its own in a folder, of all releases that the mirrors have: runs one of its commands, and gives what it
 * prints. */
function aptIn(folder: string): (command: string, words: readonly string[], cwd?: string) => string {
  const [lists, cache, sources] = ['lists', 'cache', 'sources'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const mirrors = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(LABEL)\t$(REPO_URI)', 'Created-By: Packages'],
    { encoding: 'utf8' },
  );
  const suites = [...new Set(mirrors.split('\n'))].flatMap((line) => {
    const [label = '', mirror] = line.split('\t');
    const names = RELEASES.flatMap((release) => (ADDED[label] ?? []).map((added) => `${release}${added}`));
    return names.map((suite) => `deb [arch=amd64 signed-by=${KEYS}] ${mirror} ${suite} main\n`);
  });
  writeFileSync(sources, suites.join(''));
  const options = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': lists,
    'Dir::State::status': '/dev/null',
    'Dir::Cache': cache,
    // The user that apt fetches as cannot enter our folder.
    'APT::Sandbox::User': 'root',
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  // It fails if one of the suites is not there, and still has the others.
  spawnSync('apt-get', ['update', '-qq', ...words], { stdio: 'ignore' });
  return (command, more, cwd) => execFileSync(command, [...more, ...words], { cwd, encoding: 'utf8' });
}
