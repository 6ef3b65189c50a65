import { tf } from '@generatrix/export';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mendConvolutions } from './mend-convolutions.ts';

/** tfjs's CPU backend with convolutions that take only words for a padding, as those of tfjs-node. */
const strict = 'strict';
const convolutions = /^(Conv2D|DepthwiseConv2dNative)/;

beforeAll(() => {
  tf.registerBackend(strict, tf.engine().registryFactory.cpu!.factory);
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    const refusing: tf.KernelConfig['kernelFunc'] = (call) => {
      if (typeof call.attrs?.pad !== 'string') throw new Error('refused');
      return kernel.kernelFunc(call);
    };
    const kernelFunc = convolutions.test(kernel.kernelName) ? refusing : kernel.kernelFunc;
    tf.registerKernel({ ...kernel, backendName: strict, kernelFunc });
  }
});
afterAll(() => tf.removeBackend(strict));

type Padding = Parameters<typeof tf.conv2d>[3];
interface Plan {
  readonly image: [number, number, number, number];
  readonly window: [number, number];
  readonly stride?: number;
  readonly pad: Padding;
  readonly rounding?: 'ceil';
}

const explicit = (rows: [number, number], columns: [number, number]): Padding => [
  [0, 0],
  rows,
  columns,
  [0, 0],
];
const plans: [string, Plan][] = [
  ['a word', { image: [2, 5, 6, 2], window: [3, 2], pad: 'same' }],
  ['one number', { image: [2, 5, 6, 2], window: [3, 3], pad: 1 }],
  [
    'above and beside, as masked windows',
    { image: [2, 5, 6, 2], window: [2, 3], pad: explicit([2, 0], [1, 1]) },
  ],
  ['a stride that leaves the last rows out', { image: [1, 6, 6, 2], window: [2, 2], stride: 3, pad: 1 }],
  ['outputs rounded up', { image: [1, 6, 5, 2], window: [3, 2], stride: 2, pad: 1, rounding: 'ceil' }],
  ['a window wider than tfjs counts', { image: [1, 5, 5, 2], window: [1, 3], pad: 1 }],
  ['a window narrower than tfjs counts', { image: [1, 5, 5, 2], window: [3, 1], pad: 1 }],
];

/** Values and both gradients of a convolution, plain and depthwise, on one backend. */
async function results(backend: string, { image, window, stride = 1, pad, rounding }: Plan) {
  await tf.setBackend(backend);
  const values = (shape: [number, number, number, number]) =>
    tf.sin(tf.reshape(tf.range(1, 1 + shape.reduce((a, b) => a * b)), shape)) as tf.Tensor4D;
  const one = values([...window, 2, 3]);
  const both = { plain: tf.conv2d, depthwise: tf.depthwiseConv2d };
  const all: Record<string, number[]> = {};
  for (const [name, convolve] of Object.entries(both)) {
    const f = (x: tf.Tensor, w: tf.Tensor) =>
      convolve(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, 'NHWC', 1, rounding);
    const [dx, dw] = tf.grads((x, w) => tf.sum(tf.square(f(x!, w!))))([values(image), one]);
    for (const [what, tensor] of Object.entries({ y: f(values(image), one), dx: dx!, dw: dw! })) {
      all[`${name} ${what} [${tensor.shape}]`] = Array.from(tensor.dataSync());
    }
  }
  return all;
}

test('as it is, the backend refuses numbers', async () => {
  await expect(results(strict, plans[1]![1])).rejects.toThrow('refused');
});

test.each(plans)('a padding of %s gives what the CPU backend gives', async (_, plan) => {
  mendConvolutions(strict);
  const expected = await results('cpu', plan);
  const actual = await results(strict, plan);
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [what, values] of Object.entries(expected)) {
    const off = values.map((value, i) => Math.abs(value - actual[what]![i]!) / Math.max(1, Math.abs(value)));
    expect(Math.max(...off), what).toBeLessThan(1e-6);
  }
});

test('nothing is left of the tensors between', async () => {
  mendConvolutions(strict);
  await tf.setBackend(strict);
  const [x, w] = [tf.ones([1, 4, 4, 2]) as tf.Tensor4D, tf.ones([2, 2, 2, 3]) as tf.Tensor4D];
  const before = tf.memory().numTensors;
  tf.dispose(tf.conv2d(x, w, 1, 1));
  expect(tf.memory().numTensors).toBe(before);
});
