// examples/docker, each image built as its Dockerfile says (setup.ts) and run: as root and as a user, with everything taken away
// that can be, with the runtime's own profile below and without, under an init, until it is stopped, and failing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { runImage, unavailable } from './image.ts';
import { dockerProfile, fieldsOf, profileWithout, runUntilStopped } from './running.ts';

const users = {
  'as the image’s user': [],
  'as root': ['--user', '0'],
  'as a user': ['--user', '1000:1000'],
};
const hardened = ['--cap-drop=all', '--read-only', '--security-opt', 'no-new-privileges'];
const confinements = { 'as podman starts it': [], 'with everything taken away': hardened };

/** Images whose words are files to show. */
const showing = {
  debian: ['cat', '/proc/self/status'],
  scratch: ['/proc/self/status'],
  auto: ['/proc/self/status'],
  environment: [],
};

describe.skipIf(unavailable !== undefined)('examples/docker', () => {
  describe.each(['runc', 'crun'])('%s', (runtime) => {
    describe.each(Object.entries(users))('%s', (_, user) => {
      test.each(
        Object.entries(showing).flatMap(([image, words]) =>
          Object.entries(confinements).map(([name, options]) => ({ image, words, name, options })),
        ),
      )('$image, $name: the program is PID 1, under its filter and the runtime’s', (one) => {
        const { stdout, stderr, status } = runImage(one.image, one.words, [...user, ...one.options], runtime);
        expect(stderr).toBe('');
        expect(status).toBe(0);
        const fields = fieldsOf(stdout);
        expect(fields).toMatchObject({ Pid: '1', NoNewPrivs: '1', Seccomp: '2', Seccomp_filters: '2' });
        if (user[1] !== undefined) expect(fields.Uid?.split('\t')[0]).toBe(user[1].split(':')[0]);
        if (one.options === hardened) expect(fields.CapBnd).toBe('0000000000000000');
      });
    });

    test('without the runtime’s profile one filter is left, with Docker’s there are two', () => {
      const filters = (profile: string) =>
        fieldsOf(runImage('debian', [], ['--security-opt', `seccomp=${profile}`], runtime).stdout)
          .Seccomp_filters;
      expect(filters('unconfined')).toBe('1');
      expect(filters(dockerProfile)).toBe('2');
    });
  });

  test.each([
    'catatonit',
    'tini-static',
    'dumb-init',
  ])('--init with %s: it is PID 1, the program is not', (init) => {
    const options = ['--init', '--init-path', `/usr/bin/${init}`];
    const { stdout, status } = runImage('debian', [], options);
    const fields = fieldsOf(stdout);
    expect([status, fields.Name, fields.PPid]).toEqual([0, 'cat', '1']);
    expect(fields.Pid).not.toBe('1');
    expect(fields.Seccomp_filters).toBe('2');
    expect(runImage('debian', ['sh', '-c', 'exit 7'], options).status).toBe(7);
    expect(runImage('debian', ['mount', '-t', 'tmpfs', 'none', '/mnt'], options).status).toBe(159);
  });

  test('the variables do not reach the program; others do', () => {
    const shown = runImage('environment', [], ['-e', 'COMMAND=env', '-e', 'OTHER=1']).stdout;
    expect(shown).toMatch(/^OTHER=1$/m);
    expect(shown).not.toMatch(/SECCOMP_/);
  });

  test('-e changes the list of the image', () => {
    const make = ['-e', 'COMMAND=mkdir /tmp/new && echo made'];
    expect(runImage('environment', [], make)).toMatchObject({ status: 0, stdout: 'made\n' });
    const denied = runImage('environment', [], [...make, '-e', 'SECCOMP_SYSCALL_DENY=mkdir:mkdirat']);
    expect(denied).toMatchObject({ status: 1, stdout: '' });
    expect(denied.stderr).toContain('Operation not permitted');
    const kills = ['-e', 'SECCOMP_SYSCALL_DENY=mkdir:mkdirat', '-e', 'SECCOMP_DEFAULT_ACTION=kill'];
    expect(runImage('environment', [], [...make, ...kills]).status).toBe(159);
  });

  test('-e narrows a packed launcher, and cannot widen it', () => {
    const list = (calls: string) => ['-e', `SECCOMP_SYSCALL_${calls}`];
    const words = ['sh', '-c', 'mkdir /tmp/new'];
    expect(runImage('debian', words).status).toBe(0);
    expect(runImage('debian', words, list('DENY=mkdir:mkdirat')).status).toBe(159);
    const mount = ['mount', '-t', 'tmpfs', 'none', '/mnt'];
    expect(runImage('debian', mount, list('DENY=ptrace')).status).toBe(159);
  });

  test('what is refused ends the container with 159', () => {
    expect(runImage('scratch', ['--shell']).status).toBe(159);
    expect(runImage('debian', ['mount', '-t', 'tmpfs', 'none', '/mnt'], ['--user', '0']).status).toBe(159);
  });

  test('the analysed program does its work', () => {
    const bare = runImage('auto', ['-r', '/etc/passwd'], ['--entrypoint', '/usr/bin/sort']);
    expect(bare.stdout).toMatch(/^root:/m);
    expect(runImage('auto', ['-r', '/etc/passwd'])).toEqual(bare);
  });

  describe('an entry that cannot be started', () => {
    test.each([
      ['not found', '/nowhere', 127, /not found|no such file/i],
      ['not executable', '/etc/passwd', 126, /permission|executable|denied/i],
    ])('%s', (_, file, status, message) => {
      const ending = runImage('debian', [file]);
      expect(ending.status).toBe(status);
      expect(ending.stderr).toMatch(message);
      // The same with Node in the image.
      const launched = runImage('node', [file]);
      expect(launched.status).toBe(status);
      expect(launched.stderr).toMatch(message);
    });

    test('a list with a mistake: 125', () => {
      for (const list of ['', 'read:no_such_call']) {
        const ending = runImage('environment', [], ['-e', `SECCOMP_SYSCALL_ALLOW=${list}`]);
        expect(ending.status).toBe(125);
        expect(ending.stderr).toContain('SECCOMP_SYSCALL_ALLOW');
        expect(ending.stdout).toBe('');
      }
    });

    test.each([
      'debian',
      'node',
      'environment',
    ])('%s, the runtime’s profile refuses the filter: 125', (image) => {
      const profile = join(temporaryFolder('profile'), 'profile.json');
      writeFileSync(profile, profileWithout('seccomp'));
      const ending = runImage(image, [], ['--security-opt', `seccomp=${profile}`]);
      expect(ending.status).toBe(125);
      expect(ending.stdout).toBe('');
      expect(ending.stderr).toMatch(/sandbox-(run|launch)/);
    });
  });

  describe.each(['runc', 'crun'])('until it is stopped, %s', (runtime) => {
    test.each([
      ['alone', []],
      ['with --init', ['--init', '--init-path', '/usr/bin/catatonit']],
      ['with everything taken away', hardened],
    ])('a server %s: requests are answered, a shell is not started, SIGTERM ends it', (name, options) => {
      const get = (path: string) => [
        'node',
        '-e',
        `fetch('http://127.0.0.1:8080${path}').then(async (a) => process.stdout.write(await a.text()))`,
      ];
      const ending = runUntilStopped('node', [], options, [get('/'), get('/shell')], runtime);
      expect(ending.output).toBe('ready\nbye\n');
      expect(ending.status).toBe(0);
      expect(ending.signals).toBe('');
      const [server, shell] = ending.answers;
      const fields = fieldsOf(server!);
      expect(fields).toMatchObject({ Name: 'node', NoNewPrivs: '1', Seccomp: '2', Seccomp_filters: '2' });
      expect(fields.Pid === '1').toBe(name !== 'with --init');
      expect(shell).toBe('SIGSYS\n');
    });

    test('the shell form hands SIGTERM on, since the shell is gone', () => {
      const command = 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.1; done';
      const ending = runUntilStopped('environment', [], ['-e', `COMMAND=${command}`], [], runtime);
      expect([ending.status, ending.output]).toEqual([3, 'ready\nbye\n']);
    });
  });
});
