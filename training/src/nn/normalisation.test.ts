import { type NamedTensors, tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { ofKind } from '../model/state.ts';
import { expectModule, type Given } from '../testing/module-check.ts';
import { type Module, newPass } from './module.ts';
import {
  batchNorm,
  groupNorm,
  instanceNorm,
  layerNorm,
  normalisation,
  runningMoments,
} from './normalisation.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Values that look random, the same each time. */
function values(shape: number[], phase: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(7.3 * i + phase) + 0.3 * Math.cos(i * i)),
    shape,
  );
}

function stateOf(kind: 'batch' | 'virtual', width: number): { layer: Module; state: NamedTensors } {
  const state = {
    'n/scale': values([width], 1),
    'n/offset': values([width], 2),
    'n/mean': values([width], 3),
    'n/variance': tf.add(1.5, values([width], 4)),
  };
  return { layer: normalisation('n', width, kind), state };
}

/** Largest difference between two tensors. */
function apart(a: tf.Tensor, b: tf.Tensor): number {
  return tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
}

describe('batch normalisation', () => {
  const x = values([5, 3, 4, 2], 0); // [batch, h, w, channels]
  const { layer, state } = stateOf('batch', 2);

  it('normalises by the batch in training, as tf.batchNorm with the moments of the batch does', () => {
    const pass = newPass(true);
    const y = layer.apply(state, x, pass);
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const expected = tf.batchNorm(x, mean, variance, state['n/offset'], state['n/scale'], 1e-5);
    // Two orders of float32 sums over 60 values.
    expect(apart(y, expected)).toBeLessThan(1e-5);
    expect(apart(pass.moments['n/mean']!, mean)).toBeLessThan(1e-6);
    expect(apart(pass.moments['n/variance']!, variance)).toBeLessThan(1e-6);
  });

  it('normalises by the running statistics outside training, example by example', () => {
    const y = layer.apply(state, x, newPass(false));
    const { mean, variance, offset, scale } = {
      mean: state['n/mean']!,
      variance: state['n/variance']!,
      offset: state['n/offset']!,
      scale: state['n/scale']!,
    };
    expect(
      apart(
        y,
        tf.batchNorm(
          x,
          mean as tf.Tensor1D,
          variance as tf.Tensor1D,
          offset as tf.Tensor1D,
          scale as tf.Tensor1D,
          1e-5,
        ),
      ),
    ).toBeLessThan(1e-5);
    const alone = layer.apply(state, tf.slice(x, 0, 1), newPass(false));
    expect(apart(alone, tf.slice(y, 0, 1))).toBe(0);
  });

  it('has the gradient of tf.batchNorm composed with tf.moments', () => {
    const weights = values([5, 3, 4, 2], 9);
    const ours = tf.grad((input: tf.Tensor) =>
      tf.sum(tf.mul(weights, layer.apply(state, input, newPass(true)))),
    )(x);
    const theirs = tf.grad((input: tf.Tensor) => {
      const { mean, variance } = tf.moments(input, [0, 1, 2]);
      const y = tf.batchNorm(
        input,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        state['n/offset'] as tf.Tensor1D,
        state['n/scale'] as tf.Tensor1D,
        1e-5,
      );
      return tf.sum(tf.mul(weights, y));
    })(x);
    expect(apart(ours, theirs)).toBeLessThan(1e-5);
  });

  it('keeps nine tenths of the old running statistics and a tenth of the mean over the passes', () => {
    const passes = [{ 'n/mean': tf.tensor1d([1, 2]) }, { 'n/mean': tf.tensor1d([3, 6]) }];
    const next = runningMoments({ 'n/mean': tf.tensor1d([10, 20]) }, passes);
    const got = next['n/mean']!.dataSync();
    expect(got[0]).toBeCloseTo(0.9 * 10 + 0.1 * 2, 5);
    expect(got[1]).toBeCloseTo(0.9 * 20 + 0.1 * 4, 5);
    expect(runningMoments({}, [])).toEqual({});
  });
});

