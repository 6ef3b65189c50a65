import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DrawRequest, keep } from '../autoregressive-programs.ts';
import { biases, type MadeNetwork, type Mask, maskedKernels, maskTables } from './made-network.ts';

/**
 * Draws examples with one mask, [batch, D]. The loop goes through the ordering and carries the activations of every
 * layer and of the outputs as far as they are known. A dimension adds to the first layer; the units that it completes
 * (those whose degree is its place) add to the next layer, and so on to the outputs: over the whole loop every weight
 * is used once, as in a single forward pass.
 */
export function madeDraw(
  network: MadeNetwork,
  state: NamedTensors,
  mask: Mask,
  { noise, temperature, given }: DrawRequest,
): tf.Tensor {
  const { dimensions, hidden, emission } = network;
  const batch = Object.values(noise)[0]!.shape[0]!;
  const order = mask.order as tf.Tensor1D;
  const kernels = maskedKernels(network, state, mask);
  const inOrder = (rows: tf.Tensor) => tf.gather(rows, order); // [D, ...] by dimension to by place
  const layerNames = [...hidden.map((_, layer) => `layer${layer}`), 'output'];

  const sequences: NamedTensors = { dimension: tf.reshape(order, [dimensions, 1]) };
  sequences.input = inOrder(kernels.layers[0]!);
  if (kernels.direct !== null) sequences.direct = inOrder(kernels.direct);
  for (const name of Object.keys(emission.noise)) {
    sequences[`noise/${name}`] = inOrder(tf.transpose(noise[name]!));
  }
  if (given !== undefined) {
    sequences.values = inOrder(tf.transpose(given.values));
    sequences.known = inOrder(tf.reshape(given.known, [dimensions, 1]));
  }
  for (const [layer, width] of hidden.entries()) {
    const units = mask[`units/${layer}`]!; // [D, group]
    const next = kernels.layers[layer + 1] ?? kernels.output;
    // The row past the last, which fills up groups, is zero: what is gathered for it does not matter.
    const rows = tf.gather(
      tf.pad(next, [
        [0, 1],
        [0, 0],
      ]),
      tf.reshape(units, [-1]) as tf.Tensor1D,
    );
    sequences[`rows/${layer}`] = tf.reshape(rows, [dimensions, units.shape[1]!, next.shape[1]]);
    sequences[`units/${layer}`] = tf.minimum(units, tf.scalar(width - 1, 'int32'));
  }

  const start = biases(network, state).map((bias, i) => [
    layerNames[i]!,
    tf.broadcastTo(tf.expandDims(bias, 0), [batch, bias.shape[0]!]),
  ]);
  const { outputs } = scan({
    carries: Object.fromEntries(start) as NamedTensors,
    sequences,
    body: (carries, slices) => {
      const known = tf.reshape(carries.output!, [batch, dimensions, emission.width]);
      const parameters = tf.reshape(tf.gather(known, slices.dimension as tf.Tensor1D, 1), [
        batch,
        emission.width,
      ]);
      const own = Object.keys(emission.noise).map((name) => [name, slices[`noise/${name}`]!]);
      const drawn = emission.draw(parameters, Object.fromEntries(own) as NamedTensors, temperature);
      const x = given === undefined ? drawn : keep(drawn, slices.values!, slices.known!); // [batch]
      const column = tf.expandDims(x, 1);
      const next: NamedTensors = { ...carries };
      const add = (name: string, change: tf.Tensor) => {
        next[name] = tf.add(next[name]!, change);
      };
      add('layer0', tf.mul(column, tf.expandDims(slices.input!, 0)));
      for (const layer of hidden.keys()) {
        const units = tf.gather(next[`layer${layer}`]!, slices[`units/${layer}`] as tf.Tensor1D, 1);
        const h = tf.relu(units) as tf.Tensor2D; // [batch, group]
        add(layerNames[layer + 1]!, tf.matMul(h, slices[`rows/${layer}`] as tf.Tensor2D));
      }
      if (slices.direct !== undefined) add('output', tf.mul(column, tf.expandDims(slices.direct, 0)));
      return { carries: next, outputs: { x } };
    },
  });
  const places = tf.cast(tf.sub(mask.position!, 1), 'int32') as tf.Tensor1D;
  return tf.transpose(tf.gather(outputs.x!, places));
}

/** Runs `body` for every mask and stacks its result along a new first axis; a single mask makes no loop. */
export function overMasks(
  network: MadeNetwork,
  wanted: (name: string) => boolean,
  body: (mask: Mask) => tf.Tensor,
): tf.Tensor {
  const tables = maskTables(network, wanted);
  if (network.masks > 1) {
    const { outputs } = scan({
      carries: {},
      sequences: tables,
      body: (_, mask) => ({ carries: {}, outputs: { result: body(mask) } }),
    });
    return outputs.result!;
  }
  const only = Object.entries(tables).map(([name, x]) => [name, tf.reshape(x, x.shape.slice(1))]);
  return tf.expandDims(body(Object.fromEntries(only) as Mask), 0);
}
