import { tf } from '../tf.ts';
import { type ConformanceCase, integers, values } from './case.ts';

type Shape3 = [number, number, number];
type Volume = tf.Tensor5D;
interface VolumePlan {
  readonly volume: [number, number, number, number, number];
  readonly filter: Shape3;
  readonly strides: number | Shape3;
  readonly pad: 'same' | 'valid' | number;
}

/** No two sizes of a volume alike, windows that overlap, leave gaps and hang over the edges. */
const plans: VolumePlan[] = [
  { volume: [2, 4, 5, 3, 2], filter: [2, 3, 1], strides: 1, pad: 'same' },
  { volume: [1, 5, 4, 6, 3], filter: [3, 2, 3], strides: [2, 1, 2], pad: 'same' },
  { volume: [2, 6, 3, 4, 1], filter: [2, 2, 3], strides: [3, 1, 1], pad: 'valid' },
  { volume: [1, 3, 4, 5, 2], filter: [1, 1, 1], strides: 2, pad: 'valid' },
  { volume: [1, 4, 5, 6, 2], filter: [2, 3, 2], strides: 2, pad: 1 },
];

const named = ({ volume, filter, strides, pad }: VolumePlan) =>
  `${volume.join('x')}, window ${filter}, stride ${strides}, pad ${pad}`;

/** Sums of up to 54 products in another order: a few units in the last place of the largest term. */
const resummed = 1e-5;

const volumeCases = plans.flatMap((plan): ConformanceCase[] => {
  const { volume, filter, strides, pad } = plan;
  const convolve = (x: tf.Tensor, w: tf.Tensor) =>
    tf.conv3d(x as Volume, w as Volume, strides, pad as 'same');
  return [
    {
      name: `conv3d and its gradients: ${named(plan)}`,
      fn: ({ x, w }) => {
        const loss = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.square(convolve(a, b))) as tf.Scalar;
        const [dx, dw] = tf.grads(loss)([x!, w!]);
        return { y: convolve(x!, w!), dx: dx!, dw: dw! };
      },
      // Small, so that no sum on the way is large beside its result.
      inputs: () => ({
        x: tf.mul(values(...volume), 0.5),
        w: tf.mul(values(...filter, volume[4], 3), 0.5),
      }),
      tolerance: resummed,
    },
    ...(['maxPool3d', 'avgPool3d'] as const).map((op): ConformanceCase => {
      const pool = (x: tf.Tensor) => tf[op](x as Volume, filter, strides, pad);
      return {
        name: `${op} and its gradient: ${named(plan)}`,
        fn: ({ x }) => ({ y: pool(x!), dx: tf.grad((v) => tf.sum(tf.square(pool(v))))(x!) }),
        // Rounded values, so that windows hold ties.
        inputs: () => ({ x: tf.round(values(...volume)) }),
        tolerance: resummed,
      };
    }),
  ];
});

