import { type NamedTensors, tf, traceBatched } from '@generatrix/export';
import { type DataSpec, fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DataDescription } from '../../../model/family.ts';
import { withoutTraining } from '../../../model/training-options.ts';
import { runCompiled } from '../../../testing/run-compiled.ts';
import { buildModel } from '../../registry.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { categoricalEmission } from '../emission.ts';
import { naiveDraw } from '../pixel-draw.ts';
import { type PixelcnnOptions, pixelcnn, pixelcnnNetwork } from './pixelcnn.ts';
import { pixelcnnDraw } from './pixelcnn-draw.ts';
import { type PixelcnnNetwork, pixelcnnForward, pixelcnnSpecs } from './pixelcnn-network.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function describeImages(shape: readonly [number, number, number], classes = 0): DataDescription {
  const spec: DataSpec = { kind: 'image', shape, range: [0, 1] };
  return { spec, classNames: Array.from({ length: classes }, (_, k) => String(k)) };
}

function networkOf(options: Record<string, unknown>, height: number, width: number, classes = 0) {
  const { options: own } = withoutTraining(options, pixelcnn.options.shape);
  const parsed = pixelcnn.options.parse(own) as PixelcnnOptions;
  return pixelcnnNetwork(parsed, describeImages([height, width, 1], classes));
}

function noise(
  distribution: 'normal' | 'uniform',
  stream: string,
  shape: readonly number[],
  seed = 3,
): tf.Tensor {
  return tf.tensor(fillNoise({ distribution, seed, stream, firstIndex: 0, count: 1, shape }), [...shape]);
}

/** Weights with biases and labels too, of the size that training starts from or larger. */
function weights(network: PixelcnnNetwork, scale = 1.5): NamedTensors {
  const entries = Object.entries(pixelcnnSpecs(network)).map(([name, { shape, initial }]) => {
    const std = typeof initial === 'number' ? 0.5 : initial.scale * scale;
    return [name, tf.mul(noise('normal', name, shape), name.endsWith('label') ? 1 : std)];
  });
  return Object.fromEntries(entries) as NamedTensors;
}

function requestOf(network: PixelcnnNetwork, batch: number, temperature = 1): DrawRequest {
  const dimensions = network.height * network.width;
  return {
    noise: { uniform: noise('uniform', 'draw', [batch, dimensions]) },
    temperature: tf.scalar(temperature),
    ...(network.classes > 0 ? { label: labelsInTurn(batch, network.classes) } : {}),
  };
}

function labelsInTurn(batch: number, classes: number): tf.Tensor1D {
  return tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i % classes),
    'int32',
  );
}

/** What the naive sampler draws, compiled: its time is quadratic in the pixels. */
async function naivePixels(
  network: PixelcnnNetwork,
  state: NamedTensors,
  request: DrawRequest,
): Promise<number[][]> {
  const { pixels } = await runCompiled((noise) => {
    const forward = (x: tf.Tensor2D, label?: tf.Tensor) => pixelcnnForward(network, state, x, label);
    return { pixels: naiveDraw(network, forward, { ...request, noise }) };
  }, request.noise);
  const [batch, dimensions] = pixels!.shape as [number, number];
  return Array.from({ length: batch }, (_, i) => [
    ...pixels!.data.subarray(i * dimensions, (i + 1) * dimensions),
  ]);
}

const networks: [string, PixelcnnNetwork][] = [
  ['binary', networkOf({ layers: 4, filters: 6, headFilters: 8, firstKernel: 5 }, 6, 5)],
  ['one layer', networkOf({ layers: 1, filters: 5, firstKernel: 3 }, 4, 5)],
  ['the same at every position', networkOf({ layers: 3, filters: 5, positions: 'none' }, 5, 5)],
  ['wide windows', networkOf({ layers: 3, filters: 4, firstKernel: 9, kernelSize: 7 }, 5, 6)],
  [
    'categorical, conditional',
    networkOf(
      { layers: 3, filters: 5, kernelSize: 5, output: 'categorical', levels: 4, conditional: true },
      5,
      4,
      3,
    ),
  ],
];

