import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { traceLayersModel } from './layers-model.ts';
import type { LayersStep, LayersTensors } from './layers-training.ts';
import { writeOnnx } from './onnx/write.ts';
import { tf } from './tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const steps = 20;
const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const initial = (seed: number) => tf.initializers.glorotNormal({ seed });
const one = (x: tf.Tensor | tf.Tensor[]) => [x].flat()[0]!;
const host = (x: tf.Tensor) => hostTensor(x.dtype as 'float32', x.shape, x.dataSync<'float32'>().slice());

async function run(graph: LayersStep['graph'], feeds: Record<string, HostTensor>, count: number, state = {}) {
  const executor = await createExecutor('cpu');
  const program = await executor.load('program', writeOnnx(graph, { name: 'program' }));
  const losses: number[] = [];
  let carried: Record<string, HostTensor> = state;
  let outputs: Record<string, HostTensor> = {};
  for (let i = 0; i < count; i++) {
    const named = Object.entries(carried).map(([name, x]) => [`state/${name}`, x]);
    outputs = (await program.run({ ...Object.fromEntries(named), ...feeds })) as Record<string, HostTensor>;
    losses.push(outputs['metric/loss']?.data[0] ?? Number.NaN);
    carried = Object.fromEntries(Object.keys(carried).map((name) => [name, outputs[`next/${name}`]!]));
  }
  await program.release();
  return { losses, state: carried, outputs };
}

/** Trains compiled from the model's weights as they are, without touching them; the losses and the state. */
async function compiledSteps(step: LayersStep, data: tf.Tensor[], draws: tf.Tensor[] = []) {
  const names = step.graph.inputs.map(({ name }) => name).filter((name) => !/^(state|noise)\//.test(name));
  const feeds = Object.fromEntries([
    ...names.map((name, i) => [name, host(data[i]!)]),
    ...draws.map((x, i) => [`noise/${i}`, host(x)]),
  ]);
  return run(step.graph, feeds, steps, step.state);
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!), `[${i}]: ${actual[i]} for ${expected[i]}`).toBeLessThan(
      tolerance,
    );
  }
}

/** The losses of `model.fit`, one batch an epoch. */
async function fit(model: tf.LayersModel, x: tf.Tensor | tf.Tensor[], y: tf.Tensor | tf.Tensor[]) {
  const batchSize = one(x).shape[0]!;
  const { history } = await model.fit(x, y, { epochs: steps, batchSize, shuffle: false, verbose: 0 });
  return history.loss as number[];
}

/** The trained weights put into the model, exported for prediction, against tfjs. */
async function expectExported(
  model: tf.LayersModel,
  step: LayersStep,
  state: Record<string, HostTensor>,
  x: tf.Tensor[],
) {
  step.assign(state);
  const graph = traceLayersModel(model);
  const feeds = Object.fromEntries(graph.inputs.map(({ name }, i) => [name, host(x[i]!)]));
  const { outputs } = await run(graph, feeds, 1);
  const expected = [model.predict(x) as tf.Tensor | tf.Tensor[]].flat();
  for (const [i, { name }] of graph.outputs.entries()) {
    expectClose(outputs[name]!.data, expected[i]!.dataSync(), 1e-5);
  }
}

/** A causal self-attention head with a mask by bandPart (Vaswani et al. 2017). */
class CausalAttention extends tf.layers.Layer {
  readonly causal: boolean;
  #weights: ReturnType<tf.layers.Layer['addWeight']>[] = [];

  constructor(causal: boolean) {
    super({});
    this.causal = causal;
  }

  override build(shape: tf.Shape): void {
    const width = shape.at(-1)!;
    this.#weights = ['query', 'key', 'value'].map((name, i) =>
      this.addWeight(name, [width, width], 'float32', initial(40 + i)),
    );
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = one(inputs); // [batch, T, width]
    const [, length, width] = x.shape as [number, number, number];
    const flat = tf.reshape(x, [-1, width]);
    const [q, k, v] = this.#weights.map((w) => tf.reshape(tf.matMul(flat, w.read()), x.shape)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const scores = tf.div(tf.matMul(q, k, false, true), Math.sqrt(width));
    const mask = tf.linalg.bandPart(tf.ones([length, length]), -1, this.causal ? 0 : -1);
    const masked = tf.add(tf.mul(scores, mask), tf.mul(tf.sub(1, mask), -1e9));
    return tf.add(x, tf.matMul(tf.softmax(masked), v));
  }

  static get className() {
    return 'CausalAttention';
  }
}

/** Normalisation over groups of channels and all positions (Wu and He 2018). */
class GroupNorm extends tf.layers.Layer {
  #scale: ReturnType<tf.layers.Layer['addWeight']> | undefined;

