import { type NamedTensors, scan, tf } from '@generatrix/export';

/** Sizes of a pass. */
export interface NadePass {
  readonly dimensions: number;
  readonly hidden: number;
  /** Dimensions that one turn of the loop handles at once; any number from 1 gives the same result. */
  readonly block: number;
}

/** NADE's parameters, by their names in the state. */
export const nadeNames = {
  inputKernel: 'hidden/kernel', // W [D, H]
  hiddenBias: 'hidden/bias', // c [H]
  outputKernel: 'output/kernel', // V [D, H]
  outputBias: 'output/bias', // b [D]
} as const;

interface Block {
  readonly x: tf.Tensor; // [K, batch]
  readonly w: tf.Tensor2D; // [K, H]
  readonly v: tf.Tensor2D; // [K, H]
  readonly b: tf.Tensor; // [K, 1]
}

/**
 * The parameters and the data cut into blocks of K dimensions, first axis the block. The last block is filled up
 * with dimensions of value 0 and weights 0, which add nothing to any sum.
 */
function blockSequences(pass: NadePass, state: NamedTensors, x: tf.Tensor2D): NamedTensors {
  const { dimensions, hidden, block } = pass;
  const count = Math.ceil(dimensions / block);
  const missing = count * block - dimensions;
  const fill = (rows: tf.Tensor) =>
    missing === 0
      ? rows
      : tf.pad(rows, [
          [0, missing],
          [0, 0],
        ]);
  const weights = (name: string) => tf.reshape(fill(state[name]!), [count, block, hidden]);
  const bias = tf.reshape(state[nadeNames.outputBias]!, [dimensions, 1]);
  return {
    x: tf.reshape(fill(tf.transpose(x)), [count, block, x.shape[0]]),
    w: weights(nadeNames.inputKernel),
    v: weights(nadeNames.outputKernel),
    b: tf.reshape(fill(bias), [count, block, 1]),
  };
}

/**
 * Hidden activations of a block from the running sum before it: a_k = a + sum over j < k of x_j W_j. The sum is one
 * product with x masked to j < k, `earlier` [K * batch, K], whose transpose carries the gradient back.
 */
function blockForward(pass: NadePass, before: tf.Tensor, { x, w, v, b }: Block) {
  const { block, hidden } = pass;
  const batch = x.shape[1]!;
  const mask = Float32Array.from({ length: block * block }, (_, i) =>
    i % block < Math.floor(i / block) ? 1 : 0,
  );
  const earlier = tf.reshape(
    tf.mul(tf.expandDims(tf.transpose(x), 0), tf.tensor3d(mask, [block, 1, block])),
    [block * batch, block],
  ) as tf.Tensor2D;
  const added = tf.reshape(tf.matMul(earlier, w), [block, batch, hidden]);
  const a = tf.add(added, tf.expandDims(before, 0)); // [K, batch, H]
  const h = tf.sigmoid(a);
  const logits = tf.add(tf.reshape(tf.matMul(h, tf.expandDims(v, 2)), [block, batch]), b); // [K, batch]
  return { earlier, h, logits };
}

/**
 * Logits of p(x_d = 1 | x_<d) for every dimension of binary examples, [batch, D] to [batch, D]
 * (Larochelle and Murray 2011, eq. 8 and 9): b_d + V_d h_d with h_d = sigmoid(c + sum over i < d of x_i W_i).
 */
export function nadeLogits(pass: NadePass, state: NamedTensors, x: tf.Tensor2D): tf.Tensor2D {
  const batch = x.shape[0];
  const { outputs } = scan({
    carries: { a: startActivation(pass, state, batch) },
    sequences: blockSequences(pass, state, x),
    body: ({ a }, slices) => {
      const block = slices as unknown as Block;
      const { logits } = blockForward(pass, a!, block);
      const after = tf.add(a!, tf.matMul(block.x as tf.Tensor2D, block.w, true));
      return { carries: { a: after }, outputs: { logits } };
    },
  });
  return tf.transpose(unblocked(outputs.logits!, pass.dimensions)) as tf.Tensor2D;
}

