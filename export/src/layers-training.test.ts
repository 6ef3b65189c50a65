import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { traceLayersModel } from './layers-model.ts';
import type { LayersStep } from './layers-training.ts';
import { writeOnnx } from './onnx/write.ts';
import { tf } from './tf.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const host = (x: tf.Tensor) => hostTensor('float32', x.shape, x.dataSync<'float32'>().slice());

/** Runs a compiled step again and again on one batch, with the same noise. */
async function train(step: LayersStep, feeds: Record<string, tf.Tensor>, count: number) {
  const executor = await createExecutor('cpu');
  const program = await executor.load('step', writeOnnx(step.graph, { name: 'step' }));
  const fixed = Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, host(x)]));
  let state: Record<string, HostTensor> = { ...step.state };
  const losses: number[] = [];
  for (let i = 0; i < count; i++) {
    const named = Object.entries(state).map(([name, x]) => [`state/${name}`, x]);
    const outputs = await program.run({ ...Object.fromEntries(named), ...fixed });
    losses.push((outputs['metric/loss'] as HostTensor).data[0]!);
    state = Object.fromEntries(
      Object.keys(state).map((name) => [name, outputs[`next/${name}`] as HostTensor]),
    );
  }
  await program.release();
  return { losses, state };
}

/** The losses of as many epochs of `model.fit`, each of one batch. */
async function fit(model: tf.LayersModel, x: tf.Tensor, y: tf.Tensor, epochs: number): Promise<number[]> {
  const batchSize = x.shape[0]!;
  const { history } = await model.fit(x, y, { epochs, batchSize, shuffle: false, verbose: 0 });
  return history.loss as number[];
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / Math.max(1, Math.abs(expected[i]!));
    expect(error, `[${i}]: ${actual[i]} for ${expected[i]}`).toBeLessThan(tolerance);
  }
}

const initial = (seed: number) => tf.initializers.glorotNormal({ seed });

/** Convolution, batch normalisation, a penalty on weights, classes. */
function classifier(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [6, 6, 1],
        filters: 3,
        kernelSize: 3,
        strides: 2,
        // A bias before the normalisation has a gradient of rounding errors alone, which Adam makes large.
        useBias: false,
        kernelInitializer: initial(1),
        kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
      }),
      tf.layers.batchNormalization({ momentum: 0.8 }),
      tf.layers.reLU(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 4, activation: 'softmax', kernelInitializer: initial(2) }),
    ],
  });
}

