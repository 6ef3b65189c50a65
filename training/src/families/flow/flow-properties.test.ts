import { type NamedTensors, tf } from '@generatrix/export';
import { fillInputs, fillNoise, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { toHost, toTensor } from '../../engine/tfjs-engine.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { firstExamples, tinyPoints } from '../../testing/tiny-data.ts';
import {
  largestDifference,
  logAbsDeterminant,
  meanOf,
  modelOf,
  plane,
  standardError,
  stirred,
  trained,
} from './flow-test-support.ts';

/** Images of whole levels drawn uniformly from `least` to `most`, in a range. */
function levelImages(
  size: number,
  shape: readonly [number, number, number],
  options: { levels?: number; range?: readonly [number, number]; least?: number; most?: number } = {},
): Dataset {
  const { levels = 256, range = [0, 1], least = 0, most = levels - 1 } = options;
  const noise = fillNoise({
    distribution: 'uniform',
    seed: 3,
    stream: 'levels',
    firstIndex: 0,
    count: size,
    shape,
  });
  const [low, high] = range;
  const values = noise.map(
    (u) => low + ((high - low) * (least + Math.floor(u * (most - least + 1)))) / (levels - 1),
  );
  const spec = { kind: 'image', shape, range } as const;
  return floatDataset({ name: 'levels', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

/** Points [n, d] of correlated normals. */
function vectors(size: number, width: number): Dataset {
  const shape = [width] as const;
  const noise = fillNoise({
    distribution: 'normal',
    seed: 3,
    stream: 'vectors',
    firstIndex: 0,
    count: size,
    shape,
  });
  const values = noise.map(
    (value, i) => value + (i % width === 0 ? 0 : 0.7 * noise[i - 1]!) + 0.3 * (i % width),
  );
  const spec = { kind: 'points', shape } as const;
  return floatDataset({ name: 'vectors', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

// Away from 0 and 255, where `decode` keeps to the range and its slope ends.
const inner = { least: 20, most: 235 };

const flows = [
  { name: 'nice, 2 dimensions', family: 'nice', options: { hidden: [16] }, dataset: tinyPoints(64) },
  {
    name: 'nice, 5 dimensions, normal prior',
    family: 'nice',
    options: { hidden: [16], prior: 'normal', couplings: 3 },
    dataset: vectors(64, 5),
  },
  {
    name: 'nice, images',
    family: 'nice',
    options: { hidden: [16] },
    dataset: levelImages(64, [3, 3, 1], inner),
  },
  { name: 'realnvp, 2 dimensions', family: 'realnvp', options: { hidden: [16] }, dataset: tinyPoints(64) },
  {
    name: 'realnvp, 5 dimensions, logistic prior',
    family: 'realnvp',
    options: { hidden: [16], prior: 'logistic', couplings: 5 },
    dataset: vectors(64, 5),
  },
  {
    name: 'realnvp, 3 dimensions, splines',
    family: 'realnvp',
    options: { hidden: [16], couplings: 4, transform: 'spline', bins: 5 },
    dataset: vectors(64, 3),
    // Steeper splines are flat elsewhere, where the inverse magnifies the rounding of float32 a thousandfold.
    kernels: 0.6,
  },
  {
    name: 'realnvp, images, splines',
    family: 'realnvp',
    options: { perMask: 2, network: 'conv', filters: 6, blocks: 1, transform: 'spline', bins: 4 },
    dataset: levelImages(64, [4, 2, 1], inner),
    kernels: 0.6,
  },
  {
    name: 'realnvp, images, resnet, 2 scales',
    family: 'realnvp',
    options: { perMask: 2, filters: 6, blocks: 1 },
    dataset: levelImages(64, [4, 2, 1], inner),
  },
  {
    name: 'realnvp, images, conv, 1 scale, range -1 to 1',
    family: 'realnvp',
    options: { scales: 1, perMask: 2, network: 'conv', filters: 6, blocks: 1 },
    dataset: levelImages(64, [3, 2, 2], { ...inner, range: [-1, 1] }),
  },
] as const;

/** Runs a program eagerly. */
async function run(
  model: Model,
  name: string,
  state: HostState,
  inputs: Record<string, HostTensor>,
): Promise<Record<string, HostTensor>> {
  const outputs = model.programs[name]!.run(tensorsOf(state), tensorsOf(inputs));
  const host = Object.entries(outputs).map(async ([key, tensor]) => [key, await toHost(tensor)] as const);
  return Object.fromEntries(await Promise.all(host));
}

function tensorsOf(values: Record<string, HostTensor>): NamedTensors {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toTensor(value)]));
}

/** The score in nats, with noise 0.5 where the model takes noise. */
async function scoreOf(model: Model, state: HostState, data: HostTensor, u = 0.5): Promise<Float32Array> {
  const name = 'logProb' in model.programs ? 'logProb' : 'logWeight';
  const uniform = hostTensor('float32', data.shape, new Float32Array(sizeOf(data.shape)).fill(u));
  const outputs = await run(model, name, state, name === 'logProb' ? { data } : { data, uniform });
  return outputs[name]!.data as Float32Array;
}

/** Log-density of the prior in double precision, summed over a code. */
function priorLogProb(prior: string, code: ArrayLike<number>): number {
  return Array.from(code).reduce((sum, z) => {
    if (prior === 'normal') return sum - 0.5 * (z * z + Math.log(2 * Math.PI));
    return sum - Math.abs(z) - 2 * Math.log1p(Math.exp(-Math.abs(z)));
  }, 0);
}

/**
 * The best distribution of uniform noise that scaling each dimension alone can reach, by search over the scale: its
 * bits per dimension at 8 bits, and the mass that it leaves in the unit interval. Couplings can only do better.
 */
function bestIndependentDistribution(family: string): { bits: number; mass: number } {
  const grid = Array.from({ length: 2000 }, (_, i) => (i + 0.5) / 2000);
  const logDensity = (y: number, scale: number) => {
    if (family === 'nice') return priorLogProb('logistic', [scale * (y - 0.5)]) + Math.log(scale);
    const s = 0.05 + 0.9 * y;
    const slope = 0.9 / (s * (1 - s));
    return priorLogProb('normal', [scale * Math.log(s / (1 - s))]) + Math.log(scale * slope);
  };
  const candidates = Array.from({ length: 300 }, (_, i) => 0.05 * (i + 1)).map((scale) => {
    const logs = grid.map((y) => logDensity(y, scale));
    return { bits: 8 - meanOf(logs) / Math.LN2, mass: meanOf(logs.map(Math.exp)) };
  });
  return candidates.reduce((best, other) => (other.bits < best.bits ? other : best));
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(flows)('$name', ({ family, options, dataset, ...stirring }) => {
  const model = modelOf(family, options, dataset);
  let state: HostState;
  let data: HostTensor;
  beforeAll(async () => {
    state = await stirred(model, dataset, 0.2, 'kernels' in stirring ? stirring.kernels : 1);
    data = await firstExamples(dataset, 12);
  });
  const dimensions = sizeOf(dataset.spec.shape);
  const prior = 'prior' in options ? options.prior : family === 'nice' ? 'logistic' : 'normal';

  it('decode undoes encode to 1e-4, though the code is far from the data', async () => {
    const { latent } = (await run(model, 'encode', state, { data })) as { latent: HostTensor };
    const { data: back } = (await run(model, 'decode', state, { latent })) as { data: HostTensor };
    expect(largestDifference(back, data)).toBeLessThan(1e-4);
    const flat = hostTensor('float32', latent.shape, data.data);
    expect(largestDifference(latent, flat)).toBeGreaterThan(0.5);
  });

  it('the density is that of the prior over the Jacobian of decode, taken by differentiation', async () => {
    const { latent } = (await run(model, 'encode', state, { data })) as { latent: HostTensor };
    const scores = await scoreOf(model, state, data);
    const { spec } = dataset;
    // An image's data is (high - low) / 255 times its levels, which is what its score counts.
    const perLevel = spec.kind === 'image' ? Math.log((spec.range[1] - spec.range[0]) / 255) : 0;
    const weights = tensorsOf(state);
    const output = (z: tf.Tensor, i: number) => {
      const decoded = tf.reshape(model.programs.decode!.run(weights, { latent: z }).data!, [-1, dimensions]);
      return tf.sum(tf.slice(decoded, [0, i], [decoded.shape[0]!, 1]));
    };
    const codes = toTensor(latent);
    // Examples do not mix, so the gradient of a sum over them holds each one's own slopes.
    const slopes = Array.from({ length: dimensions }, (_, i) =>
      tf
        .grad((z) => output(z, i))(codes)
        .dataSync(),
    );
    for (const [n, score] of scores.entries()) {
      const row = (values: ArrayLike<number>) =>
        Array.from(values).slice(n * dimensions, (n + 1) * dimensions);
      const logDet = logAbsDeterminant(slopes.map(row)) - dimensions * perLevel;
      const expected = priorLogProb(prior, row(latent.data)) - logDet;
      // Scores are some tens of nats, in float32.
      expect(Math.abs(score - expected)).toBeLessThan(1e-5 * Math.abs(expected) + 5e-4);
    }
  });

  it('starts with codes centred and of the variance of the prior', async () => {
    const many = await firstExamples(dataset, 64);
    const start = await model.initialise!(initialState(model, 1), dataset, 1);
    const { latent } = (await run(model, 'encode', start, { data: many })) as { latent: HostTensor };
    const variance = prior === 'logistic' && family === 'nice' ? Math.PI ** 2 / 3 : 1;
    const mean = meanOf(latent.data);
    expect(Math.abs(mean)).toBeLessThan(1e-3);
    const squares = meanOf(Array.from(latent.data, (value) => (value - mean) ** 2));
    expect(Math.abs(squares / variance - 1)).toBeLessThan(1e-2);
  });

  it('temperature 0 gives the example of the zero code, and scales codes in proportion', async () => {
    const { inputs } = model.programs.sample!.signature;
    const draw = (temperature: number) => {
      const filled = fillInputs('sample', inputs, {
        seed: 1,
        firstIndex: 0,
        count: 3,
        scalars: { temperature },
      });
      return run(model, 'sample', state, filled) as Promise<{ data: HostTensor }>;
    };
    const zeros = hostTensor('float32', [3, dimensions], new Float32Array(3 * dimensions));
    const { data: centre } = (await run(model, 'decode', state, { latent: zeros })) as { data: HostTensor };
    expect(largestDifference((await draw(0)).data, centre)).toBe(0);
    expect(largestDifference((await draw(1)).data, centre)).toBeGreaterThan(0.01);
  });
});

describe.each(['nice', 'realnvp'])('%s, trained on points', (family) => {
  const dataset = tinyPoints(1000);
  const settings = { steps: 300, batchSize: 100, learningRate: 5e-3 };
  const fit = () => trained(modelOf(family, { hidden: [24, 24], couplings: 4 }, dataset), dataset, settings);

  it('has a density that integrates to 1, and samples with its mean and covariance', async () => {
    const trainer = await fit();
    const { points, area } = plane(7, 350);
    const { logProb } = await trainer.run('logProb', { data: points });
    const density = Array.from(logProb!.data, (value) => Math.exp(value) * area);
    const total = density.reduce((sum, mass) => sum + mass, 0);
    expect(Math.abs(total - 1)).toBeLessThan(2e-3);

    const count = 20_000;
    const { inputs } = modelOf(family, {}, dataset).programs.sample!.signature;
    const sources = fillInputs('sample', inputs, { seed: 1, firstIndex: 0, count });
    const { data: samples } = await trainer.run('sample', sources);
    await trainer.release();
    const powers: [number, number][] = [
      [1, 0],
      [0, 1],
      [2, 0],
      [1, 1],
      [0, 2],
    ];
    for (const [i, j] of powers) {
      const monomial = (values: ArrayLike<number>, n: number) =>
        values[2 * n]! ** i * values[2 * n + 1]! ** j;
      const expected = density.reduce((sum, mass, n) => sum + mass * monomial(points.data, n), 0);
      const drawn = Array.from({ length: count }, (_, n) => monomial(samples!.data, n));
      const mean = meanOf(drawn);
      const error = Math.sqrt(meanOf(drawn.map((value) => (value - mean) ** 2)) / count);
      // Four standard errors, and what the grid misses of a moment.
      expect(Math.abs(mean - expected), `moment ${i} ${j}`).toBeLessThan(4 * error + 0.01);
    }
  });
});

describe.each([
  ['nice', { hidden: [16], couplings: 4 }],
  ['realnvp', { scales: 1, perMask: 2, network: 'conv', filters: 6, blocks: 1 }],
])('%s, trained on images', (family, options) => {
  const reference = bestIndependentDistribution(family);

  it('gives the 16 images of two pixels of 4 levels a total probability of 1 at most, and nearly', async () => {
    const levels = 4;
    const dataset = levelImages(1000, [1, 2, 1], { levels });
    const model = modelOf(family, { ...options, levels }, dataset);
    const trainer = await trained(model, dataset, { steps: 300, batchSize: 100, learningRate: 5e-3 });
    const cells = 30;
    const noise = Array.from({ length: cells * cells }, (_, i) => [
      ((i % cells) + 0.5) / cells,
      (Math.floor(i / cells) + 0.5) / cells,
    ]);
    const uniform = hostTensor('float32', [noise.length, 1, 2, 1], noise.flat());
    let total = 0;
    for (let image = 0; image < 16; image++) {
      const pair = [(image % 4) / 3, Math.floor(image / 4) / 3];
      const data = hostTensor(
        'float32',
        uniform.shape,
        noise.flatMap(() => pair),
      );
      const { logWeight } = await trainer.run('logWeight', { data, uniform });
      total += meanOf(Array.from(logWeight!.data, (value) => Math.exp(value)));
    }
    await trainer.release();
    // The rest of the mass lies outside the unit square, where no image is; the midpoint rule is off by less than 1e-3.
    expect(total).toBeLessThan(1.001);
    expect(total).toBeGreaterThan(reference.mass ** 2 - 0.03);
  });

  it('cannot code uniform 8-bit noise in fewer than 8 bits per dimension, and comes near', async () => {
    const dataset = levelImages(2000, [4, 4, 1]);
    const model = modelOf(family, options, dataset);
    const trainer = await trained(model, dataset, { steps: 200, batchSize: 100, learningRate: 5e-3 });
    const count = 2000;
    // Other noise than the training data's, by another shape of the draw.
    const fresh = await firstExamples(levelImages(count, [4, 4, 1], { least: 0 }), count);
    const shuffled = hostTensor('float32', fresh.shape, Float32Array.from(fresh.data).reverse());
    const { inputs } = model.programs.logWeight!.signature;
    const sources = fillInputs('logWeight', inputs, { seed: 9, firstIndex: 0, count, data: shuffled });
    const { logWeight } = await trainer.run('logWeight', sources);
    await trainer.release();
    const bits = Array.from(logWeight!.data, (value) => -value / (16 * Math.LN2));
    // Four standard errors below, and what 200 steps of Adam leave above.
    expect(meanOf(bits)).toBeGreaterThan(8 - 4 * standardError(bits));
    expect(meanOf(bits)).toBeLessThan(reference.bits + 0.05);
  });
});

it('a flow that is the identity with a logistic prior codes every 8-bit image in 8 bits per dimension', async () => {
  const alpha = 1e-4;
  const dataset = levelImages(8, [4, 4, 1]);
  const model = modelOf('realnvp', { prior: 'logistic', alpha, filters: 4, blocks: 1 }, dataset);
  // Untouched by the data: all scales are 1 and all couplings the identity.
  const state = initialState(model, 1);
  for (const u of [0, 0.3, 0.9]) {
    for (const nats of await scoreOf(model, state, await firstExamples(dataset, 8), u)) {
      expect(-nats / (16 * Math.LN2)).toBeCloseTo(8 - Math.log2(1 - 2 * alpha), 4);
    }
  }
});

it.each(['nice', 'realnvp'])('%s scores the same levels alike in any range of the data', async (family) => {
  const [unit, wide] = (
    [
      [0, 1],
      [-1, 3],
    ] as const
  ).map((range) => levelImages(8, [4, 4, 1], { range }));
  const options = family === 'nice' ? { hidden: [8] } : { filters: 4, blocks: 1 };
  const [first, second] = [modelOf(family, options, unit!), modelOf(family, options, wide!)];
  const state = await stirred(first, unit!, 0.2);
  const scores = await scoreOf(first, state, await firstExamples(unit!, 8));
  const others = await scoreOf(second, state, await firstExamples(wide!, 8));
  for (const [i, nats] of scores.entries()) expect(others[i]).toBeCloseTo(nats, 3);
});

it.each<[string, string, Record<string, unknown>, Dataset, RegExp]>([
  [
    'points of one dimension',
    'nice',
    {},
    vectors(4, 1),
    /nice: couplings need examples of at least 2 dimensions/,
  ],
  [
    'odd sizes over two scales',
    'realnvp',
    {},
    levelImages(4, [6, 5, 1]),
    /needs height and width that 2 divides/,
  ],
  [
    'a border of a half',
    'realnvp',
    { alpha: 0.5 },
    levelImages(4, [6, 6, 1]),
    /realnvp: --alpha: expected .*, got 0.5/,
  ],
])('refuses %s in one line', (_, family, options, dataset, message) => {
  expect(() => modelOf(family, options, dataset)).toThrow(message);
});
