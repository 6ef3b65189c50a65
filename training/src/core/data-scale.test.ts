import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { floatDataset } from '../data/dataset.ts';
import { fromData, measureScale, scaleLogDet, scaleSpecs, toData, unscaled } from './data-scale.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const points = { kind: 'points', shape: [2] } as const;
const image = { kind: 'image', shape: [1, 2, 1], range: [0, 10] } as const;

it('standardises points by the mean and deviation of the data, and back', async () => {
  const values = new Float32Array([1, 7, 3, 7, 8, 7]); // columns 1 3 8 and 7 7 7
  const fields = { name: 't', split: 'train', spec: points, size: 3, labels: null, classNames: [] } as const;
  const host = await measureScale({}, floatDataset(fields, values));
  const state = Object.fromEntries(
    Object.entries(host).map(([name, x]) => [name, tf.tensor(x.data, [...x.shape])]),
  );
  const x = tf.tensor2d(values, [3, 2]);
  const standard = fromData(state, x, points);
  // Mean 4, variance (9 + 1 + 16) / 3; a constant column is only centred.
  const deviation = Math.sqrt(26 / 3);
  const expected = [-3 / deviation, 0, -1 / deviation, 0, 4 / deviation, 0];
  for (const [i, value] of [...standard.dataSync()].entries()) expect(value).toBeCloseTo(expected[i]!, 6);
  for (const [i, value] of [...toData(state, standard, points).dataSync()].entries()) {
    expect(value).toBeCloseTo(values[i]!, 5);
  }
  expect(scaleLogDet(state).dataSync()[0]).toBeCloseTo(-Math.log(deviation), 5);
});

it('takes a range to [-1, 1], and anything into the range', () => {
  expect(scaleSpecs(image)).toEqual({});
  const x = tf.tensor4d([0, 10], [1, 1, 2, 1]);
  expect([...fromData({}, x, image).dataSync()]).toEqual([-1, 1]);
  expect([...unscaled({}, fromData({}, x, image), image).dataSync()]).toEqual([0, 10]);
  const y = [...toData({}, tf.tensor4d([-1e6, 0], [1, 1, 2, 1]), image).dataSync()];
  expect(y[0]).toBeCloseTo(0, 5);
  expect(y[1]).toBeCloseTo(5, 5);
});
