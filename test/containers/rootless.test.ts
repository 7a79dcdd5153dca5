// Rootless podman: nobody is root outside as little as inside. The machine's own /etc/subuid is not touched; the test sees
// another one in a mount namespace of its own.

import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { podman, shell, unavailable } from './image.ts';
import { fieldsOf } from './running.ts';

const NOBODY = 65534;

/** Runs images one after the other, as nobody. What each wrote, and its status. */
function runAsNobody(
  images: Readonly<Record<string, readonly string[]>>,
): readonly { stdout: string; status: number }[] {
  const folder = temporaryFolder('rootless');
  chmodSync(folder, 0o755);
  const [home, state] = [join(folder, 'home'), join(folder, 'state')];
  for (const one of [home, state]) {
    mkdirSync(one);
    chownSync(one, NOBODY, NOBODY);
  }
  writeFileSync(join(folder, 'subid'), 'nobody:100000:65536\n');
  const own = `podman --root ${home}/storage --runroot ${state}/run --storage-driver vfs --cgroup-manager cgroupfs --runtime crun`;
  const run = `${own} run --rm --network=none --cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024`;
  const lines = Object.entries(images).map(
    ([name, words]) =>
      `${own} load --quiet --input ${folder}/${name}.tar >/dev/null && ${run} ${name} ${words.join(' ')} >${home}/${name}.out; echo $? >${home}/${name}.status`,
  );
  // The process that keeps podman's user namespace lives on otherwise.
  writeFileSync(join(folder, 'script'), [...lines, `kill "$(cat ${state}/libpod/tmp/pause.pid)"`].join('\n'));
  const saved = Object.keys(images).map(
    (name) =>
      `${podman().join(' ')} save --quiet --output ${folder}/${name}.tar ${name} && chmod 644 ${folder}/${name}.tar`,
  );
  const ids = `touch /etc/subuid /etc/subgid && mount --bind ${folder}/subid /etc/subuid && mount --bind ${folder}/subid /etc/subgid`;
  const user = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups env -i PATH="$PATH" HOME=${home} XDG_RUNTIME_DIR=${state}`;
  const { stderr } = shell(
    [...saved, ids, 'mount --make-rshared /', `cd ${home}`, `${user} sh ${folder}/script`].join(' && '),
    [],
  );
  return Object.keys(images).map((name) => {
    const status = Number(readFileSync(join(home, `${name}.status`), 'utf8'));
    const stdout = readFileSync(join(home, `${name}.out`), 'utf8');
    if (stdout === '') throw new Error(stderr);
    return { stdout, status };
  });
}

describe.skipIf(unavailable !== undefined)('rootless podman', () => {
  test('the program is PID 1, nobody, and under both filters', () => {
    const endings = runAsNobody({ debian: ['cat', '/proc/self/status'], scratch: ['/proc/self/status'] });
    for (const { stdout, status } of endings) {
      expect(status).toBe(0);
      const fields = fieldsOf(stdout);
      expect(fields).toMatchObject({ Pid: '1', NoNewPrivs: '1', Seccomp: '2', Seccomp_filters: '2' });
      expect(fields.Uid?.split('\t')[0]).toBe('65534');
    }
  });
});
