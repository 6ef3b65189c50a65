import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const positive = (shape: number[], seed: number) => tf.add(tf.abs(noise(shape, seed)), 0.5);

type Case = readonly [string, (...x: tf.Tensor[]) => tf.Tensor, () => tf.Tensor[]];

const kernel = (name: string, inputs: tf.NamedTensorMap, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

const resizeModes: readonly (readonly [boolean, boolean])[] = [
  [false, false],
  [true, false],
  [false, true],
];
/** Up and down by whole and by odd ratios, to one cell and from one. */
const resizeSizes: readonly (readonly [[number, number], [number, number]])[] = [
  [
    [3, 4],
    [5, 7],
  ],
  [
    [5, 4],
    [3, 2],
  ],
  [
    [2, 3],
    [4, 6],
  ],
  [
    [4, 6],
    [2, 3],
  ],
  [
    [3, 1],
    [1, 4],
  ],
];
type Pooling = readonly [
  window: [number, number],
  stride: number,
  pad: 'same' | 'valid' | number,
  rounding: 'floor' | 'ceil' | undefined,
];
const poolings: readonly Pooling[] = [
  [[2, 2], 2, 'valid', undefined],
  [[3, 2], 2, 'same', undefined],
  [[3, 3], 2, 0, 'ceil'],
  [[3, 3], 1, 1, 'floor'],
];
/** The numbers 0 to 1 in equal steps, out of order. */
const shuffled = (...shape: number[]) => {
  const size = shape.reduce((product, dim) => product * dim, 1);
  // 7 and 120 have no common factor.
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => (4 * ((i * 7) % size)) / size),
    shape,
  );
};

/** Shapes of no two equal sizes, so that exchanged axes show. */
const cases: Case[] = [
  ['cumsum along the first axis', (x) => tf.cumsum(x, 0), () => [noise([3, 4], 1)]],
  ['cumsum along a square', (x) => tf.cumsum(x, 0), () => [noise([3, 3], 1)]],
  [
    'cumsum along the middle, reverse, exclusive',
    (x) => tf.cumsum(x, 1, true, true),
    () => [noise([2, 4, 3], 1)],
  ],
  ['cumsum along -2', (x) => tf.cumsum(x, -2), () => [noise([2, 4, 3], 1)]],
  ['cumsum along the last axis', (x) => tf.cumsum(x, 1), () => [noise([3, 4], 1)]],
  ...[
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ].map(([ta, tb]): Case => {
    const [a, b] = [ta ? [4, 3] : [3, 4], tb ? [2, 4] : [4, 2]];
    return [
      `matMul of broadcast batches, transposed: ${ta}, ${tb}`,
      (x, y) => tf.matMul(x!, y!, ta, tb),
      () => [noise([2, 1, ...a], 1), noise([1, 3, ...b], 2)],
    ];
  }),
  ...(['reflect', 'symmetric'] as const).flatMap((mode): Case[] => [
    [
      `mirrorPad, ${mode}, before and after`,
      (x) =>
        tf.mirrorPad(
          x!,
          [
            [1, 2],
            [0, 1],
          ],
          mode,
        ),
      () => [noise([3, 4], 1)],
    ],
    [`mirrorPad, ${mode}, as far as it goes`, (x) => tf.mirrorPad(x!, [[2, 2]], mode), () => [noise([3], 1)]],
  ]),
  [
    'floorDiv, between its steps',
    (x, y) => tf.cast(tf.floorDiv(x!, y!), 'float32'),
    () => [tf.tensor([0.5, 1.6, -2.3]), tf.tensor([1, 1.5, 0.8])],
  ],
  [
    'matMul of one matrix with a batch',
    (x, y) => tf.matMul(x!, y!),
    () => [noise([1, 3, 4], 1), noise([2, 4, 2], 2)],
  ],
  ['matMul of two ranks', (x, y) => tf.matMul(x!, y!), () => [noise([2, 3, 4], 1), noise([4, 2], 2)]],
  [
    'batchNorm, statistics per channel',
    (x, m, v, o, s) =>
      tf.batchNorm(x as tf.Tensor2D, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D),
    () => [noise([4, 3], 1), noise([3], 2), positive([3], 3), noise([3], 4), noise([3], 5)],
  ],
  [
    'batchNorm along axis 1',
    (x, mean, variance, offset, scale) =>
      kernel(
        'FusedBatchNorm',
        { x: x!, mean: mean!, variance: variance!, offset: offset!, scale: scale! },
        { varianceEpsilon: 0.1 },
      ),
    () => [
      noise([2, 3, 4, 2], 1),
      noise([1, 3, 1, 1], 2),
      positive([1, 3, 1, 1], 3),
      noise([1, 3, 1, 1], 4),
      noise([1, 3, 1, 1], 5),
    ],
  ],
  [
    'a convolution whose size is rounded up',
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 0, 'NHWC', 1, 'ceil'),
    () => [noise([2, 6, 6, 2], 1), noise([3, 3, 2, 3], 2)],
  ],
  [
    'a convolution, rows before columns',
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [2, 1], 'same'),
    () => [noise([2, 5, 4, 2], 1), noise([3, 2, 2, 3], 2)],
  ],
  ...resizeModes.flatMap(([aligned, half]) =>
    resizeSizes.flatMap(([from, to]): Case[] => [
      [
        `bilinear resizing from ${from} to ${to}, corners aligned ${aligned}, half-pixel centres ${half}`,
        (x) => tf.image.resizeBilinear(x as tf.Tensor4D, to, aligned, half),
        () => [noise([2, ...from, 2], 1)],
      ],
      [
        `nearest resizing from ${from} to ${to}, corners aligned ${aligned}, half-pixel centres ${half}`,
        (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, to, aligned, half),
        () => [noise([2, ...from, 2], 1)],
      ],
    ]),
  ),
  ...poolings.flatMap(([filter, strides, pad, rounding]): Case[] => [
    [
      `average pooling, window ${filter}, stride ${strides}, padding ${pad}, rounded ${rounding}`,
      (x) => tf.avgPool(x as tf.Tensor4D, filter, strides, pad, rounding),
      () => [noise([2, 6, 5, 2], 1)],
    ],
    [
      `maximum pooling, window ${filter}, stride ${strides}, padding ${pad}, rounded ${rounding}`,
      (x) => tf.maxPool(x as tf.Tensor4D, filter, strides, pad, rounding),
      // Values that lie further apart than the steps of the differences.
      () => [shuffled(2, 6, 5, 2)],
    ],
  ]),
  [
    'average pooling of volumes with padding',
    (x) => tf.avgPool3d(x as tf.Tensor5D, [2, 3, 2], [1, 2, 1], 'same'),
    () => [noise([1, 3, 4, 3, 2], 1)],
  ],
  ['prod over the last axes', (x) => tf.prod(x!, [1, 2]), () => [positive([2, 3, 2], 1)]],
  ['prod over the first axes', (x) => tf.prod(x!, [0, 1]), () => [positive([2, 3, 2], 1)]],
];