/**
 * Negative mean log-likelihood of binary examples [batch, D], nats, and its gradient by hand, at the cost O(D H) per
 * example and in the memory of one block (Larochelle and Murray 2011, algorithm 1): from the last block to the first,
 * the running sum a loses what the block added, and the sum S of the gradients of all later activations grows.
 */
export function nadeLossAndGradients(
  pass: NadePass,
  state: NamedTensors,
  x: tf.Tensor2D,
): { loss: tf.Scalar; gradients: NamedTensors } {
  const { dimensions, hidden, block } = pass;
  const batch = x.shape[0];
  const start = startActivation(pass, state, batch);
  const whole = tf.add(start, tf.matMul(x, state[nadeNames.inputKernel] as tf.Tensor2D)); // [batch, H]
  const sequences = blockSequences(pass, state, x);
  const { carries, outputs } = scan({
    carries: { a: whole, later: tf.zerosLike(whole) },
    sequences: mapValues(sequences, (rows) => tf.reverse(rows, 0)),
    body: ({ a, later }, slices) => {
      const current = slices as unknown as Block;
      const { x, v, w } = current;
      const before = tf.sub(a!, tf.matMul(x as tf.Tensor2D, w, true)); // [batch, H]
      const { earlier, h, logits } = blockForward(pass, before, current);
      const slope = tf.div(tf.sub(tf.sigmoid(logits), x), batch); // [K, batch]: of the loss by the logits
      const columns = tf.expandDims(slope, 2); // [K, batch, 1]
      const local = tf.sub(h, tf.square(h)); // the slope of the sigmoid
      const gradient = tf.mul(tf.mul(local, tf.expandDims(v, 1)), columns); // [K, batch, H]: by the activations
      const flat = tf.reshape(gradient, [block * batch, hidden]) as tf.Tensor2D;
      const within = tf.matMul(earlier, flat, true); // [K, H]: through later dimensions of this block
      const beyond = tf.matMul(x as tf.Tensor2D, later as tf.Tensor2D); // [K, H]: through later blocks
      const ones = tf.ones([1, block]) as tf.Tensor2D;
      const summed = tf.reshape(
        tf.matMul(ones, tf.reshape(gradient, [block, batch * hidden]) as tf.Tensor2D),
        [batch, hidden],
      );
      return {
        carries: { a: before, later: tf.add(later!, summed) },
        outputs: {
          loss: tf.sub(tf.softplus(logits), tf.mul(x, logits)), // [K, batch]
          w: tf.add(within, beyond),
          v: tf.reshape(tf.matMul(columns, h, true), [block, hidden]),
          b: tf.sum(slope, 1, true), // [K, 1]
        },
      };
    },
  });
  const ordered = mapValues(outputs, (rows) => unblocked(tf.reverse(rows, 0), dimensions));
  return {
    loss: tf.div(tf.sum(ordered.loss!), batch),
    gradients: {
      [nadeNames.inputKernel]: ordered.w!,
      [nadeNames.hiddenBias]: tf.sum(carries.later!, 0),
      [nadeNames.outputKernel]: ordered.v!,
      [nadeNames.outputBias]: tf.reshape(ordered.b!, [dimensions]),
    },
  };
}

/** [blocks, K, n] to [D, n], without what filled up the last block. */
function unblocked(rows: tf.Tensor, dimensions: number): tf.Tensor {
  const [count, block, width] = rows.shape as [number, number, number];
  const flat = tf.reshape(rows, [count * block, width]);
  return count * block === dimensions ? flat : tf.slice(flat, [0, 0], [dimensions, width]);
}

/** The bias of the hidden units for each example: [batch, H]. */
export function startActivation({ hidden }: NadePass, state: NamedTensors, batch: number): tf.Tensor2D {
  return tf.broadcastTo(tf.reshape(state[nadeNames.hiddenBias]!, [1, hidden]), [batch, hidden]);
}

function mapValues(tensors: NamedTensors, fn: (x: tf.Tensor) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, fn(x)]));
}
