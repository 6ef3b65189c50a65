import { tf } from '../tf.ts';
import { type ConformanceCase, kernel, values } from './case.ts';

type Pad = 'same' | 'valid' | number | [[0, 0], [number, number], [number, number], [0, 0]];
interface Plan {
  readonly image: [number, number, number, number];
  readonly filter: [number, number];
  readonly strides: number | [number, number];
  readonly pad: Pad;
  readonly rounding?: 'floor' | 'ceil' | 'round';
  /** Padding that gives the same without rounding: tfjs's gradients forget the rounding mode and drop windows. */
  readonly referencePad?: Pad;
}

const uneven: Pad = [
  [0, 0],
  [0, 2],
  [1, 0],
  [0, 0],
];

/** Windows that overlap, leave gaps, hang over the edge, or leave the end of the image untouched. */
const plans: Plan[] = [
  { image: [2, 5, 6, 3], filter: [3, 2], strides: 1, pad: 'same' },
  { image: [1, 7, 5, 2], filter: [3, 3], strides: 2, pad: 'same' },
  { image: [2, 6, 5, 1], filter: [2, 3], strides: [2, 1], pad: 'valid' },
  { image: [1, 8, 7, 2], filter: [2, 2], strides: 3, pad: 'valid' },
  { image: [2, 5, 5, 2], filter: [3, 3], strides: 2, pad: 1 },
  { image: [1, 6, 6, 2], filter: [2, 2], strides: 3, pad: 1, rounding: 'floor' },
  {
    image: [1, 6, 5, 2],
    filter: [3, 2],
    strides: 2,
    pad: 1,
    rounding: 'ceil',
    referencePad: [
      [0, 0],
      [1, 2],
      [1, 0],
      [0, 0],
    ],
  },
  // For padding given as a number, tfjs works out the output's width with the window's height.
  { image: [1, 5, 5, 2], filter: [3, 1], strides: 1, pad: 1 },
  { image: [1, 5, 5, 2], filter: [1, 3], strides: 1, pad: 1 },
  { image: [2, 5, 4, 2], filter: [3, 3], strides: 2, pad: uneven },
  { image: [3, 1, 1, 2], filter: [1, 1], strides: 1, pad: 'valid' },
  { image: [1, 4, 4, 1], filter: [1, 1], strides: 2, pad: 'same' },
];

const named = ({ image, filter, strides, pad, rounding }: Plan) =>
  `${image.join('x')}, window ${filter}, stride ${strides}, pad ${JSON.stringify(pad)}${rounding ?? ''}`;

/**
 * For sums taken in another order: in the gradients below, terms reach 2 * 24 * 2 = 96, where one unit in the last
 * place of a float32 is 7.6e-6.
 */
const resummed = 1e-5;

/** The plan to compare with, when the plan's own gradient is faulty in tfjs. */
function referencePlan(plan: Plan): Plan | null {
  return plan.referencePad ? { ...plan, pad: plan.referencePad, rounding: undefined } : null;
}

type PlanFunction = (plan: Plan) => ConformanceCase['fn'];

function planCase(
  name: string,
  plan: Plan,
  fn: PlanFunction,
  inputs: ConformanceCase['inputs'],
): ConformanceCase {
  const equivalent = referencePlan(plan);
  return {
    name: `${name}: ${named(plan)}`,
    fn: fn(plan),
    ...(equivalent && { reference: fn(equivalent) }),
    inputs,
    tolerance: resummed,
  };
}

function withGradients(op: (x: tf.Tensor4D, w: tf.Tensor4D) => tf.Tensor): ConformanceCase['fn'] {
  const plain = (x: tf.Tensor, w: tf.Tensor) => op(x as tf.Tensor4D, w as tf.Tensor4D);
  const loss = (x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.square(plain(x, w))) as tf.Scalar;
  return ({ x, w }) => {
    const [dx, dw] = tf.grads(loss)([x!, w!]);
    return { y: plain(x!, w!), dx: dx!, dw: dw! };
  };
}

function convolutionCases(plan: Plan): ConformanceCase[] {
  const { image, filter } = plan;
  const channels = image[3];
  const conv: PlanFunction = ({ strides, pad, rounding }) =>
    withGradients((x, w) => tf.conv2d(x, w, strides, pad, 'NHWC', 1, rounding));
  const depthwise: PlanFunction = ({ strides, pad, rounding }) =>
    withGradients((x, w) => tf.depthwiseConv2d(x, w, strides, pad, 'NHWC', 1, rounding));
  const inputs = (outputs: number) => () => ({
    x: values(...image),
    w: values(...filter, channels, outputs),
  });
  return [
    planCase('conv2d and its gradients', plan, conv, inputs(3)),
    planCase('depthwise convolution and its gradients', plan, depthwise, inputs(1)),
    planCase('depthwise convolution, two outputs per channel', plan, depthwise, inputs(2)),
  ];
}

