import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../../model/state.ts';
import { dense } from '../../../nn/dense.ts';
import { normal, zeros } from '../../../nn/initial-values.ts';
import type { Emission } from '../emission.ts';
import { drawMasks, groupUnits, type MaskOptions } from './made-masks.ts';

/** A MADE's shape and its masks. */
export interface MadeNetwork extends MaskOptions {
  /** Whether inputs reach the outputs without a hidden layer too. */
  readonly direct: boolean;
  readonly emission: Emission;
  /** What tells masks apart, first axis the mask; a row of each is a `Mask`. */
  readonly tables: Readonly<Record<string, { shape: readonly number[]; data: Float32Array | Int32Array }>>;
}

/**
 * One mask as tensors: `order` [D] int32, `position` [D], `degrees/l` [H_l], and for sampling `units/l` [D, group]
 * int32 (see `UnitGroups`).
 */
export type Mask = NamedTensors;

export const layerName = (layer: number) => `hidden/${layer}`;
const output = 'output';
const direct = 'direct/kernel';

/** Draws the masks and lays out their tables. */
export function madeNetwork(
  options: MaskOptions & { readonly direct: boolean; readonly emission: Emission },
): MadeNetwork {
  const { dimensions, hidden, masks } = options;
  const sets = drawMasks(options);
  const tables: Record<string, { shape: readonly number[]; data: Float32Array | Int32Array }> = {
    order: { shape: [masks, dimensions], data: Int32Array.from(sets.flatMap(({ order }) => [...order])) },
    position: {
      shape: [masks, dimensions],
      data: Float32Array.from(sets.flatMap(({ position }) => [...position])),
    },
  };
  for (const [layer, width] of hidden.entries()) {
    const degrees = Float32Array.from(sets.flatMap((set) => [...set.degrees[layer]!]));
    tables[`degrees/${layer}`] = { shape: [masks, width], data: degrees };
    const { size, units } = groupUnits(sets, layer, dimensions);
    tables[`units/${layer}`] = { shape: [masks, dimensions, size], data: units };
  }
  return { ...options, tables };
}

/** Parameters: dense layers, and the direct connections. */
export function madeSpecs({ dimensions, hidden, direct: connected, emission }: MadeNetwork): StateSpecs {
  const widths = [dimensions, ...hidden];
  const outputs = dimensions * emission.width;
  const specs: StateSpecs = {};
  for (const [layer, width] of hidden.entries()) {
    Object.assign(specs, dense(layerName(layer), widths[layer]!, width).specs);
  }
  // Components that start equal would stay equal where an output sees no input.
  const biasInitial = emission.width > 1 ? normal(0.5) : zeros;
  Object.assign(specs, dense(output, widths.at(-1)!, outputs, { biasInitial }).specs);
  if (connected) specs[direct] = { shape: [dimensions, outputs], initial: 0 };
  return specs;
}

/** The tables whose names `wanted` accepts, as tensors [masks, ...]. */
export function maskTables({ tables }: MadeNetwork, wanted: (name: string) => boolean): NamedTensors {
  const chosen = Object.entries(tables).filter(([name]) => wanted(name));
  return Object.fromEntries(
    chosen.map(([name, { shape, data }]) => [
      name,
      tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32'),
    ]),
  );
}

/** The tables that a forward pass needs; the others serve sampling. */
export const forwardTables = (name: string) => name === 'position' || name.startsWith('degrees/');

/** The mask chosen by a number in [0, 1), a tensor [1]. */
export function chosenMask(network: MadeNetwork, uniform: tf.Tensor): Mask {
  const index = tf.cast(tf.floor(tf.mul(uniform, network.masks)), 'int32') as tf.Tensor1D;
  const tables = maskTables(network, forwardTables);
  const rows = Object.entries(tables).map(([name, table]) => [
    name,
    tf.reshape(network.masks === 1 ? table : tf.gather(table, index), table.shape.slice(1)),
  ]);
  return Object.fromEntries(rows) as Mask;
}

/**
 * The kernels times their masks (eq. 8 and 9): a hidden unit sees units of the same degree or less, an output those
 * of less than its own place.
 */
export function maskedKernels(network: MadeNetwork, state: NamedTensors, mask: Mask) {
  const { dimensions, hidden, emission } = network;
  const seen = (from: tf.Tensor, to: tf.Tensor, strict: boolean) => {
    const [rows, columns] = [tf.expandDims(from, 1), tf.expandDims(to, 0)];
    return tf.cast(strict ? tf.less(rows, columns) : tf.lessEqual(rows, columns), 'float32');
  };
  const outward = (name: string, from: tf.Tensor) => {
    const kernel = tf.reshape(state[name]!, [from.shape[0]!, dimensions, emission.width]);
    const masked = tf.mul(kernel, tf.expandDims(seen(from, mask.position!, true), 2));
    return tf.reshape(masked, [from.shape[0]!, dimensions * emission.width]) as tf.Tensor2D;
  };
  const layers = hidden.map((_, layer) => {
    const from = layer === 0 ? mask.position! : mask[`degrees/${layer - 1}`]!;
    const kernel = state[`${layerName(layer)}/kernel`]!;
    return tf.mul(kernel, seen(from, mask[`degrees/${layer}`]!, false)) as tf.Tensor2D;
  });
  return {
    layers,
    output: outward(`${output}/kernel`, mask[`degrees/${hidden.length - 1}`]!),
    direct: network.direct ? outward(direct, mask.position!) : null,
  };
}

/** The biases of the hidden layers and of the outputs. */
export function biases({ hidden }: MadeNetwork, state: NamedTensors): tf.Tensor[] {
  return [...hidden.keys()]
    .map(layerName)
    .concat(output)
    .map((name) => state[`${name}/bias`]!);
}

/**
 * The parameters of every dimension's distribution given the dimensions before it: [batch, D] to [batch, D, C].
 * Layers are rectified, h^l = relu(h^(l-1) (W^l * M^l) + b^l) (eq. 1 and 2).
 */
export function madeForward(
  network: MadeNetwork,
  state: NamedTensors,
  mask: Mask,
  x: tf.Tensor2D,
): tf.Tensor {
  const kernels = maskedKernels(network, state, mask);
  const shifts = biases(network, state);
  const last = kernels.layers.reduce<tf.Tensor2D>(
    (h, kernel, layer) => tf.relu(tf.add(tf.matMul(h, kernel), shifts[layer]!)),
    x,
  );
  let result: tf.Tensor = tf.add(tf.matMul(last, kernels.output), shifts.at(-1)!);
  if (kernels.direct !== null) result = tf.add(result, tf.matMul(x, kernels.direct));
  return tf.reshape(result, [x.shape[0], network.dimensions, network.emission.width]);
}
