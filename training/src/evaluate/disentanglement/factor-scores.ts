import type { Rows } from '../rows.ts';
import { entropy } from '../statistics.ts';

/** Bins that quantities and codes are cut into, of equal width (Locatello et al. 2019, arXiv:1811.12359, appendix C). */
export const bins = 20;

/** The values of one factor over the examples. */
export interface FactorValues {
  readonly name: string;
  /** Number of classes; absent for a quantity. */
  readonly classes?: number;
  readonly values: Float64Array;
}

/** How well one factor stands in one dimension of the code. */
export interface FactorScore {
  readonly name: string;
  /** The dimension that says most of it, and how much of the factor's entropy it tells. */
  readonly dimension: number;
  readonly told: number;
  /** Gap to the next dimension by mutual information, over the factor's entropy: 0 to 1. */
  readonly informationGap: number;
  /** Gap to the next dimension by how well one dimension predicts the factor: 0 to 1. */
  readonly predictionGap: number;
}

/**
 * Whether each factor stands in a dimension of its own.
 *
 *   MIG = mean over factors k of (I(z_j*; v_k) - max over j != j* of I(z_j; v_k)) / H(v_k)     Chen et al. 2018, eq. 6
 *   SAP = mean over factors of the gap of S_jk                                    Kumar et al. 2018, section 3
 *
 * Mutual information is that of the histogram of a code's mean and the factor. S_jk is the squared correlation of a
 * quantity with the mean, for a class the balanced accuracy of telling it by the mean's bin, over chance, from 0 to 1.
 * @param means of the codes, a row for each example; two dimensions or more
 */
export function factorScores(means: Rows, factors: readonly FactorValues[]): FactorScore[] {
  const codes = Array.from({ length: means.width }, (_, dimension) =>
    Float64Array.from({ length: means.count }, (__, i) => means.values[i * means.width + dimension]!),
  );
  const cutCodes = codes.map((code) => cut(code));
  return factors.map(({ name, classes, values }) => {
    const cells = classes ?? bins;
    const factor = classes === undefined ? cut(values) : values;
    const size = entropy(shares(factor, cells));
    const information = cutCodes.map((code) =>
      size === 0 ? 0 : mutualInformation(code, factor, cells) / size,
    );
    const prediction = codes.map((code, j) =>
      classes === undefined
        ? squaredCorrelation(code, values)
        : balancedAccuracy(cutCodes[j]!, values, classes),
    );
    const [dimension, informationGap] = gapOf(information);
    return {
      ...{ name, dimension, told: information[dimension]!, informationGap },
      predictionGap: gapOf(prediction)[1],
    };
  });
}

/** The largest value's place, and how far it is above the second. */
function gapOf(values: readonly number[]): readonly [place: number, gap: number] {
  const place = values.indexOf(Math.max(...values));
  const rest = values.filter((_, j) => j !== place);
  return [place, values[place]! - Math.max(...rest)];
}

/** The bin of each value, between the least and the largest. */
function cut(values: Float64Array): Float64Array {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const width = (most - least) / bins;
  return values.map((value) => (width > 0 ? Math.min(bins - 1, Math.floor((value - least) / width)) : 0));
}

function shares(cells: Float64Array, count: number): Float64Array {
  const found = new Float64Array(count);
  for (const cell of cells) found[cell]! += 1 / cells.length;
  return found;
}

/** I(code; factor) of their histogram, nats: H(code) + H(factor) - H(code, factor). */
function mutualInformation(code: Float64Array, factor: Float64Array, cells: number): number {
  const both = shares(
    code.map((bin, i) => bin * cells + factor[i]!),
    bins * cells,
  );
  return entropy(shares(code, bins)) + entropy(shares(factor, cells)) - entropy(both);
}

function squaredCorrelation(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [a, b].map((values) =>
    values.reduce((sum, value) => sum + value / values.length, 0),
  );
  let [aa, ab, bb] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    const [da, db] = [value - meanA!, b[i]! - meanB!];
    aa += da * da;
    ab += da * db;
    bb += db * db;
  }
  return aa * bb > 0 ? (ab * ab) / (aa * bb) : 0;
}

/** How well the bin tells the class where each bin says the class of which it holds the largest share, over chance. */
function balancedAccuracy(code: Float64Array, labels: Float64Array, classes: number): number {
  const sizes = new Float64Array(classes);
  for (const label of labels) sizes[label]! += 1;
  const present = sizes.filter((size) => size > 0).length;
  if (present < 2) return 0;
  const best = new Float64Array(bins);
  const held = new Float64Array(bins * classes);
  for (const [i, bin] of code.entries()) held[bin * classes + labels[i]!]! += 1 / sizes[labels[i]!]!;
  for (let cell = 0; cell < held.length; cell++) {
    const bin = Math.floor(cell / classes);
    best[bin] = Math.max(best[bin]!, held[cell]!);
  }
  const accuracy = best.reduce((sum, value) => sum + value, 0) / present;
  return (accuracy - 1 / present) / (1 - 1 / present);
}
