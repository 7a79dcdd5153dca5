// The micro programs: what is found has to be exactly what they can call, whatever the optimisation and wherever they are loaded.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { analysisOf, build, micros } from './programs.ts';

describe.each(micros)('$name', (micro) => {
  test.each([
    ['-O0', false],
    ['-O2', false],
    ['-O2', true],
    ['-Os', true],
  ])('%s, position independent: %s', (optimisation, isPie) => {
    const file = build(micro, optimisation, isPie);
    try {
      const analysis = analysisOf(file);
      const own = [...analysis.calls]
        .filter(([, site]) => site !== undefined && site.module.path !== '[vdso]')
        .map(([name]) => name);
      if (micro.isWide === true) {
        expect(analysis.unknown.length).toBeGreaterThan(0);
        for (const name of micro.calls) expect(analysis.calls.has(name)).toBe(true);
      } else {
        expect(
          analysis.unknown.flatMap((site) =>
            site.lost.map((one) => `${one.why} at 0x${one.address.toString(16)}`),
          ),
        ).toEqual([]);
        expect(own).toEqual([...micro.calls, 'exit'].sort());
      }
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  });
});