describe('the gradient agrees with central differences', () => {
  it.each(cases)('%s', (_, fn, inputs) => {
    const given = inputs();
    // A weighted sum, so that no value's gradient is the same as another's.
    const y = fn(...given);
    const weights = noise(y.shape, 9);
    const loss = (...x: tf.Tensor[]) => tf.sum(tf.mul(weights, fn(...x))) as tf.Scalar;
    const gradients = tf.grads(loss)(given);
    for (const [i, input] of given.entries()) {
      expect(gradients[i]!.shape).toEqual(input.shape);
      const own = gradients[i]!.dataSync();
      const values = [...input.dataSync()];
      // Every value of the small tensors, every seventh of the others.
      for (let at = 0; at < values.length; at += values.length > 40 ? 7 : 1) {
        const moved = (step: number) => {
          const changed = tf.tensor(values.with(at, values[at]! + step), input.shape, 'float32');
          return tf.tidy(() => loss(...given.with(i, changed)).dataSync()[0]!);
        };
        const step = 2 ** -7;
        const numeric = (moved(step) - moved(-step)) / (2 * step);
        // Rounding of a sum of order 10 in float32 over the step: 1e-4; curvature of order step^2.
        expect(Math.abs(own[at]! - numeric), `input ${i} at ${at}`).toBeLessThan(
          2e-3 * Math.max(1, Math.abs(numeric)),
        );
      }
    }
  });
});

it('of resizing with half-pixel centres is refused on backends that leave them out', async () => {
  tf.registerBackend('wasm', () => new (class extends tf.KernelBackend {})());
  const [dy, images] = [tf.ones([1, 4, 4, 1]), tf.ones([1, 2, 2, 1])];
  try {
    await tf.setBackend('wasm');
    for (const kernel of ['ResizeBilinear', 'ResizeNearestNeighbor']) {
      const { gradFunc } = tf.getGradient(kernel);
      expect(() => gradFunc(dy, [images], { halfPixelCenters: true })).toThrow(
        `the gradient of ${kernel} with half-pixel centres is wrong on TensorFlow.js's backend 'wasm'`,
      );
      expect(() => gradFunc(dy, [images], { halfPixelCenters: false })).not.toThrow();
    }
  } finally {
    await tf.setBackend('cpu');
  }
});
