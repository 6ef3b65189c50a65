import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialState } from '../engine/initial-state.ts';
import { traceStep } from '../engine/step-program.ts';
import { toTensor } from '../engine/tfjs-engine.ts';
import type { Model } from '../model/model.ts';
import { asKind } from '../model/state.ts';
import { settleTraining, type TrainingOptions } from '../model/training-options.ts';
import { type GradientModel, gradientModel } from './gradient-model.ts';

beforeAll(() => tf.setBackend('cpu'));

/** Mean of (x k + b - 1)^2 over the batch; reports the steps done, and measures the mean of x. */
const regression: GradientModel = {
  parameters: { 'map/kernel': { shape: [2, 1], initial: 0.5 }, 'map/bias': { shape: [1], initial: 0.25 } },
  state: asKind('statistic', { seen: { shape: [2], initial: 0 } }),
  loss: (state, { data, step }) => {
    const y = tf.add(tf.matMul(data as tf.Tensor2D, state['map/kernel'] as tf.Tensor2D), state['map/bias']!);
    return {
      loss: tf.mean(tf.square(tf.sub(y, 1))),
      metrics: { steps: step },
      statistics: { seen: tf.mean(data, 0) },
    };
  },
  programs: {
    weights: {
      signature: { inputs: {}, outputs: { kernel: { dtype: 'float32', shape: [1], meaning: 'other' } } },
      run: (state) => ({ kernel: state['map/kernel']! }),
    },
  },
};

const composed = (training: TrainingOptions, declared: GradientModel = regression): Model =>
  gradientModel(declared).compose(settleTraining({}, training));

const rows = (step: number) =>
  Array.from({ length: 6 }, (_, i) => [Math.sin(3 * i + step), Math.cos(2 * i - step)]);

/** The states before and after each of some steps, and what they reported. */
async function course(model: Model, steps: number, rate = 0.1) {
  const fresh = initialState(model, 1);
  const dataset = {} as Parameters<NonNullable<Model['initialise']>>[1];
  const begun = (await model.initialise?.(fresh, dataset, 1)) ?? fresh;
  let state: NamedTensors = Object.fromEntries(Object.entries(begun).map(([name, x]) => [name, toTensor(x)]));
  const states = [state];
  const metrics: NamedTensors[] = [];
  for (let step = 0; step < steps; step++) {
    const result = model.step.run({
      state,
      data: tf.tensor2d(rows(step)),
      label: tf.zeros([6], 'int32'),
      weight: tf.ones([6]),
      noise: {},
      conditions: {},
      learningRate: tf.scalar(rate),
      epochEnd: tf.scalar(0),
    });
    expect(Object.keys(result.state).toSorted()).toEqual(Object.keys(model.state).toSorted());
    state = result.state;
    states.push(state);
    metrics.push(result.metrics);
  }
  return { states, metrics };
}

const values = (x: tf.Tensor | undefined) => [...x!.dataSync()];

/** The gradient of the regression's loss in doubles. */
function gradient(k: readonly number[], b: number, step: number) {
  const sum = [0, 0, 0];
  for (const [x, y] of rows(step)) {
    const off = (2 * (x! * k[0]! + y! * k[1]! + b - 1)) / 6;
    for (const [i, factor] of [x!, y!, 1].entries()) sum[i] = sum[i]! + off * factor;
  }
  return sum;
}

/** Steps of plain descent in doubles, each gradient changed by a rule, kernels decaying. */
function descent(steps: number, rate: number, change: (g: number[]) => number[], decay = 0): number[][] {
  let w = [0.5, 0.5, 0.25];
  return Array.from({ length: steps }, (_, step) => {
    const g = change(gradient(w.slice(0, 2), w[2]!, step));
    w = w.map((value, i) => value - rate * g[i]! - (i < 2 ? rate * decay * value : 0));
    return w;
  });
}

function expectPath(states: readonly NamedTensors[], expected: readonly number[][]) {
  for (const [step, w] of expected.entries()) {
    const found = [...values(states[step + 1]!['map/kernel']), ...values(states[step + 1]!['map/bias'])];
    for (const [i, value] of found.entries()) expect(value, `step ${step}`).toBeCloseTo(w[i]!, 5);
  }
}

const plain: TrainingOptions = { optimizer: 'sgd', momentum: 0 };