describe('the compiled training step of a layers model', () => {
  const x = () => noise([8, 6, 6, 1], 3);
  const classes = () => tf.tensor1d([0, 1, 2, 3, 3, 2, 1, 0]);
  const oneHot = () => tf.oneHot(tf.cast(classes(), 'int32'), 4).toFloat();

  it('does what model.fit does over 20 steps, moving statistics and penalties included', async () => {
    const model = classifier();
    model.compile({ optimizer: tf.train.adam(0.02), loss: 'categoricalCrossentropy' });
    const step = traceLayersModel(model, { training: true, batchSize: 8 });
    const output = step.graph.inputs.find(({ name }) => name.startsWith('target/'))!.name;
    const input = step.graph.inputs.find(({ name }) => name.endsWith('_input'))!.name;
    const { losses, state } = await train(step, { [input]: x(), [output]: oneHot() }, 20);
    const expected = await fit(model, x(), oneHot(), 20);
    expectClose(losses, expected, 1e-4);
    expect(losses[19]!).toBeLessThan(losses[0]! / 2);
    const weights = model.weights.map((weight) => weight.read().dataSync().slice());
    for (const [i, { name }] of model.weights.entries()) expectClose(state[name]!.data, weights[i]!, 1e-3);

    const copy = classifier();
    const copied = Object.fromEntries(
      copy.weights.map(({ name }, i) => [name, state[model.weights[i]!.name]!]),
    );
    traceLayersModel(copy, {
      training: true,
      batchSize: 8,
      loss: 'meanSquaredError',
      optimizer: 'sgd',
    }).assign(copied);
    const [predicted, trained] = [copy, model].map((m) => (m.predict(x()) as tf.Tensor).dataSync());
    expectClose(predicted!, trained!, 1e-3);
  });

  it.each<[string, () => tf.Optimizer]>([
    ['sgd', () => tf.train.sgd(0.1)],
    ['momentum', () => tf.train.momentum(0.05, 0.9, true)],
    ['adagrad', () => tf.train.adagrad(0.1)],
    ['adadelta', () => tf.train.adadelta(1)],
    ['adam', () => tf.train.adam(0.02)],
    ['adamax', () => tf.train.adamax(0.02, 0.9, 0.999, 1e-7, 0.1)],
    ['rmsprop', () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-6, true)],
  ])('takes the optimizer %s, and goes on where it stood', async (_, optimizer) => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [3], units: 4, activation: 'tanh', kernelInitializer: initial(1) }),
        tf.layers.dense({ units: 1, kernelInitializer: initial(2) }),
      ],
    });
    model.compile({ optimizer: optimizer(), loss: 'meanSquaredError' });
    const [data, target] = [noise([5, 3], 4), noise([5, 1], 5)];
    await fit(model, data, target, 2);
    const step = traceLayersModel(model, { training: true, batchSize: 5 });
    const [input, output] = [step.graph.inputs.at(-2)!.name, step.graph.inputs.at(-1)!.name];
    const { losses } = await train(step, { [input]: data, [output]: target }, 4);
    expectClose(losses, await fit(model, data, target, 4), 2e-5);
  });

  it('takes the noise of dropout and its kin as inputs', async () => {
    const input = tf.input({ shape: [6] });
    const layers = [
      tf.layers.dropout({ rate: 0.4 }),
      tf.layers.gaussianNoise({ stddev: 0.3 }),
      tf.layers.gaussianDropout({ rate: 0.2 }),
      tf.layers.alphaDropout({ rate: 0.25 }),
    ];
    const output = layers.reduce((h, layer) => layer.apply(h) as tf.SymbolicTensor, input);
    const scaled = tf.layers.dense({ units: 6, useBias: false, kernelInitializer: 'identity' });
    const model = tf.model({ inputs: input, outputs: scaled.apply(output) as tf.SymbolicTensor });
    const step = traceLayersModel(model, {
      training: true,
      batchSize: 4,
      loss: 'meanSquaredError',
      optimizer: 'sgd',
    });
    expect(Object.values(step.noise)).toEqual(
      ['uniform', 'normal', 'normal', 'uniform'].map((distribution) => ({ distribution, shape: [6] })),
    );
    const uniform = (seed: number) => tf.randomUniform([4, 6], 0, 1, 'float32', seed);
    const [u, n, m, v] = [uniform(1), noise([4, 6], 2), noise([4, 6], 3), uniform(4)];
    const [data, target] = [noise([4, 6], 5), noise([4, 6], 6)];
    const feeds = { 'noise/0': u, 'noise/1': n, 'noise/2': m, 'noise/3': v };
    const names = step.graph.inputs.map(({ name }) => name).filter((name) => !/^(state|noise)\//.test(name));
    const { losses } = await train(step, { ...feeds, [names[0]!]: data, [names[1]!]: target }, 1);
    // Srivastava et al. 2014 (kept where u < 0.6, over 0.6; multiplied by N(1, rate / (1 - rate))); Klambauer et al. 2017,
    // whose value for dropped units tfjs adds with the other sign.
    const kept = tf.div(tf.cast(tf.greaterEqual(u, 0.4), 'float32'), 0.6);
    const noisy = tf.mul(
      tf.add(tf.mul(data, kept), tf.mul(n, 0.3)),
      tf.add(tf.mul(m, Math.sqrt(0.2 / 0.8)), 1),
    );
    const low = -1.6732632423543772 * 1.0507009873554805;
    const alive = tf.cast(tf.greaterEqual(v, 0.25), 'float32');
    const a = (0.75 * (1 + 0.25 * low ** 2)) ** -0.5;
    const alpha = tf.add(
      tf.mul(tf.sub(tf.mul(noisy, alive), tf.mul(tf.sub(1, alive), low)), a),
      -a * low * 0.25,
    );
    expectClose(
      losses,
      tf
        .mean(tf.square(tf.sub(alpha, target)))
        .reshape([1])
        .dataSync(),
      1e-5,
    );
  });

  it('compares classes by their numbers, and reports each of several losses', async () => {
    const input = tf.input({ shape: [3] });
    const label = tf.layers.dense({ units: 4, activation: 'softmax', kernelInitializer: initial(1) });
    const real = tf.layers.dense({ units: 1, activation: 'sigmoid', kernelInitializer: initial(2) });
    const outputs = [real, label].map((layer) => layer.apply(input) as tf.SymbolicTensor);
    const model = tf.model({ inputs: input, outputs });
    const loss = ['binaryCrossentropy', 'sparseCategoricalCrossentropy'];
    model.compile({ optimizer: tf.train.sgd(0.5), loss });
    const step = traceLayersModel(model, { training: true, batchSize: 8 });
    const [data, yes, target] = [noise([8, 3], 1), tf.ones([8, 1]), classes().reshape([8, 1])];
    const [a, b, c] = step.graph.inputs.slice(-3).map(({ name }) => name) as [string, string, string];
    const { losses } = await train(step, { [a]: data, [b]: yes, [c]: target }, 5);
    expect(step.graph.outputs.filter(({ name }) => name.startsWith('metric/')).length).toBe(3);
    const options = { epochs: 5, batchSize: 8, shuffle: false, verbose: 0 } as const;
    const { history } = await model.fit(data, [yes, target], options);
    expectClose(losses, history.loss as number[], 1e-5);
  });

  it('leaves the model, its optimizer and the memory as they were', () => {
    const model = classifier();
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const before = model.getWeights().map((weight) => weight.dataSync().slice());
    traceLayersModel(model, { training: true, batchSize: 8 });
    const tensors = tf.memory().numTensors;
    traceLayersModel(model, { training: true, batchSize: 8 });
    expect(tf.memory().numTensors).toBe(tensors);
    expect(model.getWeights().map((weight) => weight.dataSync())).toEqual(before);
  });

  const dense = (extra: tf.layers.Layer) =>
    tf.sequential({ layers: [tf.layers.dense({ inputShape: [3], units: 2 }), extra] });
  class Clocked extends tf.layers.Layer {
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      return tf.mul([inputs].flat()[0]!, Math.random());
    }
    static get className() {
      return 'Clocked';
    }
  }
  it.each<[string, tf.LayersModel, RegExp]>([
    ['no loss', dense(tf.layers.reLU()), /state the loss/],
    ['a seed that is set', compiled(dense(tf.layers.dropout({ rate: 0.5, seed: 3 }))), /leave the seed out/],
    [
      'noise shared by examples',
      compiled(dense(tf.layers.dropout({ rate: 0.5, noiseShape: [1, 2] }))),
      /each example/,
    ],
    ['Math.random', compiled(dense(new Clocked({}))), /Math\.random/],
  ])('refuses %s', (_, model, message) => {
    const optimizer = tf.train.sgd(0.1);
    expect(() => traceLayersModel(model, { training: true, batchSize: 4, optimizer })).toThrow(message);
  });
});

function compiled(model: tf.LayersModel): tf.LayersModel {
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  return model;
}
