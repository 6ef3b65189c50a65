import type { Sampler } from '@generatrix/runtime';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';

/** A distribution over points: [n, dimensions] values, flat, and the probability of each. */
export interface Distribution {
  readonly points: Float32Array;
  readonly probabilities: Float64Array;
}

export interface DensityCase {
  readonly name: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly dataset: Dataset;
  readonly strength?: number;
  /** Parameters, by the start of their names, that are zero. */
  readonly zero?: string;
  /** The distribution that the model scores. @param values that occur among the samples */
  distribution(sampler: Sampler, values: readonly number[]): Promise<Distribution>;
  /** What a sample stands for, when that is not the sample itself. */
  readonly rounded?: (value: number) => number;
}

/** All examples of some values, each scored by itself: the distribution of discrete data. */
export const enumerated =
  (score: (sampler: Sampler, data: HostTensor) => Promise<Float64Array>) =>
  async (sampler: Sampler, values: readonly number[]): Promise<Distribution> => {
    const { shape } = sampler.manifest.data;
    const dimensions = shape.reduce((product, size) => product * size, 1);
    const count = values.length ** dimensions;
    const points = new Float32Array(count * dimensions);
    for (let i = 0; i < count; i++) {
      let rest = i;
      for (let j = 0; j < dimensions; j++) {
        points[i * dimensions + j] = values[rest % values.length]!;
        rest = Math.floor(rest / values.length);
      }
    }
    return { points, probabilities: await score(sampler, hostTensor('float32', [count, ...shape], points)) };
  };

/** Points of the plane on a grid, each standing for a cell of it. */
export const overPlane =
  (reach: number, cells: number, score: (sampler: Sampler, data: HostTensor) => Promise<Float64Array>) =>
  async (sampler: Sampler): Promise<Distribution> => {
    const width = (2 * reach) / cells;
    const at = (i: number) => -reach + (i + 0.5) * width;
    const points = new Float32Array(2 * cells * cells);
    for (let i = 0; i < cells * cells; i++) {
      points[2 * i] = at(i % cells);
      points[2 * i + 1] = at(Math.floor(i / cells));
    }
    const densities = await score(sampler, hostTensor('float32', [cells * cells, 2], points));
    return { points, probabilities: densities.map((density) => density * width * width) };
  };

/** exp of `logProb`; of class 1, where there are classes. */
export async function exact(sampler: Sampler, data: HostTensor): Promise<Float64Array> {
  const { values, kind } = await sampler.logProb({ data, batchSize: 4096, label: 1 });
  if (kind !== 'exact') throw new Error(`expected an exact density, got ${kind}`);
  return Float64Array.from(values, Math.exp);
}

/** The integral over a program's noise of exp(logWeight): a sum over given noise with given weights. */
export const integrated =
  (input: string, noise: readonly number[][], weights: readonly number[]) =>
  async (sampler: Sampler, data: HostTensor): Promise<Float64Array> => {
    const count = data.shape[0]!;
    const { shape } = sampler.manifest.programs.logWeight!.inputs[input]!;
    const total = new Float64Array(count);
    for (const [i, values] of noise.entries()) {
      const rows = Float32Array.from({ length: count * values.length }, (_, j) => values[j % values.length]!);
      const tensors = { [input]: hostTensor('float32', [count, ...shape], rows) };
      const sources = { seed: 1, firstIndex: 0, count, data, tensors };
      const { logWeight } = await sampler.run('logWeight', sources, { batchSize: 4096 });
      for (let j = 0; j < count; j++) total[j] = total[j]! + weights[i]! * Math.exp(logWeight!.data[j]!);
    }
    return total;
  };

/** One normal number, over eight deviations to both sides. */
const normalGrid = Array.from({ length: 161 }, (_, i) => -8 + i / 10);
export const overCode = integrated(
  'eps',
  normalGrid.map((value) => [value]),
  normalGrid.map((value) => (0.1 * Math.exp(-0.5 * value * value)) / Math.sqrt(2 * Math.PI)),
);
/** With these outputs zero the encoder gives the prior, which the grid of codes is made for. */
export const head = 'encoder/';
/** Two uniform numbers. */
const cells = Array.from({ length: 30 }, (_, i) => (i + 0.5) / 30);
export const overDequantisation = integrated(
  'uniform',
  cells.flatMap((u) => cells.map((v) => [u, v])),
  new Array<number>(cells.length ** 2).fill(cells.length ** -2),
);