describe('a composed step', () => {
  it('descends, hands statistics on, and tells the loss how many steps are done', async () => {
    const { states, metrics } = await course(composed(plain), 4);
    expectPath(
      states,
      descent(4, 0.1, (g) => g),
    );
    expect(metrics.map(({ steps }) => values(steps)[0])).toEqual([0, 1, 2, 3]);
    const mean = (axis: number) => rows(3).reduce((sum, row) => sum + row[axis]!, 0) / 6;
    for (const [axis, value] of values(states[4]!.seen).entries()) expect(value).toBeCloseTo(mean(axis), 6);
  });

  it('scales gradients that are too long, all of them as one, and says how long they were', async () => {
    const limit = 0.3;
    const lengths: number[] = [];
    const expected = descent(5, 0.1, (g) => {
      const length = Math.hypot(...g);
      lengths.push(length);
      return g.map((value) => value * Math.min(1, limit / length));
    });
    expect(Math.min(...lengths)).toBeLessThan(Math.max(...lengths));
    expect(Math.max(...lengths)).toBeGreaterThan(limit);
    const { states, metrics } = await course(composed({ ...plain, gradientClip: limit }), 5);
    expectPath(states, expected);
    for (const [i, each] of metrics.entries())
      expect(values(each.gradientNorm)[0]).toBeCloseTo(lengths[i]!, 5);
  });

  it('lets kernels decay apart from their gradients, and biases not', async () => {
    const { states } = await course(composed({ ...plain, weightDecay: 0.5 }), 5);
    expectPath(
      states,
      descent(5, 0.1, (g) => g, 0.5),
    );
    expect(composed({ optimizer: 'adamw' }).training!.weightDecay).toBe(0.01);
  });

  it.each([2, 3, 6])(
    'takes its gradient in %i parts, and gets that of the whole batch',
    async (accumulate) => {
      const whole = await course(composed({ ...plain, gradientClip: 0.3 }), 4);
      const parts = await course(composed({ ...plain, gradientClip: 0.3, accumulate }), 4);
      for (const [step, state] of whole.states.entries()) {
        for (const [name, x] of Object.entries(state)) {
          for (const [i, value] of values(x).entries())
            expect(values(parts.states[step]![name])[i], name).toBeCloseTo(value, 6);
        }
      }
      for (const [step, each] of whole.metrics.entries()) {
        for (const [name, x] of Object.entries(each))
          expect(values(parts.metrics[step]![name])[0], name).toBeCloseTo(values(x)[0]!, 6);
      }
    },
  );

  it('goes through parts in one loop of the compiled step', () => {
    const operators = (training: TrainingOptions) =>
      traceStep(composed(training), 6, [2]).nodes.map((node) => node.op);
    expect(operators({ ...plain, accumulate: 3 })).toContain('scan');
    expect(operators(plain)).not.toContain('scan');
  });

  it('refuses parts that do not divide the batch, with the batch that would', () => {
    expect(() => traceStep(composed({ accumulate: 4 }), 6, [2])).toThrow(
      '--batch-size 6: expected a multiple of --accumulate 4; give --batch-size 8',
    );
  });

  it('shows the running mean of the weights to programs, and begins it at the weights', async () => {
    const model = composed({ ...plain, ema: 0.6 });
    const { states } = await course(model, 6);
    expectPath(
      states,
      descent(6, 0.1, (g) => g),
    );
    let mean = [0.5, 0.5];
    const shown = (state: NamedTensors) => values(model.programs.weights!.run(state, {}).kernel);
    expect(shown(states[0]!)).toEqual(mean);
    for (const [n, w] of descent(6, 0.1, (g) => g).entries()) {
      // The old mean weighs n / (n + 10) at first, never more than the decay.
      const keep = Math.min(0.6, n / (n + 10));
      mean = mean.map((old, i) => keep * old + (1 - keep) * w[i]!);
      for (const [i, value] of shown(states[n + 1]!).entries()) expect(value).toBeCloseTo(mean[i]!, 5);
    }
  });
});

it('every tensor of the state says what it is', () => {
  const kinds = Object.entries(composed({ ema: 0.5 }).state).map(([name, { kind }]) => [name, kind]);
  expect(Object.fromEntries(kinds)).toEqual({
    ...{ 'map/kernel': 'parameter', 'map/bias': 'parameter', seen: 'statistic' },
    ...{ 'adam/count': 'slot', 'adam/mean/map/kernel': 'slot', 'adam/variance/map/kernel': 'slot' },
    ...{ 'adam/mean/map/bias': 'slot', 'adam/variance/map/bias': 'slot' },
    ...{ 'average/count': 'slot', 'average/map/kernel': 'slot', 'average/map/bias': 'slot' },
  });
});

