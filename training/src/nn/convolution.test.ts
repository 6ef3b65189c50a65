import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule, type Values } from '../testing/module-check.ts';
import {
  type ConvolutionOptions,
  convolution,
  depthwiseConvolution,
  transposedConvolution,
} from './convolution.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const pair = (extent: number | readonly [number, number] = 1): readonly [number, number] =>
  typeof extent === 'number' ? [extent, extent] : extent;

/** Where each window begins along one axis, and how many there are. */
function windows(
  length: number,
  size: number,
  stride: number,
  dilation: number,
  padding: string | readonly [number, number],
) {
  const reach = (size - 1) * dilation + 1;
  if (padding === 'valid') return { first: 0, count: Math.floor((length - reach) / stride) + 1 };
  if (padding === 'same') {
    const count = Math.ceil(length / stride);
    const missing = Math.max(0, (count - 1) * stride + reach - length);
    return { first: -Math.floor(missing / 2), count };
  }
  const [before, after] = padding as readonly [number, number];
  return { first: -before, count: Math.floor((length + before + after - reach) / stride) + 1 };
}

/** Every multiplication of a convolution: the input's, the kernel's and the output's position and the weight's. */
function* products(
  [batch, height, width]: readonly [number, number, number],
  size: number | readonly [number, number],
  { stride, dilation, padding = 'same' }: ConvolutionOptions,
) {
  const [strides, dilations, sizes] = [pair(stride), pair(dilation), pair(size)];
  const of = (axis: 0 | 1) =>
    windows(
      axis === 0 ? height : width,
      sizes[axis],
      strides[axis],
      dilations[axis],
      typeof padding === 'string' ? padding : padding[axis],
    );
  const [rows, columns] = [of(0), of(1)];
  for (let n = 0; n < batch; n++)
    for (let r = 0; r < rows.count; r++)
      for (let c = 0; c < columns.count; c++)
        for (let i = 0; i < sizes[0]; i++)
          for (let j = 0; j < sizes[1]; j++) {
            const y = rows.first + r * strides[0] + i * dilations[0];
            const x = columns.first + c * strides[1] + j * dilations[1];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            yield {
              input: (n * height + y) * width + x,
              output: (n * rows.count + r) * columns.count + c,
              tap: i * sizes[1] + j,
            };
          }
}

const cases: readonly (readonly [string, number | readonly [number, number], ConvolutionOptions])[] = [
  ['keeps the size', 3, {}],
  ['halves the size', 4, { stride: 2 }],
  ['of whole windows', [2, 3], { padding: 'valid', stride: [2, 1] }],
  ['dilated', [2, 3], { dilation: [2, 1] }],
  ['dilated, of whole windows', 2, { dilation: 3, padding: 'valid' }],
  [
    'dilated and causal',
    [3, 1],
    {
      dilation: [2, 1],
      padding: [
        [4, 0],
        [0, 0],
      ],
    },
  ],
  [
    'causal: zeros above and to the left alone',
    2,
    {
      padding: [
        [1, 0],
        [1, 0],
      ],
    },
  ],
];

describe('a convolution', () => {
  it.each(cases)('%s', (_, size, options) => {
    const shape = [2, 5, 4] as const;
    const [inputs, outputs] = [2, 3];
    return expectModule({
      module: convolution('c', [inputs, outputs], size, options),
      shape: [...shape, inputs],
      reference: ({ x, state }) => {
        const y: number[] = [];
        for (const { input, output, tap } of products(shape, size, options))
          for (let o = 0; o < outputs; o++)
            for (let k = 0; k < inputs; k++)
              y[output * outputs + o] =
                (y[output * outputs + o] ?? state['c/bias']![o]!) +
                x[input * inputs + k]! * state['c/kernel']![(tap * inputs + k) * outputs + o]!;
        return y;
      },
    });
  });

  it('sees nothing after or below a pixel when it is causal', () => {
    const module = convolution('c', [1, 1], 2, {
      padding: [
        [1, 0],
        [1, 0],
      ],
      bias: false,
    });
    const state = { 'c/kernel': tf.ones([2, 2, 1, 1]) };
    const y = (x: tf.Tensor) => module.apply(state, x, { training: false, moments: {} });
    const [plain, changed] = [tf.zeros([1, 3, 3, 1]), tf.tensor4d([0, 0, 0, 0, 1, 0, 0, 0, 0], [1, 3, 3, 1])];
    const moved = tf.notEqual(y(plain), y(changed)).dataSync();
    expect([...moved]).toEqual([0, 0, 0, 0, 1, 1, 0, 1, 1]);
  });

  it.each(cases.filter(([, , { dilation }]) => dilation === undefined))(
    'depthwise, %s',
    (_, size, options) => {
      // tfjs strides both directions alike here.
      const { dilation: _dilation, ...plain } = options;
      const own = { ...plain, ...(options.stride === undefined ? {} : { stride: 2 }) };
      const shape = [2, 5, 4] as const;
      const channels = 2;
      return expectModule({
        module: depthwiseConvolution('c', channels, size, own),
        shape: [...shape, channels],
        reference: ({ x, state }) => {
          const y: number[] = [];
          for (const { input, output, tap } of products(shape, size, own))
            for (let k = 0; k < channels; k++)
              y[output * channels + k] =
                (y[output * channels + k] ?? state['c/bias']![k]!) +
                x[input * channels + k]! * state['c/kernel']![tap * channels + k]!;
          return y;
        },
      });
    },
  );
});

describe('a transposed convolution', () => {
  it.each([
    ['doubles the size', 4, 2, undefined],
    ['gives the odd size that a convolution halved', 4, 2, [5, 3]],
    ['keeps the size', 3, 1, undefined],
  ] as const)('%s: the adjoint of the convolution that goes the other way', (_, size, stride, wanted) => {
    const [inputs, outputs] = [2, 3];
    const [rows, columns] = [3, 2];
    const [height, width] = wanted ?? [rows * stride, columns * stride];
    return expectModule({
      module: transposedConvolution('t', [inputs, outputs], size, {
        stride,
        ...(wanted === undefined ? {} : { size: wanted }),
      }),
      shape: [2, rows, columns, inputs],
      reference: ({ x, state }) => {
        const y = Array.from(
          { length: 2 * height * width * outputs },
          (_, i) => state['t/bias']![i % outputs]!,
        );
        // What the convolution reads at `input`, its adjoint writes there.
        for (const { input, output, tap } of products([2, height, width], size, { stride }))
          for (let o = 0; o < outputs; o++)
            for (let k = 0; k < inputs; k++)
              y[input * outputs + o]! +=
                x[output * inputs + k]! * state['t/kernel']![(tap * outputs + o) * inputs + k]!;
        return y satisfies Values;
      },
    });
  });
});
