import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCompiled } from '../../../testing/run-compiled.ts';
import { describeData, labelled, tinyImages } from '../../../testing/tiny-data.ts';
import { buildModel } from '../../registry.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { naiveDraw } from '../pixel-draw.ts';
import { drawImage } from '../pixel-model.ts';
import { type TransformerOptions, transformer, transformerNetwork } from './transformer.ts';
import { transformerCarries, transformerRows } from './transformer-draw.ts';
import { type TransformerNetwork, transformerForward, transformerSpecs } from './transformer-network.ts';

type Shape = readonly [number, number, number];

const dataOf = (shape: Shape) => describeData(labelled(tinyImages(2, shape), 3));

function networkOf(options: Record<string, unknown>, shape: Shape): TransformerNetwork {
  const small = { width: 8, heads: 2, hidden: 12, firstKernel: 3, ...options };
  return transformerNetwork(transformer.options.parse(small) as TransformerOptions, dataOf(shape));
}

const uniform = (stream: string, shape: readonly number[]) =>
  tf.tensor(fillNoise({ distribution: 'uniform', seed: 3, stream, firstIndex: 0, count: 1, shape }), [
    ...shape,
  ]);

/** Weights of the size that training starts from or larger, those that start at 0 too. */
function weights(network: TransformerNetwork): NamedTensors {
  const entries = Object.entries(transformerSpecs(network)).map(([name, { shape }]) => {
    const spread = tf.sub(tf.mul(uniform(name, shape), 2), 1);
    return [name, name.endsWith('scale') ? tf.add(spread, 1.5) : tf.mul(spread, 0.9)];
  });
  return Object.fromEntries(entries) as NamedTensors;
}

const networks: [string, TransformerNetwork][] = [
  ['strips of three', networkOf({ patch: 4, blocks: 2, firstKernel: 5 }, [4, 6, 1])],
  ['pixels, by class', networkOf({ patch: 1, blocks: 1, conditional: true }, [4, 3, 1])],
  [
    'colour',
    networkOf({ blocks: 1, output: 'logistic', levels: 16, components: 2, activation: 'silu' }, [3, 3, 3]),
  ],
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(networks)('transformer, %s', (_, network) => {
  const { height, width, distribution, classes } = network;
  const tokens = height * width;
  const dimensions = tokens * distribution.channels;
  const labels = (batch: number) =>
    classes === 0
      ? {}
      : {
          label: tf.tensor1d(
            Array.from({ length: batch }, (_, i) => i % classes),
            'int32',
          ),
        };

  it('a token sees every token before it, and none after', () => {
    const state = weights(network);
    const { label } = labels(3);
    const x = tf.cast(tf.less(uniform('image', [3, dimensions]), 0.5), 'float32') as tf.Tensor2D;
    const outputs = (image: tf.Tensor2D) =>
      transformerForward(network, state, image, label).arraySync() as number[][][];
    const before = outputs(x);
    for (let d = 0; d < dimensions; d++) {
      const flip = tf.cast(tf.oneHot(tf.tensor1d([d], 'int32'), dimensions), 'float32');
      const after = outputs(tf.abs(tf.sub(x, flip)) as tf.Tensor2D);
      const token = Math.floor(d / distribution.channels);
      for (let i = 0; i < tokens; i++) {
        const differs = after.some((image, n) => image[i]!.some((value, c) => value !== before[n]![i]![c]));
        expect(differs, `token ${i} sees value ${d}`).toBe(i > token);
      }
    }
  });

  it.each([1, 0.4])(
    'drawing with a cache gives the naive sampler’s pixels, temperature %f',
    async (value) => {
      const state = weights(network);
      const row = dimensions / height;
      const request: DrawRequest = {
        noise: Object.fromEntries(
          Object.keys(distribution.noise).map((name) => [name, uniform(name, [6, dimensions])]),
        ),
        temperature: tf.scalar(value),
        ...labels(6),
        given: {
          values: tf.cast(tf.less(uniform('given', [6, dimensions]), 0.5), 'float32') as tf.Tensor2D,
          known: tf.tensor1d(Array.from({ length: dimensions }, (_, d) => Number(d < row))),
        },
      };
      const rows = {
        carries: transformerCarries(network),
        drawRows: (own: NamedTensors, asked: DrawRequest, carries: NamedTensors) =>
          transformerRows(network, own, asked, carries),
      };
      const cached = tf.tidy(() => drawImage(rows, state, request).arraySync()) as number[][];
      // The same bits, unless a uniform number falls within rounding of a threshold: the values are whole levels.
      const forward = (x: tf.Tensor2D) => transformerForward(network, state, x, request.label);
      const { naive } = await runCompiled(
        (noise) => ({ naive: naiveDraw(network, forward, { ...request, noise }) }),
        request.noise,
      );
      expect(cached.flat()).toEqual([...naive!.data]);
      const top = (images: number[][]) => images.map((image) => image.slice(0, row));
      expect(top(cached)).toEqual(top(request.given!.values.arraySync()));
      expect(new Set(cached.map((image) => image.join())).size).toBeGreaterThan(3);
    },
  );
});

it('a token has as many pixels as divide a row, up to what is asked for', () => {
  const pixels = (patch: number, width: number) => networkOf({ patch }, [2, width, 1]).distribution.channels;
  expect(pixels(4, 28)).toBe(4);
  expect(pixels(8, 28)).toBe(7);
  expect(pixels(4, 5)).toBe(1);
  expect(networkOf({ patch: 4, output: 'categorical', levels: 3 }, [2, 4, 1]).width).toBe(4);
});

it('refuses heads that do not divide the width, in a line', () => {
  const build = () => buildModel(transformer, { width: 10, heads: 4 }, dataOf([4, 4, 1]));
  expect(build).toThrow('transformer: --heads 4 does not divide --width 10; try --heads 1');
});
