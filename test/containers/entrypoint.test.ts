// sandbox-run as a container's ENTRYPOINT: in front of a program that the image's author did not write, as PID 1, under the
// runtime's own filter. Once with Node in the image, once with nothing but the static launcher.

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildImage, root, runImage, unavailable, withLibraries } from './image.ts';

// What busybox's sh, cat, echo and mkdir need here, but not mkdir itself.
const CALLS =
  'arch_prctl,brk,close,exit_group,fcntl,fstat,fork,clone,getcwd,geteuid,getegid,getgid,getpid,getppid,getuid,getrandom,ioctl,lseek,mmap,mprotect,munmap,newfstatat,open,openat,prctl,prlimit64,read,readlink,readlinkat,rseq,rt_sigaction,rt_sigprocmask,rt_sigreturn,sendfile,set_robust_list,set_tid_address,stat,umask,wait4,write,execve,dup2,vfork,futex,uname';

const faces = {
  'with Node in the image': () => ({
    files: {
      ...withLibraries(process.execPath),
      '/bin/busybox': '/bin/busybox',
      '/opt/sandbox-run/bin': join(root, 'bin'),
      '/opt/sandbox-run/dist': join(root, 'dist'),
      '/opt/sandbox-run/build/Release/sandbox_run.node': join(root, 'build/Release/sandbox_run.node'),
      '/opt/sandbox-run/package.json': join(root, 'package.json'),
    },
    dockerfile: `ENTRYPOINT ["${process.execPath}", "/opt/sandbox-run/bin/sandbox-run.cjs", "--allow", "${CALLS}", "--", "/bin/busybox"]`,
  }),
  'with the static launcher alone': () => ({
    files: { '/bin/busybox': '/bin/busybox', '/sandbox-launch': join(root, 'build/Release/sandbox-launch') },
    dockerfile: `ENV SECCOMP_SYSCALL_ALLOW=${CALLS}\nENTRYPOINT ["/sandbox-launch", "/bin/busybox"]`,
  }),
  'with a packed launcher': () => ({
    files: { '/bin/busybox': '/bin/busybox', '/launcher': packedLauncher() },
    dockerfile: 'ENTRYPOINT ["/launcher"]',
  }),
};

/** What `sandbox-run pack` makes: filter and command in one file. */
function packedLauncher(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'sandbox-run-packed-')), 'launcher');
  const words = ['pack', '--allow', CALLS, '-o', file, '--', '/bin/busybox'];
  execFileSync(process.execPath, [join(root, 'bin', 'sandbox-run.cjs'), ...words]);
  return file;
}

describe.skipIf(unavailable !== undefined).each(Object.entries(faces))('%s', (name, face) => {
  let image: string;
  beforeAll(() => {
    const { files, dockerfile } = face();
    image = buildImage(name.replaceAll(' ', '-').toLowerCase(), files, dockerfile);
  });

  test('the program runs and its output arrives', () => {
    expect(runImage(image, ['echo', 'hello'])).toMatchObject({ status: 0, stdout: 'hello\n' });
  });

  test('it is PID 1, and both filters are on: the runtime’s and ours', () => {
    const { stdout } = runImage(image, ['cat', '/proc/self/status']);
    expect(stdout).toMatch(/^Name:\s+busybox$/m);
    expect(stdout).toMatch(/^Pid:\s+1$/m);
    expect(stdout).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(stdout).toMatch(/^Seccomp_filters:\s+2$/m);
  });

  test('a refused call ends the container with 159', () => {
    const ending = runImage(image, ['mkdir', '/tmp/new']);
    expect(ending.status).toBe(128 + 31);
  });

  test('its exit status is the container’s, and the variables are gone', () => {
    expect(runImage(image, ['sh', '-c', 'exit 7']).status).toBe(7);
    expect(runImage(image, ['env'], ['--env', 'OTHER=1']).stdout).toMatch(/^OTHER=1$/m);
    expect(runImage(image, ['env']).stdout).not.toMatch(/SECCOMP_/);
  });
});
