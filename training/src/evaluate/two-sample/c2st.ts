import { type DataSpec, hostTensor } from '@generatrix/runtime/core';
import { floatDataset } from '../../data/index.ts';
import { agreement, trainClassifier } from '../classifier/classifier.ts';
import type { ClassifierNetwork } from '../classifier/classifier-model.ts';
import type { CompiledFunctions } from '../compiled-functions.ts';
import { nearest } from '../nearest.ts';
import { choose, columnMeans, pick, type Rows, stack } from '../rows.ts';
import { normalTail, wilsonInterval } from '../statistics.ts';

export interface C2stResult {
  /** Share of held-out examples that the classifier tells right. */
  readonly accuracy: number;
  /** 95 % confidence interval of the accuracy (Wilson). */
  readonly interval: readonly [number, number];
  /** Of an accuracy at least as high when both sides are of one distribution. */
  readonly pValue: number;
  /** Examples that the accuracy was measured on, of both sides together. */
  readonly heldOut: number;
}

export interface C2stOptions {
  readonly seed: number;
  /** Training steps of the network; four sweeps of its half, from 400 to 1500, when absent. */
  readonly steps?: number;
}

const batchSize = 128;

/**
 * Classifier two-sample test (Lopez-Paz and Oquab 2017, section 3): a network learns to tell the sides apart on one
 * half of the examples; under one distribution its accuracy on the other half is 1/2 with variance 1/(4 n). A small
 * convolutional network for images, an MLP on standardised values for the rest.
 * @param real [n, width]
 * @param samples as many
 */
export async function c2st(
  compiled: CompiledFunctions,
  spec: DataSpec,
  real: Rows,
  samples: Rows,
  { seed, steps }: C2stOptions,
): Promise<C2stResult> {
  const { train, test } = halves(real, samples, seed);
  const network: ClassifierNetwork =
    spec.kind === 'image'
      ? { kind: 'conv', shape: spec.shape, range: spec.range, filters: [16, 32], features: 64 }
      : { kind: 'mlp', shape: [real.width], hidden: [128, 128] };
  const prepared = spec.kind === 'image' ? (rows: Rows) => rows : standardiser(train.rows);
  const tensor = (rows: Rows) => hostTensor('float32', [rows.count, ...network.shape], prepared(rows).values);
  const size = train.rows.count;
  const data = { name: 'two samples', split: 'train', spec: specOf(network), size } as const;
  const values = tensor(train.rows).data as Float32Array;
  const classifier = await trainClassifier(
    compiled,
    floatDataset({ ...data, labels: train.labels, classNames: ['real', 'sample'] }, values),
    {
      network,
      classes: 2,
      steps: steps ?? Math.min(1500, Math.max(400, Math.ceil((4 * size) / batchSize))),
      batchSize,
      learningRate: 2e-3,
      seed,
    },
  );
  return resultOf(
    agreement((await classifier.classify(tensor(test.rows))).labels, test.labels),
    test.labels.length,
  );
}

/**
 * The same test with the vote of the k nearest neighbours, k = sqrt of the training half (section 3.1 there): strong
 * in few dimensions, where a small network does not see fine structure. Values are standardised.
 */
export async function nearestNeighbourTest(
  compiled: CompiledFunctions,
  real: Rows,
  samples: Rows,
  { seed }: C2stOptions,
): Promise<C2stResult> {
  const { train, test } = halves(real, samples, seed);
  const prepared = standardiser(train.rows);
  // An odd number of votes leaves no draw.
  const k = 2 * Math.floor(Math.sqrt(train.rows.count) / 2) + 1;
  const { indices } = await nearest(compiled, prepared(test.rows), prepared(train.rows), k);
  const votes = Int32Array.from({ length: test.rows.count }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += train.labels[indices[i * k + j]!]!;
    return 2 * sum > k ? 1 : 0;
  });
  return resultOf(agreement(votes, test.labels), test.labels.length);
}

function resultOf(accuracy: number, heldOut: number): C2stResult {
  return {
    accuracy,
    interval: wilsonInterval(accuracy, heldOut),
    pValue: normalTail((accuracy - 0.5) * 2 * Math.sqrt(heldOut)),
    heldOut,
  };
}

interface Labelled {
  readonly rows: Rows;
  /** 0 for a real example, 1 for a sample. */
  readonly labels: Int32Array;
}

/** Each side split at random into halves, so that both halves hold as many of either side. */
function halves(real: Rows, samples: Rows, seed: number): { train: Labelled; test: Labelled } {
  if (real.count !== samples.count || real.count < 4) {
    throw new Error(`c2st: expected equal sides of at least 4, got ${real.count} and ${samples.count}`);
  }
  const half = Math.floor(real.count / 2);
  const [first, second] = ['real', 'samples'].map((side) =>
    choose(real.count, 2 * half, seed, `c2st/${side}`),
  );
  const part = (from: number): Labelled => ({
    rows: stack(
      pick(real, first!.subarray(from, from + half)),
      pick(samples, second!.subarray(from, from + half)),
    ),
    labels: Int32Array.from({ length: 2 * half }, (_, i) => (i < half ? 0 : 1)),
  });
  return { train: part(0), test: part(half) };
}

/** Shifts and scales each column to mean 0 and deviation 1 over the given rows. */
function standardiser(rows: Rows): (rows: Rows) => Rows {
  const centre = columnMeans(rows);
  const squares = new Float64Array(rows.width);
  for (let i = 0; i < rows.values.length; i++)
    squares[i % rows.width]! += (rows.values[i]! - centre[i % rows.width]!) ** 2;
  const scale = squares.map((sum) => 1 / (Math.sqrt(sum / rows.count) || 1));
  return (given) => ({
    ...given,
    values: given.values.map((value, i) => (value - centre[i % rows.width]!) * scale[i % rows.width]!),
  });
}

function specOf(network: ClassifierNetwork): DataSpec {
  return network.kind === 'conv'
    ? { kind: 'image', shape: network.shape, range: network.range }
    : { kind: 'points', shape: network.shape };
}
