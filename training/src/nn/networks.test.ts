import { type NamedTensors, tf, traceBatched, writeOnnx } from '@generatrix/export';
import { createExecutor, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { madeUp } from '../testing/module-check.ts';
import { activations } from './activations.ts';
import { attention, overPositions } from './attention.ts';
import { convolution, transposedConvolution } from './convolution.ts';
import { dense } from './dense.ts';
import { embedding, learnedPositions } from './embedding.ts';
import { declared, type Module, type Pass, sequential } from './module.ts';
import { groupNorm, layerNorm } from './normalisation.ts';
import { residual, residualBlock } from './residual.ts';

/** Networks that papers draw, each put together from layers, with the property that makes it that network. */

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const { elu, gelu, silu } = activations;

function stateOf({ specs }: Pick<Module, 'specs'>): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape }], i) => [
      name,
      tf.mul(0.5, tf.tensor(madeUp(sizeOf(shape), i), [...shape])),
    ]),
  );
}

/** The compiled network, traced for any batch, gives what the eager one does at batches of 1 and 3. */
async function expectCompiles(
  module: Module,
  state: NamedTensors,
  x: HostTensor,
  condition?: HostTensor,
): Promise<void> {
  const given = { x, ...(condition === undefined ? {} : { condition }) };
  const run = (inputs: NamedTensors) => ({ y: module.apply(state, inputs.x!, passOf(inputs.condition)) });
  const specs = Object.entries(given).map(([name, { dtype, shape }]) => [
    name,
    { dtype, shape: shape.slice(1), batched: true },
  ]);
  const graph = traceBatched(run, Object.fromEntries(specs));
  const program = await (await createExecutor('cpu')).load('network', writeOnnx(graph, { name: 'network' }));
  try {
    for (const batch of [1, x.shape[0]!]) {
      const feeds = Object.fromEntries(
        Object.entries(given).map(([name, { dtype, shape, data }]) => {
          const size = sizeOf(shape.slice(1)) * batch;
          return [name, hostTensor(dtype, [batch, ...shape.slice(1)], Array.from(data.slice(0, size)))];
        }),
      );
      const tensors = Object.entries(feeds).map(([name, { data, shape, dtype }]) => [
        name,
        tf.tensor(data, [...shape], dtype),
      ]);
      const expected = run(Object.fromEntries(tensors)).y;
      const y = (await program.run(feeds)).y as HostTensor;
      expect(y.shape).toEqual(expected.shape);
      const apart = tf.max(tf.abs(tf.sub(tf.tensor(y.data, expected.shape), expected)));
      expect(apart.dataSync()[0]).toBeLessThan(1e-5);
    }
  } finally {
    await program.release();
  }
}

const passOf = (condition?: tf.Tensor): Pass => ({
  training: false,
  moments: {},
  ...(condition === undefined ? {} : { condition }),
});

const made = (shape: number[]) => hostTensor('float32', shape, madeUp(sizeOf(shape), 5));
const asTensor = ({ data, shape, dtype }: HostTensor) => tf.tensor(data, [...shape], dtype);

/** Largest change of each position of the output [positions] when one position of the input [positions, ...] changes. */
function reach(run: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, axis: number): boolean[][] {
  const positions = x.shape[axis]!;
  return Array.from({ length: positions }, (_, moved) => {
    const at = tf.tensor1d(Array.from({ length: positions }, (_, i) => (i === moved ? 0.3 : 0)));
    const shape = x.shape.map((_, i) => (i === axis ? positions : 1));
    // Every channel by another amount: a shift of all alike is what a layer's normalisation takes away.
    const direction = tf.mul(tf.reshape(at, shape), tf.tensor(madeUp(x.size, 3), x.shape));
    const change = tf.abs(tf.sub(run(tf.add(x, direction)), run(x)));
    const others = change.shape.flatMap((_, i) => (i === axis ? [] : [i]));
    return [...tf.max(change, others).dataSync()].map((value) => value > 0);
  });
}

it('a transformer with a causal mask: no position depends on those after it', async () => {
  const [length, width, vocabulary] = [4, 6, 5];
  const block = (name: string): Module =>
    sequential([
      residual([
        layerNorm(`${name}/norm0`, width),
        attention(`${name}/attention`, width, { heads: 2, causal: true }),
      ]),
      residual([
        layerNorm(`${name}/norm1`, width),
        dense(`${name}/wide`, width, 4 * width),
        gelu,
        dense(`${name}/narrow`, 4 * width, width),
      ]),
    ]);
  const body = sequential([
    learnedPositions('where', [length, width]),
    block('0'),
    block('1'),
    layerNorm('last', width),
    dense('logits', width, vocabulary),
  ]);
  const network = sequential([embedding('token', vocabulary, width), body]);
  const state = stateOf(network);
  const tokens = hostTensor('int32', [3, length], [0, 3, 1, 4, 2, 2, 0, 1, 4, 3, 3, 0]);
  await expectCompiles(network, state, tokens);
  const embedded = tf.tensor(madeUp(length * width, 2), [1, length, width]);
  expect(reach((x) => body.apply(state, x, passOf()), embedded, 1)).toEqual(
    [0, 1, 2, 3].map((moved) => [0, 1, 2, 3].map((position) => position >= moved)),
  );
});