function poolingCases(plan: Plan): ConformanceCase[] {
  return (['maxPool', 'avgPool'] as const).map((op) => {
    const pooling: PlanFunction = ({ filter, strides, pad, rounding }) => {
      const pool = (x: tf.Tensor) => tf[op](x as tf.Tensor4D, filter, strides, pad, rounding);
      return ({ x }) => ({ y: pool(x!), dx: tf.grad((v) => tf.sum(tf.square(pool(v))))(x!) });
    };
    // Rounded values, so that windows hold ties.
    const inputs = () => ({ x: tf.round(values(...plan.image)) });
    return planCase(`${op} and its gradient`, plan, pooling, inputs);
  });
}

function resizeCases(): ConformanceCase[] {
  const sizes: [number, number][] = [
    [6, 8],
    [2, 3],
    [1, 1],
    [5, 4],
  ];
  return sizes.flatMap((size) =>
    [false, true].flatMap((alignCorners): ConformanceCase[] => [
      {
        name: `resize to ${size}, ${alignCorners ? 'aligned' : 'half pixels, and not'}`,
        fn: ({ x }) => {
          const images = x! as tf.Tensor4D;
          return {
            bilinear: tf.image.resizeBilinear(images, size, alignCorners, !alignCorners),
            nearest: tf.image.resizeNearestNeighbor(images, size, alignCorners, !alignCorners),
            plain: tf.image.resizeBilinear(images, size),
          };
        },
        inputs: () => ({ x: values(2, 4, 5, 2) }),
      },
      ...(['ResizeBilinearGrad', 'ResizeNearestNeighborGrad'] as const).map((name): ConformanceCase => {
        const attrs = { alignCorners, halfPixelCenters: !alignCorners, size };
        const gradient = (images: tf.Tensor, dy: tf.Tensor) => kernel(name, { images, dy }, attrs);
        return {
          name: `${name} from ${size}, ${alignCorners ? 'aligned' : 'not'}`,
          fn: ({ x, dy }) => ({ dx: gradient(x!, dy!) }),
          inputs: () => ({ x: values(2, 4, 5, 2), dy: values(2, ...size, 2) }),
          tolerance: resummed,
        };
      }),
    ]),
  );
}

/** Cases of `lower-convolution.ts`, `lower-pooling.ts`, `lower-normalisation.ts` and `lower-resize.ts`. */
export const spatialCases: ConformanceCase[] = [
  ...plans.flatMap(convolutionCases),
  ...plans.flatMap(poolingCases),
  ...resizeCases(),
  {
    name: 'dilated convolutions',
    fn: ({ x, w, d }) => ({
      same: tf.conv2d(x! as tf.Tensor4D, w! as tf.Tensor4D, 1, 'same', 'NHWC', [2, 1]),
      padded: tf.conv2d(x! as tf.Tensor4D, w! as tf.Tensor4D, 1, 3, 'NHWC', 2),
      depthwise: tf.depthwiseConv2d(x! as tf.Tensor4D, d! as tf.Tensor4D, 1, 'valid', 'NHWC', [1, 2]),
    }),
    inputs: () => ({ x: values(2, 7, 6, 2), w: values(3, 2, 2, 3), d: values(2, 3, 2, 1) }),
  },
  {
    name: 'transposed convolution, and causal convolution in one dimension',
    fn: ({ x, w, s, v }) => ({
      up: tf.conv2dTranspose(x! as tf.Tensor4D, w! as tf.Tensor4D, [2, 6, 6, 2], 2, 'same'),
      causal: tf.conv1d(
        tf.pad(s!, [
          [0, 0],
          [4, 0],
          [0, 0],
        ]) as tf.Tensor3D,
        v! as tf.Tensor3D,
        1,
        'valid',
        'NWC',
        4,
      ),
    }),
    inputs: () => ({ x: values(2, 3, 3, 3), w: values(4, 4, 2, 3), s: values(2, 9, 2), v: values(2, 2, 3) }),
  },
  {
    name: 'maxPool gradient where a window holds NaN alone',
    fn: ({ x }) => ({ dx: tf.grad((v) => tf.sum(tf.maxPool(v as tf.Tensor4D, 1, 1, 'valid')))(x!) }),
    inputs: () => ({ x: tf.tensor4d([NaN, 1, -Infinity, 2], [1, 2, 2, 1]) }),
  },
  {
    name: 'batch normalisation',
    fn: ({ x, mean, variance, offset, scale }) => ({
      y: kernel(
        'FusedBatchNorm',
        { x: x!, mean: mean!, variance: variance!, offset: offset!, scale: scale! },
        { varianceEpsilon: 1e-3 },
      ),
    }),
    inputs: () => ({
      x: values(2, 3, 1, 4),
      mean: values(4),
      variance: tf.abs(values(4)),
      offset: values(1, 4).reshape([4]),
      scale: values(2, 2).reshape([4]),
    }),
  },
  ...[0, 1, 5].map(
    (radius): ConformanceCase => ({
      name: `local response normalisation and its gradient, radius ${radius}`,
      fn: ({ x }) => {
        const normalise = (v: tf.Tensor) =>
          tf.localResponseNormalization(v as tf.Tensor4D, radius, 1.5, 0.3, 0.75);
        return { y: normalise(x!), dx: tf.grad((v) => tf.sum(tf.square(normalise(v))))(x!) };
      },
      inputs: () => ({ x: values(2, 3, 1, 5) }),
      tolerance: resummed,
    }),
  ),
];
