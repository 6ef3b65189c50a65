import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../../engine/initial-state.ts';
import type { Model } from '../../model/model.ts';
import { runCompiled } from '../../testing/run-compiled.ts';
import { describeData, labelled, tinyImages } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import type { DrawRequest } from './autoregressive-programs.ts';
import { naiveDraw } from './pixel-draw.ts';
import { drawImage, type PixelNetwork, type PixelSizes } from './pixel-model.ts';
import { type PixelcnnOptions, pixelcnn, pixelcnnNetwork } from './pixelcnn/pixelcnn.ts';
import { pixelcnnCarries, pixelcnnRows } from './pixelcnn/pixelcnn-draw.ts';
import { pixelcnnForward } from './pixelcnn/pixelcnn-network.ts';
import { type PixelrnnOptions, pixelrnn, pixelrnnNetwork } from './pixelrnn/pixelrnn.ts';
import { pixelrnnCarries, pixelrnnRows } from './pixelrnn/pixelrnn-draw.ts';
import { pixelrnnForward } from './pixelrnn/pixelrnn-network.ts';

type Shape = readonly [number, number, number];

const options = {
  layers: 2,
  filters: 5,
  headFilters: 6,
  firstKernel: 3,
  output: 'logistic',
  components: 2,
};

const modelOf = (family: string, own: Record<string, unknown>, shape: Shape): Model =>
  buildModel(familyNamed(family), { ...options, ...own }, describeData(labelled(tinyImages(2, shape), 2)), {
    ema: 0,
  }).model;

