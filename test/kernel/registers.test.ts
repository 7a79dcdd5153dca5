// The cookie is a secret only because exec clears the registers that carried it. Here a program without a C library
// reads them as the very first thing. No architecture may be added to native/core/syscall.h before this passes on it.

import { describe, expect, test } from 'vitest';
import { faces, run } from './face.ts';
import { program } from './stage.ts';
import { users } from './users.ts';

const options = ['-nostdlib', '-fno-stack-protector'];

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    test.each(['static', 'static PIE'] as const)('%s: the three registers are zero', async (linking) => {
      const command = [program('registers', linking, ...options)];
      const ending = await run(face, { policy: 'default kill\nallow write, exit_group\n', command, user });
      // Exactly one line of three words: silence is not zero.
      expect(ending).toMatchObject({ status: 0, stderr: '' });
      expect(ending.stdout).toBe('0000000000000000 0000000000000000 0000000000000000\n');
    });

    test('the launch did need the cookie', async () => {
      // The same filter refuses execve to the program itself, whatever it puts into the registers.
      const policy = 'default errno EPERM\nallow write, exit_group, exit\nkill execve\n';
      const command = [program('registers', 'static', ...options, '-DEXEC_AGAIN')];
      const ending = await run(face, { policy, command, user });
      expect(ending).toMatchObject({ status: null, signal: 'SIGSYS' });
    });
  });
}