it('a network may mark its own running statistics: no optimizer follows them', () => {
  const specs = { ...regression.parameters, seen: { shape: [2], initial: 0, kind: 'statistic' as const } };
  const { state: _, ...others } = regression;
  const model = composed({}, { ...others, parameters: specs });
  expect(model.state['adam/mean/seen']).toBeUndefined();
  expect(model.state.seen!.kind).toBe('statistic');
});

describe('players', () => {
  /** Two that pull at each other: x twice a step towards y, then y once away from x, half as fast, and never above 1. */
  const tug: GradientModel = {
    players: {
      y: {
        parameters: { y: { shape: [], initial: 0.9 } },
        rate: 0.5,
        constrain: ({ y }) => ({ y: tf.minimum(y!, 1) }),
      },
      x: { parameters: { x: { shape: [], initial: 0 } }, rate: ({ step }) => tf.add(1, step) },
    },
    turns: [
      ...[0, 1].map(() => ({
        players: ['x'],
        run: (state: NamedTensors, { updates }: { updates: NamedTensors }) => ({
          gradients: { x: { x: tf.sub(state.x!, state.y!) } },
          metrics: { loss: tf.squaredDifference(state.x!, state.y!), updates: updates.x! },
        }),
      })),
      {
        players: ['y'],
        run: (state) => ({
          gradients: { y: { y: tf.sub(state.x!, state.y!) } },
          metrics: { ahead: tf.sub(state.y!, state.x!) },
        }),
      },
    ],
    programs: {},
  };

  it('move in turns, each with its own rate, count and bounds', async () => {
    const { states, metrics } = await course(composed(plain, tug), 2, 0.2);
    let [x, y] = [0, 0.9];
    for (const step of [0, 1]) {
      for (let turn = 0; turn < 2; turn++) x -= 0.2 * (1 + step) * (x - y);
      const ahead = y - x;
      y = Math.min(1, y - 0.2 * 0.5 * (x - y));
      expect(values(states[step + 1]!.x)[0]).toBeCloseTo(x, 5);
      expect(values(states[step + 1]!.y)[0]).toBeCloseTo(y, 5);
      expect(values(metrics[step]!.ahead)[0]).toBeCloseTo(ahead, 5);
      // Of the last of its turns.
      expect(values(metrics[step]!.updates)[0]).toBe(2 * step + 1);
    }
    expect(y).toBeLessThanOrEqual(1);
    expect(values(states[2]!['sgd/x/count'])).toEqual([4]);
    expect(values(states[2]!['sgd/y/count'])).toEqual([2]);
  });

  it('are clipped each by itself', async () => {
    const { metrics } = await course(composed({ ...plain, gradientClip: 0.1 }, tug), 1);
    expect(values(metrics[0]!.yGradient)[0]).toBeGreaterThan(0.1);
    expect(values(metrics[0]!.xGradient)[0]).toBeGreaterThan(0.1);
  });
});

it('gradients that are no derivative are followed as they are', async () => {
  const declared: GradientModel = {
    parameters: { w: { shape: [1], initial: 1 } },
    gradients: (state) => ({
      metrics: { loss: tf.scalar(7), error: tf.sum(state.w!) },
      gradients: { w: tf.tensor1d([2]) },
    }),
    metrics: {
      loss: { direction: 'neither' },
      error: { direction: 'falls', meaning: 'error of the reconstruction' },
    },
    programs: {},
  };
  const model = composed(plain, declared);
  const { states, metrics } = await course(model, 3);
  expect(states.map(({ w }) => values(w)[0]!.toFixed(4))).toEqual(['1.0000', '0.8000', '0.6000', '0.4000']);
  expect(values(metrics[2]!.loss)).toEqual([7]);
  expect(model.metrics!.error!.direction).toBe('falls');
});

it('begins running means at weights that come from the data', async () => {
  const model = composed(
    { ema: 0.9 },
    {
      ...regression,
      initialise: (state) => ({ ...state, 'map/kernel': hostTensor('float32', [2, 1], [3, 4]) }),
    },
  );
  const { states } = await course(model, 0);
  expect(values(states[0]!['average/map/kernel'])).toEqual([3, 4]);
});