const imageCases: ConformanceCase[] = [
  {
    name: 'flipLeftRight',
    fn: ({ x }) => ({ y: tf.image.flipLeftRight(x as tf.Tensor4D) }),
    inputs: () => ({ x: values(2, 3, 4, 2) }),
  },
  ...[0.3, Math.PI / 2, -2].map(
    (angle): ConformanceCase => ({
      name: `rotateWithOffset by ${angle}`,
      fn: ({ x }) => ({
        filled: tf.image.rotateWithOffset(x as tf.Tensor4D, angle, [0.1, 0.2, 0.3], [0.4, 0.6]),
        plain: tf.image.rotateWithOffset(x as tf.Tensor4D, angle),
      }),
      inputs: () => ({ x: values(2, 5, 4, 3) }),
    }),
  ),
  {
    name: 'rotateWithOffset leaves the corners opaque',
    fn: ({ x }) => ({ y: tf.image.rotateWithOffset(x as tf.Tensor4D, 0.8, [1, 2, 3]) }),
    inputs: () => ({ x: values(1, 4, 5, 4) }),
  },
  ...(['bilinear', 'nearest'] as const).flatMap((method) =>
    (
      [
        [3, 4],
        [1, 5],
        [4, 1],
      ] as [number, number][]
    ).map(
      (size): ConformanceCase => ({
        name: `cropAndResize to ${size}, ${method}`,
        fn: ({ x, boxes, boxInd }) => ({
          y: tf.image.cropAndResize(
            x as tf.Tensor4D,
            boxes as tf.Tensor2D,
            boxInd as tf.Tensor1D,
            size,
            method,
            0.5,
          ),
        }),
        tolerance: 1e-6,
        // Inside, turned over, hanging over the edge, and of an image that does not exist.
        inputs: () => ({
          x: values(2, 6, 5, 2),
          boxes: tf.tensor2d(
            [0.1, 0.2, 0.8, 0.7, 0.92, 0.6, 0.1, 0.2, -0.3, 0.1, 0.6, 1.4, 0, 0, 1, 1],
            [4, 4],
          ),
          boxInd: tf.tensor1d([1, 0, 1, 2], 'int32'),
        }),
      }),
    ),
  ),
  ...[true, false].flatMap((batched) =>
    (['same', 'valid', 1] as const).map(
      (pad): ConformanceCase => ({
        name: `maxPoolWithArgmax, pad ${pad}, ${batched ? 'places in the batch' : 'in the image'}`,
        fn: ({ x }) => {
          const { result, indexes } = tf.maxPoolWithArgmax(x as tf.Tensor4D, [2, 3], [2, 1], pad, batched);
          return { result: result!, indexes: indexes! };
        },
        inputs: () => ({ x: tf.round(values(2, 5, 4, 3)) }),
      }),
    ),
  ),
  ...(
    [
      ['same', 1, 1],
      ['valid', [2, 1], 1],
      ['same', 1, [1, 2]],
    ] as const
  ).map(
    ([pad, strides, dilations]): ConformanceCase => ({
      name: `dilation2d and its gradients: pad ${pad}, stride ${strides}, dilation ${dilations}`,
      fn: ({ x, w }) => {
        const dilate = (a: tf.Tensor, b: tf.Tensor) =>
          tf.dilation2d(a as tf.Tensor4D, b as tf.Tensor3D, strides as number, pad, dilations as number);
        const loss = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.square(dilate(a, b))) as tf.Scalar;
        const [dx, dw] = tf.grads(loss)([x!, w!]);
        return { y: dilate(x!, w!), dx: dx!, dw: dw! };
      },
      inputs: () => ({ x: tf.round(values(2, 5, 6, 2)), w: tf.round(values(2, 3, 2)) }),
      tolerance: resummed,
    }),
  ),
];

const suppressionCases = (
  [
    [6, 0.5, -Infinity],
    [3, 0.3, 0.2],
    [12, 0.1, 0.4],
  ] as const
).map(
  ([most, overlap, score]): ConformanceCase => ({
    name: `nonMaxSuppressionPadded: ${most} boxes, overlap ${overlap}, score ${score}`,
    fn: ({ boxes, scores }) => {
      const { selectedIndices, validOutputs } = tf.image.nonMaxSuppressionPadded(
        boxes as tf.Tensor2D,
        scores as tf.Tensor1D,
        most,
        overlap,
        score,
        true,
      );
      return { selectedIndices: selectedIndices!, validOutputs: validOutputs! };
    },
    // Corners in any order, equal scores among them, one box without area.
    inputs: () => ({
      boxes: tf.concat([values(10, 4), tf.tensor2d([0, 0, 0, 1], [1, 4])]),
      scores: tf.tensor1d([0.1, 0.9, 0.3, 0.9, 0.5, 0.2, 0.8, 0.3, 0.7, 0.6, 0.5]),
    }),
  }),
);

const countingCases: ConformanceCase[] = [
  {
    name: 'bincount, weighted and not',
    fn: ({ x, w }) => ({
      weighted: tf.bincount(x as tf.Tensor1D, w as tf.Tensor1D, 4),
      plain: tf.bincount(x as tf.Tensor1D, tf.tensor1d([]), 4),
      dense: tf.denseBincount(x as tf.Tensor1D, w as tf.Tensor1D, 9),
    }),
    inputs: () => ({ x: integers(0, 6, 20), w: values(20) }),
    tolerance: resummed,
  },
  {
    name: 'denseBincount of rows',
    fn: ({ x, w }) => ({
      weighted: tf.denseBincount(x as tf.Tensor2D, w as tf.Tensor2D, 4),
      plain: tf.denseBincount(x as tf.Tensor2D, tf.tensor2d([], [0, 0]), 5),
      binary: tf.denseBincount(x as tf.Tensor2D, tf.tensor2d([], [0, 0]), 5, true),
    }),
    inputs: () => ({ x: integers(0, 6, 3, 7), w: values(3, 7) }),
    tolerance: resummed,
  },
  {
    name: 'lowerBound and upperBound',
    fn: ({ sorted, sought }) => ({
      lower: tf.lowerBound(sorted!, sought!),
      upper: tf.upperBound(sorted!, sought!),
    }),
    inputs: () => ({
      sorted: tf.tensor2d([-1, 0, 0, 2, 5, 0, 1, 2, 2, 2], [2, 5]),
      sought: tf.tensor2d([0, -3, 9, 2, 2, -1, 1.5, 2], [2, 4]),
    }),
  },
];

