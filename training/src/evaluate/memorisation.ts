import { randomStream } from '@generatrix/runtime/core';
import type { CompiledFunctions } from './compiled-functions.ts';
import { nearest } from './nearest.ts';
import { choose, pick, type Rows } from './rows.ts';
import { mean, median } from './statistics.ts';

export interface Memorisation {
  /** Share of samples whose nearest real example, of all, was held out. */
  readonly heldOutShare: number;
  /** That share when samples know nothing of which examples were trained on: the held-out part of all. */
  readonly expectedShare: number;
  /** Of a share as small when it is decided by lot which examples were trained on. */
  readonly pValue: number;
  /** 1 - heldOutShare / expectedShare: an estimate of the share of copies; about 0 without copying. */
  readonly copied: number;
  /** Median over samples of the distance to the training set over that to the held-out set, both of one size. */
  readonly ratio: number;
  /** Share of samples that equal a training example. */
  readonly exact: number;
  /** [samples, 2] nearest training examples. */
  readonly neighbours: Int32Array;
  /** [samples, 2] and their distances. */
  readonly distances: Float64Array;
}

/**
 * Do samples lie nearer to the training examples than to others of the same law? If the model has learned the law and
 * not the examples, the nearest real example of a sample is a held-out one as often as there are held-out ones; a copy
 * has its original nearest. The p-value permutes which examples count as held out, which is exact, since without
 * copying that is exchangeable (in the spirit of Meehan et al. 2020, section 3, who compare distances instead). Blurred
 * samples, which lie near to everything, do not count as copies here.
 * @param samples [n, width]
 * @param train the examples that the model was trained on
 * @param heldOut others of the same law; the first as many as there are training examples are used
 */
export async function memorisation(
  compiled: CompiledFunctions,
  samples: Rows,
  train: Rows,
  heldOut: Rows,
  { seed, permutations = 1000 }: { readonly seed: number; readonly permutations?: number },
): Promise<Memorisation> {
  const others =
    heldOut.count > train.count ? pick(heldOut, choose(heldOut.count, train.count, seed, 'others')) : heldOut;
  const same = pick(train, choose(train.count, others.count, seed, 'memorisation'));
  const inTrain = await nearest(compiled, samples, train, 2);
  const inOthers = await nearest(compiled, samples, others, 1);
  const inSame = await nearest(compiled, samples, same, 1);
  const pool = train.count + others.count;
  const expectedShare = others.count / pool;
  const random = randomStream(seed, 'memorisation/ties');
  const nearestInPool = Int32Array.from({ length: samples.count }, (_, i) => {
    const difference = inOthers.distances[i]! - inTrain.distances[2 * i]!;
    const held = difference === 0 ? random.nextUniform() < expectedShare : difference < 0;
    return held ? train.count + inOthers.indices[i]! : inTrain.indices[2 * i]!;
  });
  const heldOutShare = mean(nearestInPool.map((index) => (index >= train.count ? 1 : 0)));
  const asSmall = countAsSmall(nearestInPool, {
    pool,
    held: others.count,
    share: heldOutShare,
    seed,
    permutations,
  });
  const ratios = inSame.distances.map((own, i) =>
    own === inOthers.distances[i]! ? 1 : own / inOthers.distances[i]!,
  );
  return {
    heldOutShare,
    expectedShare,
    pValue: (asSmall + 1) / (permutations + 1),
    copied: Math.max(0, 1 - heldOutShare / expectedShare),
    ratio: median(ratios),
    exact: mean(Array.from({ length: samples.count }, (_, i) => (inTrain.distances[2 * i] === 0 ? 1 : 0))),
    neighbours: inTrain.indices,
    distances: inTrain.distances,
  };
}

/** Of random choices of which examples of the pool are held out: those with a share of samples as small. */
function countAsSmall(
  nearestInPool: Int32Array,
  options: { pool: number; held: number; share: number; seed: number; permutations: number },
): number {
  const multiplicity = new Map<number, number>();
  for (const index of nearestInPool) multiplicity.set(index, (multiplicity.get(index) ?? 0) + 1);
  const counts = [...multiplicity.values()];
  const random = randomStream(options.seed, 'memorisation/permutations');
  const limit = options.share * nearestInPool.length;
  let asSmall = 0;
  for (let round = 0; round < options.permutations; round++) {
    // Drawn one after another without replacement, so only examples that are someone's nearest need a draw.
    let [pool, held, samples] = [options.pool, options.held, 0];
    for (const count of counts) {
      if (random.nextUniform() * pool < held) {
        held--;
        samples += count;
      }
      pool--;
    }
    if (samples <= limit) asSmall++;
  }
  return asSmall;
}
