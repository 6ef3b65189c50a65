import { tf, trace } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectModule, madeUp, type Values } from '../testing/module-check.ts';
import { activations } from './activations.ts';
import { convolution, transposedConvolution } from './convolution.ts';
import { dense } from './dense.ts';
import {
  architectureRefuses,
  type CoderOptions,
  decoderNetwork,
  deterministicEncoder,
  featureNetwork,
  gaussianEncoder,
} from './encoder-decoder.ts';
import { normal } from './initial-values.ts';
import { inference, type Module, newPass, sequential } from './module.ts';
import { batchNorm } from './normalisation.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const { tanh } = activations;
const mlp: CoderOptions = { architecture: 'mlp', hidden: [3, 2], filters: [], activation: tanh };
const conv: CoderOptions = { architecture: 'conv', hidden: [], filters: [2, 3], activation: tanh };
/** Of odd sizes, so that rounding up shows: 5x3 to 3x2 to 2x1. */
const shape = [5, 3, 2] as const;

/** A state for the module, the same for every module that has these names. */
function stateOf({ specs }: Pick<Module, 'specs'>): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const size = spec.shape.reduce((a, b) => a * b, 1);
      const values = madeUp(size, name.length);
      return [name, tf.tensor(name.endsWith('variance') ? values.map(Math.abs) : values, [...spec.shape])];
    }),
  );
}

/** Both modules have the same state and give the same outputs. */
function expectSame(actual: Module, expected: Module, x: tf.Tensor): void {
  expect(Object.keys(actual.specs).toSorted()).toEqual(Object.keys(expected.specs).toSorted());
  const state = stateOf(actual);
  const [y, z] = [actual.apply(state, x, inference), expected.apply(state, x, inference)];
  expect(y.shape).toEqual(z.shape);
  expect([...y.dataSync()]).toEqual([...z.dataSync()]);
}

describe('the encoder', () => {
  it('of dense layers, in plain loops: mean and deviation are linear in the last hidden layer', () => {
    const encoder = gaussianEncoder('e', 2, mlp, [4]);
    const affine = (x: Values, kernel: Values, bias: Values) =>
      bias.map((b, j) => x.reduce((sum, value, i) => sum + value * kernel[i * bias.length + j]!, b));
    return expectModule({
      module: {
        ...encoder,
        apply: (state, x, pass) => {
          const { mean, logStd } = encoder.apply(state, x, pass);
          return tf.concat([mean, logStd], 1);
        },
      },
      shape: [2, 4],
      reference: ({ x, state }) =>
        [x.slice(0, 4), x.slice(4)].flatMap((row) => {
          const layer = (h: Values, name: string) =>
            affine(h, state[`e/${name}/kernel`]!, state[`e/${name}/bias`]!);
          const h = layer(layer(row, '0').map(Math.tanh), '1').map(Math.tanh);
          return [...layer(h, 'mean'), ...layer(h, 'logStd')];
        }),
    });
  });

  it('of convolutions is strided layers, and a linear code of all that is left', () => {
    const flat = (h: tf.Tensor) => tf.reshape(h, [h.shape[0]!, -1]);
    const byHand = sequential([
      convolution('e/0', [2, 2], 4, { stride: 2 }),
      tanh,
      convolution('e/1', [2, 3], 4, { stride: 2 }),
      tanh,
      flat,
      dense('e/output', 2 * 1 * 3, 4),
      activations.sigmoid,
    ]);
    const encoder = deterministicEncoder('e', 4, { ...conv, codeActivation: activations.sigmoid }, shape);
    expectSame(encoder, byHand, tf.tensor(madeUp(60, 3), [2, ...shape]));
    // Flat examples are told from their size.
    expectSame(
      encoder,
      sequential([(x) => tf.reshape(x, [2, ...shape]), byHand]),
      tf.tensor(madeUp(60, 3), [2, 30]),
    );
  });

  it('drops inputs of its layers in training alone, by the noise that it declares', () => {
    const rates = { ...mlp, dropout: [0.5, 0, 0.25], codeActivation: activations.linear };
    const encoder = deterministicEncoder('e', 1, rates, [4]);
    expect(encoder.noise).toEqual({
      'dropout/0': { distribution: 'uniform', shape: [4] },
      'dropout/2': { distribution: 'uniform', shape: [2] },
    });
    const state = stateOf(encoder);
    const [x, bias] = [tf.ones([1, 4]), state['e/output/bias']!.dataSync()[0]!];
    const all = { 'dropout/0': tf.ones([1, 4]), 'dropout/2': tf.zeros([1, 2]) };
    // With every input of the last layer dropped only its bias is left.
    expect(encoder.apply(state, x, newPass(true, all)).dataSync()[0]).toBe(bias);
    expect(encoder.apply(state, x, inference).dataSync()[0]).not.toBe(bias);
  });

  it('normalises every layer but the one that touches the data, where that is asked', () => {
    const options = {
      ...mlp,
      normalisation: 'batch',
      dataNormalisation: 'none',
      initial: normal(0.1),
    } as const;
    const { network, width } = featureNetwork('d', options, [4]);
    expect(width).toBe(2);
    const byHand = sequential([
      dense('d/0', 4, 3),
      tanh,
      dense('d/1', 3, 2, { bias: false }),
      batchNorm('d/1', 2),
      tanh,
    ]);
    expectSame(network, byHand, tf.tensor(madeUp(8, 3), [2, 4]));
    expect(network.specs['d/1/kernel']!.initial).toEqual({ distribution: 'normal', scale: 0.1 });
    expect(
      Object.keys(featureNetwork('d', { ...mlp, normalisation: 'spectral' }, [4]).network.specs),
    ).toContain('d/0/left');
  });
});