const placingCases: ConformanceCase[] = [
  {
    name: 'diag',
    fn: ({ x }) => ({ y: tf.diag(x!), matrix: tf.diag(tf.reshape(x!, [2, 3])) }),
    inputs: () => ({ x: tf.tensor1d([1, -2, Infinity, NaN, 0, 6]) }),
  },
  {
    name: 'sparseToDense',
    fn: ({ places, rows, x }) => ({
      values: tf.sparseToDense(places!, x!, [3, 4], 0.5),
      scalar: tf.sparseToDense(rows!, tf.scalar(7, 'int32'), [6], tf.scalar(-1, 'int32')),
    }),
    inputs: () => ({
      places: tf.tensor2d([0, 1, 2, 3], [2, 2], 'int32'),
      rows: tf.tensor1d([4, 0], 'int32'),
      x: values(2),
    }),
  },
];

const twoParts = (x: tf.Tensor) => ({ real: tf.real(x), imag: tf.imag(x) });

const spectralCases: ConformanceCase[] = [
  // 101 is prime, 96 and 128 factor, 100 is not a power of two.
  ...[1, 2, 8, 60, 96, 100, 101, 128].flatMap((n): ConformanceCase[] => [
    {
      name: `fft and ifft of ${n} values`,
      fn: ({ a, b }) => {
        const x = tf.complex(a!, b!);
        const [forward, back] = [twoParts(tf.spectral.fft(x)), twoParts(tf.spectral.ifft(x))];
        return { real: forward.real, imag: forward.imag, re: back.real, im: back.imag };
      },
      inputs: () => ({ a: values(3, n), b: values(n, 3).reshape([3, n]) }),
      // Sums of n terms of size up to 2, in another order.
      tolerance: 1e-5 * Math.sqrt(n),
    },
  ]),
  {
    name: 'rfft and irfft, cut and padded',
    fn: ({ x }) => {
      const whole = tf.spectral.rfft(x!);
      const short = twoParts(tf.spectral.rfft(x!, 6));
      const long = twoParts(tf.spectral.rfft(x!, 16));
      return {
        again: tf.spectral.irfft(whole),
        short: short.real,
        shortImag: short.imag,
        long: long.real,
        longImag: long.imag,
      };
    },
    inputs: () => ({ x: values(2, 10) }),
    tolerance: 1e-5,
  },
  {
    name: 'stft, its magnitude and phase',
    fn: ({ x }) => {
      const y = tf.signal.stft(x as tf.Tensor1D, 16, 5);
      return { magnitude: tf.abs(y), phase: tf.atan2(tf.imag(y), tf.add(tf.real(y), 40)) };
    },
    inputs: () => ({ x: values(61) }),
    tolerance: 1e-5,
  },
  {
    name: 'arithmetic of complex numbers',
    fn: ({ a, b }) => {
      const [x, y] = [tf.complex(a!, b!), tf.complex(b!, tf.mul(a!, 2))];
      // Before the reshape, which in eager tfjs changes the shape of the parts of x.
      const cast = tf.cast(x, 'float32');
      const product = twoParts(tf.mul(x, y));
      const sum = twoParts(tf.add(x, tf.sub(y, tf.cast(a!, 'complex64'))));
      const joined = twoParts(tf.concat([tf.reshape(x, [4]), tf.reshape(tf.onesLike(y), [4])]));
      return {
        ...product,
        sumReal: sum.real,
        sumImag: sum.imag,
        joinedReal: joined.real,
        joinedImag: joined.imag,
        cast,
      };
    },
    inputs: () => ({ a: values(2, 2), b: values(4).reshape([2, 2]) }),
  },
];

const einsumCases: ConformanceCase[] = [
  'ij->',
  'ij->ji',
  'ij->j',
  'i j , k l -> l i',
  'ij,ij->',
  'ij,ij->ij',
  'ij,kj->ik',
  'AB,CB->CA',
].map((equation) => {
  const two = equation.includes(',');
  return {
    name: `einsum ${equation}`,
    fn: ({ a, b }) => ({ y: two ? tf.einsum(equation, a!, b!) : tf.einsum(equation, a!) }),
    inputs: () => ({ a: values(3, 4), ...(two && { b: values(4, 3).reshape([3, 4]) }) }),
    tolerance: 1e-6,
  };
});

/** Cases of the kernels that are traced as compositions of simpler ones. */
export const composedCases: ConformanceCase[] = [
  ...volumeCases,
  ...imageCases,
  ...suppressionCases,
  ...countingCases,
  ...placingCases,
  ...spectralCases,
  ...einsumCases,
];