describe.each(networks)('gated PixelCNN, %s', (_, network) => {
  const { height, width, distribution, classes } = network;
  const dimensions = height * width;

  /**
   * Whether pixel j is within reach of pixel i: the first layer looks up a window of rows above or left along the
   * row, every later one widens that, and the vertical stack feeds the horizontal one of the same row and column.
   */
  function reachable(): boolean[][] {
    const { layers, firstKernel, kernel } = network;
    const reach = (firstKernel - 1) / 2 + ((layers - 1) * (kernel - 1)) / 2;
    return Array.from({ length: dimensions }, (_, i) =>
      Array.from({ length: dimensions }, (_, j) => {
        const [dy, dx] = [Math.floor(i / width) - Math.floor(j / width), (j % width) - (i % width)];
        if (j >= i) return false;
        return dy <= reach && Math.abs(dx) <= reach;
      }),
    );
  }

  it('sees every earlier pixel within reach, no blind spot, and no later one', () => {
    const state = weights(network);
    // Several images, since rectified units may hide a pixel in one of them.
    const count = 6;
    const label = classes > 0 ? labelsInTurn(count, classes) : undefined;
    const x = tf.cast(tf.less(noise('uniform', 'image', [count, dimensions]), 0.5), 'float32') as tf.Tensor2D;
    const base = pixelcnnForward(network, state, x, label).arraySync() as number[][][];
    const expected = reachable();
    for (let j = 0; j < dimensions; j++) {
      const flip = tf.oneHot(tf.tensor1d([j], 'int32'), dimensions) as tf.Tensor2D;
      const changed = tf.abs(tf.sub(x, tf.cast(flip, 'float32'))) as tf.Tensor2D;
      const outputs = pixelcnnForward(network, state, changed, label).arraySync() as number[][][];
      for (let i = 0; i < dimensions; i++) {
        const differs = outputs.some((image, n) => image[i]!.some((value, c) => value !== base[n]![i]![c]));
        if (j >= i) expect(differs, `pixel ${i} sees the later pixel ${j}`).toBe(false);
        else if (expected[i]![j]) expect(differs, `pixel ${i} is blind to pixel ${j}`).toBe(true);
      }
    }
  });

  it.each([1, 0.3])(
    'cached sampling gives the pixels of the naive sampler, temperature %f',
    async (temperature) => {
      const state = weights(network);
      const request = requestOf(network, 24, temperature);
      const cached = tf.tidy(() => pixelcnnDraw(network, state, request).arraySync()) as number[][];
      const naive = await naivePixels(network, state, request);
      // Logits of the two differ by rounding (another order of sums), thresholds do not: the pixels, which are whole
      // levels, are the same bits unless a uniform number falls within some 1e-6 of a threshold.
      expect(cached).toEqual(naive);
      const last = Math.max(2, distribution.width) - 1;
      const offGrid = cached.flat().map((value) => Math.abs(value * last - Math.round(value * last)));
      expect(Math.max(...offGrid)).toBeLessThan(1e-6);
      expect(new Set(cached.flat()).size).toBeGreaterThan(1);
    },
  );

  it('keeps given rows and draws the rest as the naive sampler does', async () => {
    const state = weights(network);
    const values = tf.cast(
      tf.less(noise('uniform', 'given', [8, dimensions]), 0.5),
      'float32',
    ) as tf.Tensor2D;
    const known = tf.tensor1d(Array.from({ length: dimensions }, (_, d) => (d < 2 * width ? 1 : 0)));
    const request = { ...requestOf(network, 8), given: { values, known } };
    const cached = tf.tidy(() => pixelcnnDraw(network, state, request).arraySync()) as number[][];
    expect(cached).toEqual(await naivePixels(network, state, request));
    const top = (rows: number[][]) => rows.map((row) => row.slice(0, 2 * width));
    expect(top(cached)).toEqual(top(values.arraySync()));
  });
});

