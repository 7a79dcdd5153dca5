// Random numbers that can be had again: one small generator with a seed, so that a failure names all that is needed to repeat it.
// The generator is mulberry32 (Tommy Ettinger's, in the public domain).

/** The seed of this run: SEED in the environment, or a new one. Every random test names it in its failure. */
export const seed = process.env.SEED === undefined ? Date.now() % 2 ** 31 : Number(process.env.SEED);

export interface Random {
  /** 0…limit-1. */
  below(limit: number): number;
  /** True in this share of cases, 0…1. */
  chance(share: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** An unsigned number of that many bits, 1…64. */
  bits(count: number): bigint;
}

export function randomFrom(start: number): Random {
  let state = start >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const random: Random = {
    below: (limit) => Math.floor((next() / 2 ** 32) * limit),
    chance: (share) => next() / 2 ** 32 < share,
    pick: (list) => list[random.below(list.length)]!,
    bits: (count) => ((BigInt(next()) << 32n) | BigInt(next())) >> BigInt(64 - count),
  };
  return random;
}