  override build(shape: tf.Shape): void {
    this.#scale = this.addWeight('scale', [shape.at(-1)!], 'float32', tf.initializers.ones());
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = one(inputs);
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const grouped = tf.reshape(x, [batch, height, width, 2, channels / 2]);
    const { mean, variance } = tf.moments(grouped, [1, 2, 4], true);
    const normal = tf.div(tf.sub(grouped, mean), tf.sqrt(tf.add(variance, 1e-5)));
    return tf.mul(tf.reshape(normal, x.shape), this.#scale!.read());
  }

  static get className() {
    return 'GroupNorm';
  }
}

/** z = mean + exp(log variance / 2) * noise. */
class Sampling extends tf.layers.Layer {
  /** Noise in place of a draw. */
  fixed: tf.Tensor | null = null;

  override computeOutputShape(shapes: tf.Shape | tf.Shape[]): tf.Shape {
    return (shapes as tf.Shape[])[0]!;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [mean, logVariance] = inputs as [tf.Tensor, tf.Tensor];
    const epsilon = this.fixed ?? tf.randomNormal(mean.shape);
    return tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), epsilon));
  }

  static get className() {
    return 'Sampling';
  }
}

const dense = (
  units: number,
  seed: number,
  activation: 'linear' | 'relu' | 'sigmoid' | 'softmax' = 'linear',
) => tf.layers.dense({ units, activation, kernelInitializer: initial(seed) });
const conv = (filters: number, seed: number, strides = 1) =>
  tf.layers.conv2d({ filters, kernelSize: 3, strides, padding: 'same', kernelInitializer: initial(seed) });
const through = (x: tf.SymbolicTensor, ...layers: tf.layers.Layer[]) =>
  layers.reduce((h, layer) => layer.apply(h) as tf.SymbolicTensor, x);

