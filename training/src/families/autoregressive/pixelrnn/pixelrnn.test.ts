import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCompiled } from '../../../testing/run-compiled.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { naiveDraw } from '../pixel-draw.ts';
import { drawImage } from '../pixel-model.ts';
import { type PixelrnnOptions, pixelrnn, pixelrnnNetwork } from './pixelrnn.ts';
import { pixelrnnCarries, pixelrnnRows } from './pixelrnn-draw.ts';
import { lstmCell, type PixelrnnNetwork, pixelrnnForward, pixelrnnSpecs } from './pixelrnn-network.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function networkOf(options: Record<string, unknown>, height: number, width: number, classes = 0) {
  const parsed = pixelrnn.options.parse(options) as PixelrnnOptions;
  const classNames = Array.from({ length: classes }, (_, k) => String(k));
  const spec = { kind: 'image', shape: [height, width, 1], range: [0, 1] } as const;
  return pixelrnnNetwork(parsed, { spec, classNames });
}

function noise(distribution: 'normal' | 'uniform', stream: string, shape: readonly number[]): tf.Tensor {
  return tf.tensor(fillNoise({ distribution, seed: 3, stream, firstIndex: 0, count: 1, shape }), [...shape]);
}

function weights(network: PixelrnnNetwork): NamedTensors {
  const entries = Object.entries(pixelrnnSpecs(network)).map(([name, { shape, initial }]) => {
    const std = typeof initial === 'number' ? 0.5 : initial.scale * 1.5;
    return [name, tf.mul(noise('normal', name, shape), name.endsWith('label') ? 1 : std)];
  });
  return Object.fromEntries(entries) as NamedTensors;
}

function labelsOf(batch: number, classes: number): { label?: tf.Tensor1D } {
  if (classes === 0) return {};
  return {
    label: tf.tensor1d(
      Int32Array.from({ length: batch }, (_, i) => i % classes),
      'int32',
    ),
  };
}

const networks: [string, PixelrnnNetwork][] = [
  ['binary', networkOf({ layers: 2, filters: 6, units: 5, headFilters: 8, firstKernel: 5 }, 6, 5)],
  [
    'one layer, wide windows',
    networkOf({ layers: 1, filters: 4, units: 6, kernelSize: 7, positions: 'none' }, 5, 6),
  ],
  [
    'categorical, conditional',
    networkOf(
      {
        layers: 2,
        filters: 5,
        units: 4,
        firstKernel: 3,
        output: 'categorical',
        levels: 4,
        conditional: true,
      },
      5,
      4,
      3,
    ),
  ],
];

describe.each(networks)('PixelRNN, %s', (_, network) => {
  const { height, width, distribution, classes, layers, firstKernel, kernel } = network;
  const dimensions = height * width;
  const reach = (size: number) => (size - 1) / 2;

  /**
   * Whether pixel j is within reach of pixel i. Along the row each window widens what is seen to the left; from a row
   * to the next the state's window widens it on both sides, as often as there are rows between (section 3.1).
   */
  function isReached(i: number, j: number): boolean {
    if (j >= i) return false;
    const down = Math.floor(i / width) - Math.floor(j / width);
    const left = (i % width) - (j % width);
    const rows = Math.max(0, down - reach(firstKernel));
    const sideways = reach(firstKernel) + (down === 0 ? 0 : down) * reach(kernel);
    const alongRow = layers * reach(kernel);
    return rows * reach(kernel) + reach(firstKernel) >= -left && left <= sideways + alongRow && down >= 0;
  }

  it('sees the earlier pixels within reach and no later one', () => {
    const state = weights(network);
    const count = 6;
    const { label } = labelsOf(count, classes);
    const x = tf.cast(tf.less(noise('uniform', 'image', [count, dimensions]), 0.5), 'float32') as tf.Tensor2D;
    const base = pixelrnnForward(network, state, x, label).arraySync() as number[][][];
    for (let j = 0; j < dimensions; j++) {
      const flip = tf.cast(tf.oneHot(tf.tensor1d([j], 'int32'), dimensions), 'float32');
      const changed = tf.abs(tf.sub(x, flip)) as tf.Tensor2D;
      const outputs = pixelrnnForward(network, state, changed, label).arraySync() as number[][][];
      for (let i = 0; i < dimensions; i++) {
        const differs = outputs.some((image, n) => image[i]!.some((value, c) => value !== base[n]![i]![c]));
        if (j >= i) expect(differs, `pixel ${i} sees the later pixel ${j}`).toBe(false);
        else if (isReached(i, j)) expect(differs, `pixel ${i} is blind to pixel ${j}`).toBe(true);
      }
    }
  });

  it.each([1, 0.3])(
    'sampling with carries gives the pixels of the naive sampler, temperature %f',
    async (value) => {
      const state = weights(network);
      const request: DrawRequest = {
        noise: { uniform: noise('uniform', 'draw', [16, dimensions]) },
        temperature: tf.scalar(value),
        ...labelsOf(16, classes),
      };
      const forward = (x: tf.Tensor2D, label?: tf.Tensor) => pixelrnnForward(network, state, x, label);
      const rows = {
        carries: pixelrnnCarries(network),
        drawRows: (own: NamedTensors, asked: DrawRequest, carries: NamedTensors) =>
          pixelrnnRows(network, own, asked, carries),
      };
      const cached = tf.tidy(() => drawImage(rows, state, request).arraySync()) as number[][];
      // Equal bits unless a uniform number falls within rounding of a threshold: the pixels are whole levels.
      const { pixels } = await runCompiled(
        (inputs) => ({ pixels: naiveDraw(network, forward, { ...request, noise: inputs }) }),
        request.noise,
      );
      expect(cached.flat()).toEqual([...pixels!.data]);
      const levels = Math.max(2, distribution.width);
      expect(new Set(cached.flat()).size).toBeGreaterThan(1);
      expect(new Set(cached.flat()).size).toBeLessThanOrEqual(levels);
    },
  );
});

describe('lstmCell', () => {
  it('is the recurrence of an LSTM, number by number', () => {
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const [o, f, i, g, above] = [0.3, -0.7, 1.1, 0.4, 0.9];
    const { hidden, cell } = lstmCell(tf.tensor2d([[o, f, i, g]]), tf.tensor2d([[above]]));
    const next = sigmoid(f + 1) * above + sigmoid(i) * Math.tanh(g);
    expect(cell.dataSync()[0]).toBeCloseTo(next, 6);
    expect(hidden.dataSync()[0]).toBeCloseTo(sigmoid(o) * Math.tanh(next), 6);
  });
});
