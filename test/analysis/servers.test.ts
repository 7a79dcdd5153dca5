// Real servers on the loopback under --auto: what their clients are told, and how they end, is the same as bare; as root and as
// nobody (bench/auto/servers.js).

import { expect, test } from 'vitest';
import { servers } from '../../bench/auto/server-list.js';
import { compareServer, lacking } from '../../bench/auto/servers.js';

test.for(servers.map((server) => [server.name, server] as const))(
  '%s',
  { timeout: 600_000 },
  async ([_, server], { skip }) => {
    const without = lacking(server);
    if (without.length > 0) {
      if (process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined)
        throw new Error(`not installed: ${without.join(', ')}`);
      skip(`it needs ${without.join(', ')}`);
    }
    const compared = await compareServer(server);
    expect(compared.length).toBeGreaterThan(0);
    for (const { name, bare, held } of compared) {
      expect(held, name).toEqual(bare);
      // Something was served.
      expect(JSON.stringify(bare), name).toContain('"answers":["0 ');
    }
  },
);