describe('virtual batch normalisation', () => {
  const { layer, state } = stateOf('virtual', 2);
  const reference = values([6, 3, 2], 5); // [reference, positions, channels]
  const x = values([4, 3, 2], 0);

  /** y of one example and channel, by the definition, in plain numbers. */
  function byHand(example: number, channel: number): number[] {
    const [fixed, own] = [reference.arraySync() as number[][][], (x.arraySync() as number[][][])[example]!];
    const size = fixed.length;
    const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    const [all, mine] = [
      fixed.flatMap((rows) => rows.map((row) => row[channel]!)),
      own.map((row) => row[channel]!),
    ];
    const blend = (f: (v: number) => number) => (size * mean(all.map(f)) + mean(mine.map(f))) / (size + 1);
    const centre = blend((v) => v);
    const deviation = Math.sqrt(blend((v) => v * v) - centre * centre + 1e-5);
    const [scale, offset] = [state['n/scale']!.dataSync()[channel]!, state['n/offset']!.dataSync()[channel]!];
    return mine.map((v) => ((v - centre) / deviation) * scale + offset);
  }

  function normalised(input: tf.Tensor): tf.Tensor {
    const moments: NamedTensors = {};
    layer.apply(state, reference, { ...newPass(true), reference: { size: 6, moments, recording: true } });
    return layer.apply(state, input, { ...newPass(true), reference: { size: 6, moments, recording: false } });
  }

  it('normalises each example by the reference batch and itself', () => {
    const y = normalised(x).arraySync() as number[][][];
    for (const example of [0, 3]) {
      for (const channel of [0, 1]) {
        const expected = byHand(example, channel);
        // float32 against float64, with a difference of squares in the variance.
        for (const [i, row] of y[example]!.entries()) expect(row[channel]).toBeCloseTo(expected[i]!, 4);
      }
    }
  });

  it('does not depend on the other examples of the batch', () => {
    expect(apart(normalised(tf.slice(x, 2, 1)), tf.slice(normalised(x), 2, 1))).toBe(0);
  });

  it('says so when there is no reference batch', () => {
    expect(() => layer.apply(state, x, newPass(true))).toThrow(/layer 'n'.*reference batch/);
  });
});

/** Every value less the mean of the values of its group, over their deviation; then scale and offset of its channel. */
function standardisedBy(groupOf: (i: number) => number, width: number) {
  return ({ x, state }: Given): number[] => {
    const groups = new Map<number, number[]>();
    for (const [i, value] of x.entries()) groups.set(groupOf(i), [...(groups.get(groupOf(i)) ?? []), value]);
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    return x.map((value, i) => {
      const own = groups.get(groupOf(i))!;
      const centre = mean(own);
      const variance = mean(own.map((v) => (v - centre) ** 2));
      const channel = i % width;
      return (
        ((value - centre) / Math.sqrt(variance + 1e-5)) * state['n/scale']![channel]! +
        state['n/offset']![channel]!
      );
    });
  };
}

describe('normalisations, from their definitions in plain loops', () => {
  const shape = [2, 3, 2, 4]; // [batch, h, w, channels]: 24 values an example
  it.each([
    ['layer: the channels of a position', layerNorm('n', 4), (i: number) => Math.floor(i / 4)],
    [
      'group: half of the channels of an example',
      groupNorm('n', 4, 2),
      (i: number) => 2 * Math.floor(i / 24) + Math.floor((i % 4) / 2),
    ],
    ['one group: all of an example', groupNorm('n', 4, 1), (i: number) => Math.floor(i / 24)],
    [
      'instance: a channel of an example',
      instanceNorm('n', 4),
      (i: number) => 4 * Math.floor(i / 24) + (i % 4),
    ],
  ])('%s', (_, module, groupOf) => expectModule({ module, shape, reference: standardisedBy(groupOf, 4) }));

  it('batch, in training: a channel of the whole batch', () =>
    expectModule({
      module: batchNorm('n', 4),
      shape,
      training: true,
      reference: standardisedBy((i) => i % 4, 4),
    }));

  it('batch, outside training: by the running statistics, which are no parameters', () => {
    const module = batchNorm('n', 2);
    expect(Object.keys(ofKind(module.specs, 'statistic'))).toEqual(['n/mean', 'n/variance']);
    return expectModule({
      module,
      shape: [3, 2],
      reference: ({ x, state }) =>
        x.map((value, i) => {
          const at = (name: string) => state[`n/${name}`]![i % 2]!;
          return ((value - at('mean')) / Math.sqrt(at('variance') + 1e-5)) * at('scale') + at('offset');
        }),
    });
  });

  it('group, of rows without positions', () =>
    expectModule({
      module: groupNorm('n', 4, 2),
      shape: [3, 4],
      reference: standardisedBy((i) => Math.floor(i / 2), 4),
    }));

  it('refuses groups that do not divide the channels', () => {
    expect(() => groupNorm('n', 4, 3)).toThrow(/layer 'n': 3 groups do not divide 4 channels/);
  });
});
