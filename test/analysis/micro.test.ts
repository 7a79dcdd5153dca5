// The micro programs: what is found has to be exactly what they can call, whatever the optimisation and wherever they are loaded;
// and held to just that, with arguments, they run all their ways to the end. A call that was overlooked would end them there.

import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { limits } from './limits.ts';
import { pitfalls } from './pitfalls.ts';
import { analysisOf, build, micros, runsUnder } from './programs.ts';
import { throughPointers } from './through-pointers.ts';

const ways = [
  ['-O0', false],
  ['-O2', false],
  ['-O2', true],
  ['-Os', true],
] as const;

describe.each([...micros, ...pitfalls, ...throughPointers, ...limits])('$name', (micro) => {
  test.each(
    micros.includes(micro) ? ways : ways.slice(0, 3),
  )('%s, position independent: %s', (optimisation, isPie) => {
    const file = build(micro, optimisation, isPie);
    try {
      const analysis = analysisOf(file);
      const own = [...analysis.calls]
        .filter(([, site]) => site !== undefined && site.module.path !== '[vdso]')
        .map(([name]) => name);
      if (micro.isWide === true || (micro.isWidePlain === true && optimisation === '-O0')) {
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
      // Nobody relocates a program without a loader and a C library.
      const hasAll = readFileSync('/proc/self/maps', 'utf8').includes(micro.needs ?? '');
      if (!isPie && hasAll) runsUnder(policyOfAnalysis(analysis), file);
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  });
});
