import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, hostTensor } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { HostState, StateSpecs } from '../model/state.ts';

const meanName = 'reference/mean';
const deviationName = 'reference/std';
/** Examples that the mean and deviation are taken from. */
const measured = 10_000;

/** What data without a range needs to be standardised by: its mean and standard deviation, measured once. */
export function scaleSpecs(spec: DataSpec): StateSpecs {
  if ('range' in spec) return {};
  return {
    [meanName]: { shape: spec.shape, initial: 0 },
    [deviationName]: { shape: spec.shape, initial: 1 },
  };
}

/** A fresh state with the mean and deviation of the data in place. */
export async function measureScale(state: HostState, dataset: Dataset): Promise<HostState> {
  const { spec } = dataset;
  if ('range' in spec) return state;
  const count = Math.min(measured, dataset.size);
  const { data } = await dataset.gather(Int32Array.from({ length: count }, (_, i) => i));
  const width = data.length / count;
  const moments = Array.from({ length: width }, (_, k) => {
    let [sum, squares] = [0, 0];
    for (let row = 0; row < count; row++) sum += data[row * width + k]!;
    const mean = sum / count;
    for (let row = 0; row < count; row++) squares += (data[row * width + k]! - mean) ** 2;
    // A constant column keeps its scale.
    return { mean, deviation: Math.sqrt(squares / count) || 1 };
  });
  return {
    ...state,
    [meanName]: hostTensor(
      'float32',
      spec.shape,
      moments.map(({ mean }) => mean),
    ),
    [deviationName]: hostTensor(
      'float32',
      spec.shape,
      moments.map(({ deviation }) => deviation),
    ),
  };
}

/** A network's outputs as data: tanh stretched to the range, or the data's deviation and mean where it has none. */
export function toData(state: NamedTensors, x: tf.Tensor, spec: DataSpec): tf.Tensor {
  return unscaled(state, 'range' in spec ? tf.tanh(x) : x, spec);
}

/** The inverse of `fromData`: [-1, 1] to the range, or the data's deviation and mean where it has none. */
export function unscaled(state: NamedTensors, x: tf.Tensor, spec: DataSpec): tf.Tensor {
  if (!('range' in spec)) return tf.add(tf.mul(x, state[deviationName]!), state[meanName]!);
  const [low, high] = spec.range;
  return tf.add(tf.mul((high - low) / 2, x), (high + low) / 2);
}

/** [] nats: log |det| of `fromData` for examples without a range. */
export function scaleLogDet(state: NamedTensors): tf.Tensor {
  return tf.neg(tf.sum(tf.log(state[deviationName]!)));
}

/** Data as a network's inputs: the range to [-1, 1], or standardised. */
export function fromData(state: NamedTensors, x: tf.Tensor, spec: DataSpec): tf.Tensor {
  if (!('range' in spec)) return tf.div(tf.sub(x, state[meanName]!), state[deviationName]!);
  const [low, high] = spec.range;
  return tf.mul(2 / (high - low), tf.sub(x, (high + low) / 2));
}
