import { batchPlan, fillNoise, type HostTensor, hostTensor, stepInputs } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/dataset.ts';
import type { Trainer } from '../../engine/engine.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

/** A model of the family for the data. */
export function modelOf(family: string, options: Record<string, unknown>, dataset: Dataset): Model {
  return buildModel(familyNamed(family), options, describeData(dataset)).model;
}

/** Trains on the compiled engine from the model's own start. The caller releases it. */
export async function trained(
  model: Model,
  dataset: Dataset,
  settings: { readonly steps: number; readonly batchSize: number; readonly learningRate: number },
): Promise<Trainer> {
  const { steps, batchSize, learningRate } = settings;
  const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: dataset.spec.shape });
  await trainer.setState(await model.initialise!(initialState(model, 1), dataset, 1));
  const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
  const inputsAt = (step: number) => {
    // Steps of constant size end up beside the optimum; half a cosine lets them settle.
    const rate = 0.5 * learningRate * (1 + Math.cos((Math.PI * step) / steps));
    return stepInputs(model, dataset, plan(step), { seed: 1, step, learningRate: rate });
  };
  // Several at once, which is quicker and gives the same bits.
  const block = 20;
  for (let first = 0; first < steps; first += block) {
    const length = Math.min(block, steps - first);
    await trainer.steps(await Promise.all(Array.from({ length }, (_, i) => inputsAt(first + i))));
  }
  return trainer;
}

/**
 * The model's start with other values for its parameters, so that no coupling is the identity: kernels of noise by
 * their fan-in, times `kernels`, the others with noise of `size` added.
 */
export async function stirred(model: Model, dataset: Dataset, size: number, kernels = 1): Promise<HostState> {
  const state = await model.initialise!(initialState(model, 2), dataset, 2);
  const entries = Object.entries(state).map(([name, { shape, data }]) => {
    if (model.state[name]!.kind !== 'parameter') return [name, state[name]!] as const;
    const noise = fillNoise({
      distribution: 'normal',
      seed: 6,
      stream: name,
      firstIndex: 0,
      count: 1,
      shape,
    });
    const fanIn = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const kernel = name.endsWith('/kernel');
    const scale = kernel ? kernels / Math.sqrt(fanIn) : size;
    const values = Float32Array.from(data, (value, i) => (kernel ? 0 : value) + scale * noise[i]!);
    return [name, hostTensor('float32', shape, values)] as const;
  });
  return Object.fromEntries(entries);
}

/** log |det| of a square matrix given by rows, by elimination with pivoting in double precision. */
export function logAbsDeterminant(rows: readonly ArrayLike<number>[]): number {
  const matrix = rows.map((row) => Array.from(row));
  let sum = 0;
  for (let j = 0; j < matrix.length; j++) {
    const below = matrix.slice(j).map((row) => Math.abs(row[j]!));
    const pivot = j + below.indexOf(Math.max(...below));
    [matrix[j], matrix[pivot]] = [matrix[pivot]!, matrix[j]!];
    const top = matrix[j]!;
    sum += Math.log(Math.abs(top[j]!));
    for (const row of matrix.slice(j + 1)) {
      const factor = row[j]! / top[j]!;
      for (let i = j; i < row.length; i++) row[i]! -= factor * top[i]!;
    }
  }
  return sum;
}

/** Cell centres of a square grid about the origin, [cells^2, 2], and the area of a cell. */
export function plane(extent: number, cells: number): { points: HostTensor; area: number } {
  const step = (2 * extent) / cells;
  const values = Array.from({ length: cells * cells }, (_, i) => [
    -extent + step * ((i % cells) + 0.5),
    -extent + step * (Math.floor(i / cells) + 0.5),
  ]);
  return { points: hostTensor('float32', [cells * cells, 2], values.flat()), area: step * step };
}

/** Largest difference between two tensors of the same size. */
export function largestDifference(a: HostTensor, b: HostTensor): number {
  return Array.from(a.data).reduce((worst, value, i) => Math.max(worst, Math.abs(value - b.data[i]!)), 0);
}

/** Arithmetic mean. */
export function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean of independent values. */
export function standardError(values: ArrayLike<number>): number {
  const mean = meanOf(values);
  const squares = Array.from(values).reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares) / values.length;
}

/**
 * Log-density of the moons distribution by quadrature: points on two half circles of radius 1, evenly spread over the
 * angle, blurred by a normal of std 0.08. The trapezoid error is nil at an arc step of pi / 2000, 50 times below the
 * std.
 */
export function moonsLogDensity(points: ArrayLike<number>): Float64Array {
  const angles = Array.from({ length: 2000 }, (_, i) => (Math.PI * (i + 0.5)) / 2000);
  const centres = angles.flatMap((a) => [
    [Math.cos(a), Math.sin(a)],
    [1 - Math.cos(a), 0.5 - Math.sin(a)],
  ]) as [number, number][];
  const variance = 0.08 ** 2;
  return Float64Array.from({ length: points.length / 2 }, (_, n) => {
    const total = centres.reduce((sum, [x, y]) => {
      const distance = (points[2 * n]! - x) ** 2 + (points[2 * n + 1]! - y) ** 2;
      return sum + Math.exp(-distance / (2 * variance));
    }, 0);
    return Math.log(total / centres.length / (2 * Math.PI * variance));
  });
}