it('a U-Net with GroupNorm, attention and a condition: what it skips down comes back at its size', async () => {
  const [channels, condition] = [4, 3];
  const block = (name: string, inputs: number, outputs: number) =>
    residualBlock(name, [inputs, outputs], { groups: 2, condition });
  const [input, first, down, up, last] = [
    convolution('input', [1, channels], 3),
    block('first', channels, channels),
    convolution('down', [channels, 2 * channels], 3, { stride: 2 }),
    transposedConvolution('up', [2 * channels, channels], 4, { stride: 2 }),
    block('last', 2 * channels, channels),
  ];
  const middle = sequential([
    block('middle', 2 * channels, 2 * channels),
    residual([
      groupNorm('norm', 2 * channels, 2),
      overPositions(attention('attention', 2 * channels, { heads: 2 })),
    ]),
  ]);
  const output = sequential([
    groupNorm('output', channels, 2),
    silu,
    convolution('output', [channels, 1], 3),
  ]);
  const network: Module = {
    ...declared([input, first, down, middle, up, last, output]),
    apply: (state, x, pass) => {
      const skipped = sequential([input, first]).apply(state, x, pass);
      const deep = sequential([down, middle, up]).apply(state, skipped, pass);
      return sequential([last, output]).apply(state, tf.concat([skipped, deep], 3), pass);
    },
  };
  const state = stateOf(network);
  const [x, told] = [made([3, 6, 4, 1]), made([3, condition])];
  await expectCompiles(network, state, x, told);
  const y = network.apply(state, asTensor(x), passOf(asTensor(told)));
  expect(y.shape).toEqual([3, 6, 4, 1]);
  const other = network.apply(state, asTensor(x), passOf(tf.zeros([3, condition])));
  expect(tf.max(tf.abs(tf.sub(y, other))).dataSync()[0]).toBeGreaterThan(1e-3);
});

describe('an inverse autoregressive flow step', () => {
  const [dimensions, hidden, context] = [3, 6, 2];
  const degrees = Array.from({ length: hidden }, (_, i) => 1 + (i % (dimensions - 1)));
  const inputs = Array.from({ length: dimensions }, (_, i) => i + 1);
  /** Units see those of their degree or less, outputs those of less (Germain et al. 2015, eq. 8 and 9). */
  const mask =
    (from: readonly number[], to: readonly number[], sees: (from: number, to: number) => boolean) => () =>
      tf.tensor2d(from.map((a) => to.map((b) => (sees(a, b) ? 1 : 0))));
  const into = dense('in', dimensions, hidden, { mask: mask(inputs, degrees, (a, b) => a <= b) });
  const told = dense('context', context, hidden, { bias: false });
  const out = dense('out', hidden, 2 * dimensions, {
    mask: mask(degrees, [...inputs, ...inputs], (a, b) => a < b),
  });
  const network: Module = {
    ...declared([into, told, out]),
    apply: (state, z, pass) => {
      const h = elu(tf.add(into.apply(state, z, pass), told.apply(state, pass.condition!, pass)));
      const [shift, opening] = tf.split(out.apply(state, h, pass), 2, 1) as [tf.Tensor, tf.Tensor];
      const gate = tf.sigmoid(opening);
      return tf.add(tf.mul(gate, z), tf.mul(tf.sub(1, gate), shift)); // Kingma et al. 2016, eq. 14
    },
  };
  const state = stateOf(network);

  it('changes no dimension by those after it, and compiles', async () => {
    const [z, h] = [made([3, dimensions]), made([3, context])];
    await expectCompiles(network, state, z, h);
    const one = passOf(tf.slice(asTensor(h), 0, 1));
    expect(reach((x) => network.apply(state, x, one), tf.slice(asTensor(z), 0, 1), 1)).toEqual([
      [true, true, true],
      [false, true, true],
      [false, false, true],
    ]);
  });
});

it('a residual convolutional encoder: ELU blocks that halve the image', async () => {
  const block = (name: string, inputs: number, outputs: number) =>
    residual(
      [
        elu,
        convolution(`${name}/0`, [inputs, outputs], 3, { stride: 2 }),
        elu,
        convolution(`${name}/1`, [outputs, outputs], 3),
      ],
      [convolution(`${name}/shortcut`, [inputs, outputs], 1, { stride: 2 })],
    );
  const network = sequential([
    convolution('input', [1, 2], 3),
    block('0', 2, 3),
    block('1', 3, 4),
    (h) => tf.reshape(h, [h.shape[0]!, 2 * 2 * 4]),
    dense('output', 16, 6),
  ]);
  const x = made([3, 7, 6, 1]);
  await expectCompiles(network, stateOf(network), x);
  expect(network.apply(stateOf(network), asTensor(x), passOf()).shape).toEqual([3, 6]);
});