describe('gated PixelCNN', () => {
  const options = { layers: 2, filters: 4, headFilters: 5, firstKernel: 3 };
  const ternary = { ...options, output: 'categorical', levels: 3, conditional: true };
  const data = describeImages([2, 3, 1], 2);

  /** Every image of the levels: [levels^D, D], the first pixel changing fastest. */
  function allImages(levels: number, dimensions: number): tf.Tensor2D {
    const rows = Array.from({ length: levels ** dimensions }, (_, i) =>
      Array.from({ length: dimensions }, (_, d) => (Math.floor(i / levels ** d) % levels) / (levels - 1)),
    );
    return tf.tensor2d(rows);
  }

  it('gives all images of three grey levels probabilities that add up to 1, for each class its own', () => {
    const { model } = buildModel(pixelcnn, ternary, data, { ema: 0 });
    const state = weights(networkOf(ternary, 2, 3, 2));
    const images = tf.reshape(allImages(3, 6), [-1, 2, 3, 1]);
    const [first, second] = [0, 1].map((k) => {
      const label = tf.fill([729], k, 'int32');
      const { logProb } = model.programs.logProb!.run(state, { data: images, label });
      return logProb!.dataSync() as Float32Array;
    });
    for (const values of [first!, second!]) {
      // 729 terms, each log-probability off by some 1e-6.
      expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    }
    expect(Math.abs(first![0]! - second![0]!)).toBeGreaterThan(0.1);
  });

  it('scores and completes grey images as rounded to the nearest levels', () => {
    const { model } = buildModel(pixelcnn, ternary, data, { ema: 0 });
    const state = weights(networkOf(ternary, 2, 3, 2));
    const image = (values: number[]) => tf.tensor4d(values, [1, 2, 3, 1]);
    const label = labelsInTurn(1, 2);
    const [grey, whole] = [image([0.2, 0.3, 0.8, 0.6, 0.1, 0.7]), image([0, 0.5, 1, 0.5, 0, 0.5])];
    const score = (x: tf.Tensor) =>
      model.programs.logProb!.run(state, { data: x, label }).logProb!.dataSync()[0];
    expect(score(grey)).toBe(score(whole));
    const complete = (rows: number) =>
      model.programs
        .complete!.run(state, {
          given: grey,
          rows: tf.scalar(rows),
          uniform: noise('uniform', 'draw', [1, 6]),
          label,
          temperature: tf.scalar(1),
        })
        .data!.dataSync();
    expect([...complete(1).slice(0, 3)]).toEqual([0, 0.5, 1]);
    expect([...complete(2)]).toEqual([...whole.dataSync()]);
  });

  it('draws images of three grey levels as often as the probabilities of the class say', async () => {
    const { model } = buildModel(pixelcnn, ternary, describeImages([2, 2, 1], 2), { ema: 0 });
    const state = weights(networkOf(ternary, 2, 2, 2));
    const images = tf.reshape(allImages(3, 4), [-1, 2, 2, 1]);
    const count = 12_000;
    for (const k of [0, 1]) {
      const { logProb } = model.programs.logProb!.run(state, {
        data: images,
        label: tf.fill([81], k, 'int32'),
      });
      const probabilities = tf.exp(logProb!).dataSync() as Float32Array;
      const { data: drawn } = await runCompiled(
        (inputs) => model.programs.sample!.run(state, { ...inputs, temperature: tf.scalar(1) }),
        { uniform: noise('uniform', 'draw', [count, 4], 8 + k), label: tf.fill([count], k, 'int32') },
      );
      const seen = new Float64Array(81);
      for (let i = 0; i < count; i++) {
        const pixels = Array.from(drawn!.data.subarray(4 * i, 4 * i + 4));
        seen[Math.round(pixels.reduce((sum, pixel, d) => sum + 2 * 3 ** d * pixel, 0))]!++;
      }
      // Total variation distance: its expectation is about sum sqrt(2 p (1 - p) / (pi count)) / 2, and it concentrates
      // (McDiarmid): 4 / sqrt(2 count) above is a chance of exp(-16).
      const [distance, expected] = probabilities.reduce<[number, number]>(
        ([off, mean], p, i) => [
          off + Math.abs(seen[i]! / count - p) / 2,
          mean + Math.sqrt((2 * p * (1 - p)) / (Math.PI * count)) / 2,
        ],
        [0, 0],
      );
      expect(distance).toBeLessThan(expected + 4 / Math.sqrt(2 * count));
    }
  });

  it('gives the exact derivative of the loss by differences, for every parameter', () => {
    const network = networkOf({ ...options, conditional: true }, 4, 4, 2);
    const state = weights(network, 1);
    const x = tf.cast(tf.less(noise('uniform', 'image', [3, 16]), 0.5), 'float32') as tf.Tensor2D;
    const label = labelsInTurn(3, 2);
    const names = Object.keys(state);
    const loss = (...tensors: tf.Tensor[]) => {
      const current = Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) as NamedTensors;
      return tf
        .sum(network.distribution.logProb(tf.expandDims(x, 2), pixelcnnForward(network, current, x, label)))
        .asScalar();
    };
    const point = names.map((name) => state[name]!);
    const gradients = tf.grads(loss)(point);
    for (const [i, name] of names.entries()) {
      const direction = noise('normal', `direction/${name}`, point[i]!.shape);
      const step = 0.01;
      const at = (sign: number) =>
        loss(
          ...point.map((x, k) => (k === i ? tf.add(x, tf.mul(direction, sign * step)) : x)),
        ).dataSync()[0]!;
      const difference = (at(1) - at(-1)) / (2 * step);
      const derivative = tf.sum(tf.mul(gradients[i]!, direction)).dataSync()[0]!;
      // Losses of about 30 nats rounded to 1e-6 relative give differences off by some 3e-3; curvature adds a little.
      expect(Math.abs(difference - derivative), name).toBeLessThan(0.02 * Math.max(1, Math.abs(derivative)));
    }
  });

  it('traces every program at any batch size', () => {
    for (const [settings, description] of [
      [options, describeImages([4, 5, 1])],
      [ternary, data],
    ] as const) {
      const { model } = buildModel(pixelcnn, settings, description, { ema: 0 });
      for (const { signature, run } of Object.values(model.programs)) {
        const state = Object.entries(model.state).map(([name, { shape }]) => [
          `state/${name}`,
          { dtype: 'float32' as const, shape, batched: false },
        ]);
        const inputs = Object.entries(signature.inputs).map(([name, { dtype, shape, role }]) => [
          name,
          { dtype, shape, batched: role !== 'scalar' },
        ]);
        const graph = traceBatched(
          (all) => {
            const own = Object.entries(all).map(([name, x]) => [name.replace('state/', ''), x]);
            const tensors = Object.fromEntries(own) as NamedTensors;
            return run(tensors, tensors);
          },
          Object.fromEntries([...state, ...inputs]),
        );
        expect(graph.outputs.map(({ name }) => name)).toEqual(Object.keys(signature.outputs));
      }
    }
  });

  it('rounds to the nearest grey level and scores it', () => {
    const emission = categoricalEmission(3);
    const logits = tf.tensor3d([[[0, 1, 2]]]);
    const score = (x: number) => emission.logProb(tf.tensor2d([[x]]), logits).dataSync()[0]!;
    const total = Math.log(1 + Math.E + Math.E ** 2);
    for (const [x, logit] of [
      [0, 0],
      [0.24, 0],
      [0.26, 1],
      [0.5, 1],
      [0.76, 2],
      [1, 2],
    ] as const) {
      expect(score(x)).toBeCloseTo(logit - total, 5);
    }
  });

  it('refuses what it cannot model, in one line', () => {
    const settings = { ...options, conditional: true };
    expect(() => buildModel(pixelcnn, settings, describeImages([4, 4, 1]))).toThrow(/labelled/);
    expect(() => buildModel(pixelcnn, options, describeImages([4, 4, 3]))).toThrow(/--channels 1/);
    expect(() =>
      buildModel(pixelcnn, options, { spec: { kind: 'points', shape: [2] }, classNames: [] }),
    ).toThrow(/needs images/);
    expect(() => buildModel(pixelcnn, { kernelSize: 4 }, describeImages([4, 4, 1]))).toThrow(/odd/);
  });
});
