// As whom the tests run: as the caller, and where that is root also as nobody. What cannot be tried is said aloud.

import { spawnSync } from 'node:child_process';

export interface User {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
}

const NOBODY = { name: 'nobody', uid: 65534, gid: 65534 } as const;

export const isRoot = process.getuid?.() === 0;
export const caller: User = { name: isRoot ? 'root' : 'an ordinary user' };

/** Whether nobody can execute this Node at all: not if it lies in root's home. */
const nobodyCanRunNode =
  isRoot &&
  spawnSync(process.execPath, ['-e', '0'], { cwd: '/', uid: NOBODY.uid, gid: NOBODY.gid }).status === 0;

export const users: readonly User[] = nobodyCanRunNode ? [caller, NOBODY] : [caller];

/** The one without privileges. */
export const ordinary: User | undefined =
  users.find((one) => one.uid !== undefined) ?? (isRoot ? undefined : caller);

/** Says it; or throws, where all tools are required (.ci/run) and only a package is missing. */
export function notTried(what: string, why: string): void {
  if (process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined && why.includes('Debian package'))
    throw new Error(`not tried: ${what} (${why})`);
  process.stderr.write(`not tried: ${what} (${why})\n`);
}

/** Says what this user and machine leave out; called by one test file, because each runs in a process of its own. */
export function tellUsersNotTried(): void {
  if (isRoot && !nobodyCanRunNode) notTried('every case as nobody', `nobody cannot run ${process.execPath}`);
  if (!isRoot) notTried('every case as root', 'run the tests as root for that');
}

/** The words that make their command PID 1: directly for root, through a user namespace for others. */
export function pidNamespace(user: { uid?: number; gid?: number }): readonly string[] | undefined {
  const ways = [
    ['unshare', '--fork', '--pid', '--mount-proc'],
    ['unshare', '--user', '--map-root-user', '--fork', '--pid', '--mount-proc'],
  ];
  return ways.find(
    ([command, ...rest]) =>
      spawnSync(command!, [...rest, 'true'], {
        ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid! }),
        cwd: '/',
      }).status === 0,
  );
}
