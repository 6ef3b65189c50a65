import { randomStream } from '@generatrix/runtime/core';
import type { CompiledFunctions } from '../compiled-functions.ts';
import { type Neighbours, nearest } from '../nearest.ts';
import type { Rows } from '../rows.ts';
import { fisherTail, mean } from '../statistics.ts';

/** Matches of samples with training examples, beside those of real examples that were set apart. */
export interface Matches {
  /** Share of samples that match. */
  readonly share: number;
  /** The same share of real examples. */
  readonly ofReal: number;
  /** Of a share of samples as large when samples match as real examples do (Fisher's exact test). */
  readonly pValue: number;
}

export interface Memorisation {
  /** Samples that equal a training example and no example set apart. */
  readonly exact: Matches;
  /** Samples whose nearest training example is at most a quarter as far as the nearest one set apart. */
  readonly near: Matches;
  /** Which examples samples lie nearest to, of all. */
  readonly lean: {
    /** Share of samples whose nearest real example, of all, was set apart. */
    readonly apartShare: number;
    /** That share when it is decided by lot which examples were trained on: the part of all that was set apart. */
    readonly expectedShare: number;
    /** That share of real examples instead of samples. */
    readonly ofReal: number;
    /** The larger of the p-values against the lot and against real examples. */
    readonly pValue: number;
    /** Estimated share of copies, by the smaller of the two expectations; about 0 without copying. */
    readonly copied: number;
  };
  /** Share of samples that equal a training example, whether or not one set apart equals it too. */
  readonly equal: number;
  /** [samples, 2] nearest training examples. */
  readonly neighbours: Int32Array;
  /** [samples, 2] and their distances. */
  readonly distances: Float64Array;
}

export interface MemorisationExamples {
  /** [n, width] */
  readonly samples: Rows;
  /** Real examples of which as much is asked as of samples; the model was not trained on them. */
  readonly real: Rows;
  /** What the model was trained on. */
  readonly train: Rows;
  /** Others that it was not trained on, apart from `real`. */
  readonly apart: Rows;
}

/** So many times nearer to a training example than to one set apart is a near match. */
const nearRatio = 0.25;

/**
 * Are samples copies of training examples, or do they lean towards them? Three questions, each asked of real examples
 * that were set apart as well:
 *
 * - `exact`, `near`: how many coincide with a training example, or nearly, and with none set apart? What coincides by
 *   nature (blank images, few levels) does so for real examples too. If samples know nothing of which examples were
 *   trained on, they and the real examples are dealt by lot: Fisher's exact test.
 * - `lean`: how often is the nearest of all examples a training example? Without copying as often as there are training
 *   examples, whatever samples look like, if it is decided by lot which examples were trained on (in the spirit of
 *   Meehan et al. 2020, arXiv:2004.05675, section 3): a permutation test. Parts of real data are not always dealt by
 *   lot (MNIST's last digits are by other writers than its first), so that real examples must be nearer to the examples
 *   set apart, too.
 */
export async function memorisation(
  compiled: CompiledFunctions,
  { samples, real, train, apart }: MemorisationExamples,
  { seed, permutations = 2000 }: { readonly seed: number; readonly permutations?: number },
): Promise<Memorisation> {
  const inTrain = await nearest(compiled, samples, train, 2);
  const ofSamples = await placesOf(compiled, samples, inTrain, train, apart, seed);
  const ofReal = await placesOf(compiled, real, await nearest(compiled, real, train, 1), train, apart, seed);
  const expectedShare = apart.count / (train.count + apart.count);
  const apartShare = share(ofSamples, ({ isApart }) => isApart);
  const realShare = share(ofReal, ({ isApart }) => isApart);
  const pool = train.count + apart.count;
  const nearestInPool = Int32Array.from(ofSamples, ({ index }) => index);
  const asSmall = countAsSmall(nearestInPool, {
    pool,
    held: apart.count,
    share: apartShare,
    seed,
    permutations,
  });
  const againstReal = matches(ofSamples, ofReal, ({ isApart }) => !isApart);
  return {
    exact: matches(ofSamples, ofReal, ({ own, other }) => own === 0 && other > 0),
    near: matches(ofSamples, ofReal, ({ own, other }) => own < nearRatio * other),
    lean: {
      apartShare,
      expectedShare,
      ofReal: realShare,
      pValue: Math.max((asSmall + 1) / (permutations + 1), againstReal.pValue),
      copied: Math.max(0, 1 - apartShare / Math.min(expectedShare, realShare)),
    },
    equal: share(ofSamples, ({ own }) => own === 0),
    neighbours: inTrain.indices,
    distances: inTrain.distances,
  };
}

/** Where an example lies among the others. */
interface Place {
  /** Distance to the nearest training example, and to the nearest one set apart. */
  readonly own: number;
  readonly other: number;
  /** Is the nearest of all one set apart? Ties are decided by lot. */
  readonly isApart: boolean;
  /** The nearest of all: training examples first, then those set apart. */
  readonly index: number;
}

async function placesOf(
  compiled: CompiledFunctions,
  examples: Rows,
  inTrain: Neighbours,
  train: Rows,
  apart: Rows,
  seed: number,
): Promise<Place[]> {
  const inApart = await nearest(compiled, examples, apart, 1);
  const random = randomStream(seed, 'memorisation/ties');
  const expectedShare = apart.count / (train.count + apart.count);
  return Array.from({ length: examples.count }, (_, i) => {
    const own = inTrain.distances[inTrain.k * i]!;
    const other = inApart.distances[i]!;
    const isApart = own === other ? random.nextUniform() < expectedShare : other < own;
    const index = isApart ? train.count + inApart.indices[i]! : inTrain.indices[inTrain.k * i]!;
    return { own, other, isApart, index };
  });
}

function share(places: readonly Place[], counts: (place: Place) => boolean): number {
  return mean(places.map((place) => (counts(place) ? 1 : 0)));
}

function matches(
  samples: readonly Place[],
  real: readonly Place[],
  counts: (place: Place) => boolean,
): Matches {
  const [hits, realHits] = [samples.filter(counts).length, real.filter(counts).length];
  return {
    share: hits / samples.length,
    ofReal: realHits / real.length,
    pValue: fisherTail(hits, samples.length, realHits, real.length),
  };
}

/** Of random choices of which examples of the pool are set apart: those with a share of samples as small. */
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