/** Weights large enough that what came before decides what comes next. */
function stateOf(model: Model): NamedTensors {
  const specs = Object.entries(model.state).map(([name, spec]) => [
    name,
    spec.kind === 'slot' ? spec : { ...spec, initial: { distribution: 'normal', scale: 0.6 } },
  ]);
  const state = initialState({ ...model, state: Object.fromEntries(specs) }, 6);
  return Object.fromEntries(
    Object.entries(state).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
}

const uniform = (stream: string, shape: readonly number[]) =>
  tf.tensor(fillNoise({ distribution: 'uniform', seed: 4, stream, firstIndex: 0, count: 1, shape }), [
    ...shape,
  ]);

/** The family's network, apart from its programs. */
function networkOf(
  family: string,
  own: Record<string, unknown>,
  shape: Shape,
): { sizes: PixelSizes; network: Omit<PixelNetwork, 'parameters'> } {
  const data = describeData(labelled(tinyImages(2, shape), 2));
  if (family === 'pixelcnn') {
    const sizes = pixelcnnNetwork(pixelcnn.options.parse({ ...options, ...own }) as PixelcnnOptions, data);
    const network = {
      forward: (state: NamedTensors, x: tf.Tensor2D, label?: tf.Tensor) =>
        pixelcnnForward(sizes, state, x, label),
      carries: pixelcnnCarries(sizes),
      drawRows: (state: NamedTensors, request: DrawRequest, carries: NamedTensors) =>
        pixelcnnRows(sizes, state, request, carries),
    };
    return { sizes, network };
  }
  const sizes = pixelrnnNetwork(pixelrnn.options.parse({ ...options, ...own }) as PixelrnnOptions, data);
  const network = {
    forward: (state: NamedTensors, x: tf.Tensor2D, label?: tf.Tensor) =>
      pixelrnnForward(sizes, state, x, label),
    carries: pixelrnnCarries(sizes),
    drawRows: (state: NamedTensors, request: DrawRequest, carries: NamedTensors) =>
      pixelrnnRows(sizes, state, request, carries),
  };
  return { sizes, network };
}

/** Every image of so many levels: [levels^D, ...shape], the first value changing fastest. */
function allImages(levels: number, shape: Shape): tf.Tensor4D {
  const size = shape[0] * shape[1] * shape[2];
  const count = levels ** size;
  const values = Float32Array.from(
    { length: count * size },
    (_, i) => (Math.floor(Math.floor(i / size) / levels ** (i % size)) % levels) / (levels - 1),
  );
  return tf.tensor4d(values, [count, ...shape]);
}

const cases: [string, string, Record<string, unknown>, number, Shape][] = [
  ['grey', 'pixelcnn', {}, 3, [2, 3, 1]],
  ['colour', 'pixelcnn', {}, 3, [2, 1, 3]],
  ['grey', 'pixelrnn', { units: 4 }, 3, [3, 2, 1]],
  ['colour', 'pixelrnn', { units: 4 }, 3, [1, 2, 3]],
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(cases)('logistic mixture, %s %s', (_, family, own, levels, shape) => {
  const size = shape[0] * shape[1] * shape[2];

  it('gives all images probabilities that add up to 1, and draws them as often', async () => {
    const model = modelOf(family, { ...own, levels }, shape);
    const state = stateOf(model);
    const images = allImages(levels, shape);
    const { logProb } = model.programs.logProb!.run(state, { data: images });
    const probabilities = tf.exp(logProb!).dataSync() as Float32Array;
    // 729 terms, each log-probability off by some 1e-6.
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);

    const count = 12_000;
    const { data } = await runCompiled(
      (noise) => model.programs.sample!.run(state, { ...noise, temperature: tf.scalar(1) }),
      {
        component: uniform('component', [count, size]),
        uniform: uniform('uniform', [count, size]),
      },
    );
    const seen = new Float64Array(probabilities.length);
    for (let i = 0; i < count; i++) {
      const pixels = data!.data.subarray(i * size, (i + 1) * size);
      const code = Array.from(pixels).reduce((sum, pixel, d) => sum + pixel * levels ** d * (levels - 1), 0);
      expect(Math.abs(code - Math.round(code))).toBeLessThan(1e-3);
      seen[Math.round(code)]!++;
    }
    // Total variation distance: its expectation is about sum sqrt(2 p (1 - p) / (pi count)) / 2, and it concentrates
    // (McDiarmid): 4 / sqrt(2 count) above is a chance of exp(-16).
    let [distance, expected] = [0, 0];
    for (const [i, p] of probabilities.entries()) {
      distance += Math.abs(seen[i]! / count - p) / 2;
      expected += Math.sqrt((2 * p * Math.max(0, 1 - p)) / (Math.PI * count)) / 2;
    }
    expect(distance).toBeLessThan(expected + 4 / Math.sqrt(2 * count));
    // It would tell another distribution apart: the even one is farther away than that.
    const even = probabilities.reduce((sum, p) => sum + Math.abs(p - 1 / probabilities.length) / 2, 0);
    expect(even).toBeGreaterThan(2 * (expected + 4 / Math.sqrt(2 * count)));
  });

  it('no pixel depends on a later one, nor a channel on a later channel', () => {
    const wide: Shape = [4, 3, shape[2]];
    const { sizes, network } = networkOf(family, { ...own, levels }, wide);
    const state = stateOf(modelOf(family, { ...own, levels }, wide));
    const { channels } = sizes.distribution;
    const total = 12 * channels;
    const x = tf.cast(tf.less(uniform('image', [4, total]), 0.5), 'float32') as tf.Tensor2D;
    const distributions = (image: tf.Tensor2D) => network.forward(state, image).arraySync() as number[][][];
    const before = distributions(x);
    for (let d = 0; d < total; d++) {
      const flip = tf.cast(tf.oneHot(tf.tensor1d([d], 'int32'), total), 'float32');
      const after = distributions(tf.abs(tf.sub(x, flip)) as tf.Tensor2D);
      const pixel = Math.floor(d / channels);
      for (let i = 0; i < 12; i++) {
        const differs = after.some((image, n) => image[i]!.some((value, c) => value !== before[n]![i]![c]));
        if (i <= pixel) expect(differs, `pixel ${i} sees pixel ${pixel}`).toBe(false);
        else if (i === pixel + 1 && i % 3 !== 0)
          expect(differs, `pixel ${i} is blind to ${pixel}`).toBe(true);
      }
    }
  });

  it.each([1, 0.4])(
    "drawing with carries gives the naive sampler's pixels, temperature %f",
    async (value) => {
      const wide: Shape = [4, 5, shape[2]];
      const conditional = { ...own, levels: 16, conditional: true };
      const { sizes, network } = networkOf(family, conditional, wide);
      const state = stateOf(modelOf(family, conditional, wide));
      const total = 20 * shape[2];
      const label = tf.tensor1d([0, 1, 0, 1, 1, 0], 'int32');
      const request: DrawRequest = {
        noise: { component: uniform('component', [6, total]), uniform: uniform('uniform', [6, total]) },
        temperature: tf.scalar(value),
        label,
        given: {
          values: tf.div(tf.floor(tf.mul(uniform('given', [6, total]), 16)), 15) as tf.Tensor2D,
          known: tf.tensor1d(Array.from({ length: total }, (_, d) => Number(d < 5 * shape[2]))),
        },
      };
      const forward = (x: tf.Tensor2D) => network.forward(state, x, label);
      const cached = tf.tidy(() => drawImage(network, state, request).arraySync()) as number[][];
      // The same bits, since what differs by rounding is rounded to one of 16 levels.
      const { naive } = await runCompiled(
        (noise) => ({ naive: naiveDraw(sizes, forward, { ...request, noise }) }),
        request.noise,
      );
      expect(cached.flat()).toEqual([...naive!.data]);
      expect(new Set(cached.flat()).size).toBeGreaterThan(4);
      const kept = (rows: number[][]) => rows.map((row) => row.slice(0, 5 * shape[2]));
      expect(kept(cached)).toEqual(kept(request.given!.values.arraySync()));
    },
  );
});

it('colour needs the logistic output, and a network of grey pixels says so', () => {
  for (const family of ['pixelcnn', 'pixelrnn']) {
    expect(() => modelOf(family, { output: 'categorical' }, [4, 4, 3])).toThrow(/--output logistic/);
    expect(() => modelOf(family, { output: 'binary' }, [4, 4, 3])).toThrow(/--channels 1/);
  }
});
