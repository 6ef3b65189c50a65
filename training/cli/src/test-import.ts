import { tf } from '@generatrix/export';
import { fillInputs, type HostTensor, type InputSpec, loadSampler } from '@generatrix/runtime';
import { expect } from 'vitest';

const noise: InputSpec = { role: 'noise', dtype: 'float32', shape: [8], distribution: 'normal' };
const seed = 7;

/** The noise `z` and, where asked for, the classes in turn that samples 0 to 4 of an imported model get. */
export const given = (classes?: number) =>
  fillInputs(
    'sample',
    {
      z: noise,
      ...(classes !== undefined && {
        y: { role: 'label' as const, dtype: 'int32' as const, shape: [], classes },
      }),
    },
    { seed, firstIndex: 0, count: 5 },
  );

/** Weights of these sizes, the same each time. */
export const weights = (...shape: number[]) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(2.3 * i) / 2),
    shape,
  );

/** Samples of an imported bundle: in batches of 2, so that several are run. */
export async function samplesOf(bundle: string): Promise<HostTensor> {
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  try {
    return (await sampler.sample({ count: 5, seed, batchSize: 2 })).data;
  } finally {
    await sampler.release();
  }
}

/** Images with the channels first as the values of their channels last. */
export function channelsLast(
  data: ArrayLike<number>,
  [n, c, h, w]: readonly [number, number, number, number],
): number[] {
  return [...tf.transpose(tf.tensor(Array.from(data), [n, c, h, w]), [0, 2, 3, 1]).dataSync()];
}

/** The shape, and the values to five places. */
export function expectSame(actual: HostTensor, shape: number[], expected: ArrayLike<number>): void {
  expect(actual.shape).toEqual(shape);
  for (const [i, value] of Array.from(expected).entries()) expect(actual.data[i]).toBeCloseTo(value, 5);
}