describe('architectures, 20 steps compiled as eagerly, and exported', () => {
  it('a GAN with an auxiliary classifier: discriminator, and generator through it', async () => {
    const z = tf.input({ shape: [4] });
    const label = tf.input({ shape: [1] });
    const embedded = through(
      label,
      tf.layers.embedding({ inputDim: 3, outputDim: 4, embeddingsInitializer: initial(1) }),
      tf.layers.flatten(),
    );
    const image = through(
      tf.layers.multiply().apply([z, embedded]) as tf.SymbolicTensor,
      dense(27, 2, 'relu'),
      tf.layers.reshape({ targetShape: [3, 3, 3] }),
      tf.layers.conv2dTranspose({
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: 'same',
        kernelInitializer: initial(3),
      }),
      tf.layers.batchNormalization(),
      tf.layers.conv2d({
        filters: 1,
        kernelSize: 3,
        padding: 'same',
        activation: 'tanh',
        kernelInitializer: initial(4),
      }),
    );
    const generator = tf.model({ inputs: [z, label], outputs: image });
    const seen = tf.input({ shape: [6, 6, 1] });
    const features = through(seen, conv(4, 5, 2), tf.layers.leakyReLU({ alpha: 0.2 }), tf.layers.flatten());
    const discriminator = tf.model({
      inputs: seen,
      outputs: [through(features, dense(1, 6, 'sigmoid')), through(features, dense(3, 7, 'softmax'))],
    });
    const loss = ['binaryCrossentropy', 'sparseCategoricalCrossentropy'];
    discriminator.compile({ optimizer: tf.train.adam(0.01, 0.5), loss });
    const step = traceLayersModel(discriminator, { training: true, batchSize: 6 });
    const [images, classes] = [noise([6, 6, 6, 1], 1), tf.tensor2d([0, 1, 2, 0, 1, 2], [6, 1])];
    const real = tf.tensor2d([1, 1, 1, 0, 0, 0], [6, 1]);
    const trained = await compiledSteps(step, [images, real, classes]);
    expectClose(trained.losses, await fit(discriminator, images, [real, classes]), 1e-4);

    discriminator.trainable = false;
    const judged = discriminator.apply(generator.apply([z, label])) as tf.SymbolicTensor[];
    const combined = tf.model({ inputs: [z, label], outputs: judged });
    combined.compile({ optimizer: tf.train.adam(0.01, 0.5), loss });
    const whole = traceLayersModel(combined, { training: true, batchSize: 6 });
    const inputs = [noise([6, 4], 2), classes];
    const both = await compiledSteps(whole, [...inputs, tf.ones([6, 1]), classes]);
    expectClose(both.losses, await fit(combined, inputs, [tf.ones([6, 1]), classes]), 1e-3);
    await expectExported(generator, whole, both.state, inputs);
  }, 60_000);

  it('a variational autoencoder with a sampling layer and its own objective', async () => {
    const x = tf.input({ shape: [10] });
    const hidden = through(x, dense(8, 1, 'relu'));
    const [mean, logVariance] = [through(hidden, dense(3, 2)), through(hidden, dense(3, 3))];
    const sampling = new Sampling({});
    const z = sampling.apply([mean, logVariance]) as tf.SymbolicTensor;
    const latent = tf.input({ shape: [3] });
    const decoder = tf.model({
      inputs: latent,
      outputs: through(latent, dense(8, 4, 'relu'), dense(10, 5, 'sigmoid')),
    });
    const decoded = decoder.apply(z) as tf.SymbolicTensor;
    const model = tf.model({ inputs: x, outputs: [decoded, mean, logVariance] });
    // Kingma and Welling 2014, appendix B: squared error and the divergence from the standard normal.
    const objective = ({ inputs, outputs }: LayersTensors) => {
      const [y, mean, logVariance] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
      const squares = tf.sum(tf.square(tf.sub(inputs[0]!, y)));
      const divergence = tf.sum(tf.sub(tf.add(tf.square(mean), tf.exp(logVariance)), tf.add(logVariance, 1)));
      return tf.div(tf.add(squares, tf.mul(divergence, 0.5)), 5) as tf.Scalar;
    };
    const optimizer = tf.train.adam(0.01);
    const step = traceLayersModel(model, { training: true, batchSize: 5, objective, optimizer });
    expect(step.noise).toEqual({ 0: { distribution: 'normal', shape: [3] } });
    const [data, epsilon] = [tf.sigmoid(noise([5, 10], 6)), noise([5, 3], 7)];
    const { losses, state } = await compiledSteps(step, [data], [epsilon]);
    sampling.fixed = epsilon;
    const eager = Array.from({ length: steps }, () => {
      const outputs = () => model.apply(data, { training: true }) as tf.Tensor[];
      return optimizer
        .minimize(() => objective({ inputs: [data], outputs: outputs() }), true)!
        .dataSync()[0]!;
    });
    expectClose(losses, eager, 1e-4);
    const weights = model.trainableWeights.map((weight) => weight.read().dataSync().slice());
    for (const [i, { name }] of model.trainableWeights.entries())
      expectClose(state[name]!.data, weights[i]!, 1e-4);
    await expectExported(decoder, step, state, [epsilon]);
  }, 60_000);

  it('a causal transformer block', async () => {
    const tokens = tf.input({ shape: [5] });
    const output = through(
      tokens,
      tf.layers.embedding({ inputDim: 7, outputDim: 6, embeddingsInitializer: initial(1) }),
      tf.layers.layerNormalization(),
      new CausalAttention(true),
      tf.layers.layerNormalization(),
      dense(12, 2, 'relu'),
      dense(7, 3, 'softmax'),
    );
    const model = tf.model({ inputs: tokens, outputs: output });
    model.compile({ optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy' });
    const step = traceLayersModel(model, { training: true, batchSize: 2 });
    const x = tf.tensor2d([0, 1, 2, 3, 4, 6, 5, 4, 3, 2], [2, 5]);
    const y = tf.oneHot(tf.tensor2d([1, 2, 3, 4, 5, 5, 4, 3, 2, 1], [2, 5], 'int32'), 7).toFloat();
    const { losses, state } = await compiledSteps(step, [x, y]);
    expectClose(losses, await fit(model, x, y), 1e-4);
    await expectExported(model, step, state, [x]);
  }, 60_000);

  it('a small U-Net with group normalisation and attention', async () => {
    const x = tf.input({ shape: [4, 4, 2] });
    const high = through(x, conv(4, 1), new GroupNorm({}), tf.layers.reLU());
    const low = through(
      high,
      conv(4, 2, 2),
      new GroupNorm({}),
      tf.layers.reshape({ targetShape: [4, 4] }),
      new CausalAttention(false),
      tf.layers.reshape({ targetShape: [2, 2, 4] }),
      tf.layers.upSampling2d({ size: [2, 2] }),
    );
    const joined = tf.layers.concatenate().apply([high, low]) as tf.SymbolicTensor;
    const model = tf.model({ inputs: x, outputs: through(joined, conv(2, 3)) });
    model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
    const step = traceLayersModel(model, { training: true, batchSize: 3 });
    const [data, target] = [noise([3, 4, 4, 2], 1), noise([3, 4, 4, 2], 2)];
    const { losses, state } = await compiledSteps(step, [data, target]);
    expectClose(losses, await fit(model, data, target), 1e-4);
    await expectExported(model, step, state, [data]);
  }, 60_000);
});