describe('the decoder', () => {
  it('of dense layers mirrors the widths of the encoder', () => {
    const byHand = sequential([
      dense('g/0', 2, 2),
      tanh,
      dense('g/1', 2, 3),
      tanh,
      dense('g/output', 3, 30),
      (h) => tf.reshape(h, [h.shape[0]!, ...shape]),
    ]);
    expectSame(decoderNetwork('g', 2, mlp, shape), byHand, tf.tensor(madeUp(6, 3), [3, 2]));
  });

  it('of convolutions doubles a small image until it has the size of the data, odd or not', () => {
    const byHand = sequential([
      dense('g/input', 4, 2 * 1 * 3, { bias: false }),
      (h) => tf.reshape(h, [h.shape[0]!, 2, 1, 3]),
      batchNorm('g/input', 3),
      tanh,
      transposedConvolution('g/1', [3, 2], 4, { stride: 2, size: [3, 2], bias: false }),
      batchNorm('g/1', 2),
      tanh,
      transposedConvolution('g/output', [2, 2], 4, { stride: 2, size: [5, 3] }),
    ]);
    const options = { ...conv, normalisation: 'batch', inputName: 'input' } as const;
    expectSame(decoderNetwork('g', 4, options, shape), byHand, tf.tensor(madeUp(8, 3), [2, 4]));
  });
});

it('a linear autoencoder has two matrices and their biases, and nothing between', () => {
  const linear = { ...mlp, hidden: [], codeActivation: activations.linear };
  expect(Object.keys(deterministicEncoder('e', 2, linear, [4]).specs)).toEqual([
    'e/output/kernel',
    'e/output/bias',
  ]);
  const decoder = decoderNetwork('d', 2, linear, [4]);
  const inputs = {
    z: { dtype: 'float32', shape: [3, 2] },
    kernel: { dtype: 'float32', shape: [2, 4] },
    bias: { dtype: 'float32', shape: [4] },
  } as const;
  const { nodes } = trace(
    ({ z, kernel, bias }) => ({
      y: decoder.apply({ 'd/output/kernel': kernel!, 'd/output/bias': bias! }, z!, inference),
    }),
    inputs,
  );
  expect(nodes.map((node) => (node.op === 'kernel' ? node.kernel : node.op))).toEqual(['BatchMatMul', 'Add']);
});

it('convolutions need images', () => {
  const points = { kind: 'points', shape: [4] } as const;
  expect(architectureRefuses('conv', points)).toBe('architecture conv needs images, not points');
  expect(architectureRefuses('mlp', points)).toBeNull();
  expect(architectureRefuses('conv', { kind: 'image', shape: [5, 3, 1], range: [0, 1] })).toBeNull();
});

it('residual blocks start as the identity, in both directions', () => {
  const strided = featureNetwork('f', conv, shape).network;
  const blocks = featureNetwork('f', { ...conv, blocks: 2 }, shape).network;
  const started = ({ specs }: Pick<Module, 'specs'>) => {
    const state = stateOf({ specs });
    const atStart = Object.entries(specs).filter(([name]) => name.includes('/conv1/'));
    return {
      ...state,
      ...Object.fromEntries(
        atStart.map(([name, spec]) => [name, tf.fill([...spec.shape], spec.initial as number)]),
      ),
    };
  };
  const x = tf.tensor(madeUp(30, 1), [1, ...shape]);
  const outputs = [strided, blocks].map((network) => [
    ...network.apply(started(network), x, inference).dataSync(),
  ]);
  expect(outputs[1]).toEqual(outputs[0]);
  const code = tf.tensor(madeUp(4, 2), [2, 2]);
  const decoded = [conv, { ...conv, blocks: 1 }].map((options) => {
    const network = decoderNetwork('d', 2, options, shape);
    return [...network.apply(started(network), code, inference).dataSync()];
  });
  expect(decoded[1]).toEqual(decoded[0]);
  expect(Object.keys(blocks.specs)).toContain('f/0/block1/conv0/kernel');
});
