import { referenceInputs, tf } from '@generatrix/export';
import {
  fillInputs,
  fillNoise,
  hostTensor,
  type RunProgram,
  runChain,
  type Sampler,
  type StreamPart,
  sizeOf,
} from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../data/dataset.ts';
import type { Model } from '../model/model.ts';
import { exportedSampler } from '../testing/sampler-test-support.ts';
import { expectUserError } from '../testing/test-support.ts';
import { chainProgram } from './chain.ts';

const points = floatDataset(
  {
    ...{ name: 'points', split: 'train', spec: { kind: 'points', shape: [2] } },
    ...{ size: 2, labels: null, classNames: [] },
  },
  new Float32Array([0, 1, 1, 0]),
);

/** Deviations of the two coordinates of exp(-E), E(x) = sum of x_i^2 / (2 s_i^2), and where the chain starts. */
const deviations = [0.5, 2];
const startDeviation = 3;

/** Step size of Langevin dynamics, falling in a line over the chain. */
const rate = (index: number, steps: number) => 0.02 + 0.08 * (1 - index / steps);

/** Annealed Langevin dynamics on that energy: x - rate E'(x) + sqrt(2 rate) n (Neal 2011, section 5.2). */
function langevin(steps: number, stepsPerCall: number): Model {
  const variances = () => tf.tensor1d(deviations.map((s) => s * s));
  return {
    state: {},
    step: { noise: {}, run: ({ state }) => ({ state, metrics: {} }) },
    batching: 'shuffled',
    programs: {
      advance: chainProgram({
        steps,
        stepsPerCall,
        carries: { position: [2] },
        noise: { kick: { distribution: 'normal', shape: [2] } },
        outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
        start: (_, { noise }) => ({ position: tf.mul(startDeviation, noise.kick!) }),
        step: (_, { position }, { index, noise }) => {
          const size = tf.add(0.02, tf.mul(0.08, tf.sub(1, tf.div(index, steps))));
          const slope = tf.div(position!, variances());
          const kick = tf.mul(tf.sqrt(tf.mul(2, size)), noise.kick!);
          return { position: tf.add(tf.sub(position!, tf.mul(size, slope)), kick) };
        },
        finish: (_, { position }) => ({ data: position! }),
      }),
    },
  };
}

const open: Sampler[] = [];
async function samplerOf(steps: number, stepsPerCall: number): Promise<Sampler> {
  const sampler = await exportedSampler(langevin(steps, stepsPerCall), {}, points);
  open.push(sampler);
  return sampler;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterAll(async () => {
  for (const sampler of open) await sampler.release();
});

describe('a chain that is drawn in runs', () => {
  it('gives the same bits however its steps are dealt out, with every batch size, alone or among others', async () => {
    const steps = 250;
    const hundred = await samplerOf(steps, 100);
    const { data } = await hundred.sample({ count: 5, seed: 3 });
    for (const request of [{ stepsPerRun: 1 }, { stepsPerRun: 7 }, { stepsPerRun: 99 }, { batchSize: 2 }]) {
      expect((await hundred.sample({ count: 5, seed: 3, ...request })).data).toEqual(data);
    }
    for (const stepsPerCall of [1, 7, 250, 400]) {
      expect((await (await samplerOf(steps, stepsPerCall)).sample({ count: 5, seed: 3 })).data).toEqual(data);
    }
    const alone = await hundred.sample({ count: 1, seed: 3, firstIndex: 3 });
    expect([...alone.data.data]).toEqual([...data.data.slice(6, 8)]);
    expect((await hundred.sample({ count: 5, seed: 4 })).data).not.toEqual(data);
  });

  it('takes the steps that a loop in doubles takes on the same noise', async () => {
    const steps = 120;
    const count = 3;
    const sampler = await samplerOf(steps, 50);
    const { data } = await sampler.sample({ count, seed: 8 });
    const shape = [steps, 2];
    const noise = fillNoise({
      ...{ distribution: 'normal', seed: 8, stream: 'sample/kick', firstIndex: 0, count, shape },
    });
    const expected = Array.from({ length: count * 2 }, (_, k) => {
      const [sample, axis] = [Math.floor(k / 2), k % 2];
      const kick = (index: number) => noise[(sample * steps + index) * 2 + axis]!;
      let x = startDeviation * kick(0);
      for (let index = 1; index < steps; index++) {
        const size = rate(index, steps);
        x += (-size * x) / deviations[axis]! ** 2 + Math.sqrt(2 * size) * kick(index);
      }
      return x;
    });
    for (const [k, value] of expected.entries()) expect(data.data[k]).toBeCloseTo(value, 4);
  });

  it('has the variance after 10,000 steps that its recursion has, next to that of the energy', async () => {
    const [steps, count] = [10_000, 1000];
    const sampler = await samplerOf(steps, 500);
    const { data } = await sampler.sample({ count, seed: 5, batchSize: count });
    for (const [axis, s] of deviations.entries()) {
      // Each coordinate is autoregressive: var' = (1 - rate / s^2)^2 var + 2 rate.
      let variance = startDeviation ** 2;
      for (let index = 1; index < steps; index++) {
        const size = rate(index, steps);
        variance = (1 - size / s ** 2) ** 2 * variance + 2 * size;
      }
      expect(Math.abs(variance / s ** 2 - 1)).toBeLessThan(0.05);
      const values = Array.from({ length: count }, (_, i) => data.data[2 * i + axis]!);
      const found = values.reduce((sum, x) => sum + x * x, 0) / count;
      // The square of a normal number has the relative deviation sqrt(2); four standard errors.
      expect(Math.abs(found / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    }
  });

  it('holds the noise of one run at a time, whatever the length of the chain', async () => {
    const largest = async (steps: number) => {
      const { signature } = langevin(steps, 20).programs.advance!;
      let [bytes, runs] = [0, 0];
      const run: RunProgram = async (name, sources) => {
        const inputs = fillInputs(name, signature.inputs, sources);
        bytes = Math.max(
          bytes,
          Object.values(inputs).reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0),
        );
        runs++;
        const position = hostTensor('float32', [sources.count, 2], new Float32Array(2 * sources.count));
        return { 'next/position': position, data: position };
      };
      const sources = { seed: 1, firstIndex: 0, count: 100 };
      const outputs = await runChain({ program: () => signature, run }, 'advance', sources, {
        batchSize: 10,
      });
      expect(Object.keys(outputs)).toEqual(['data']);
      return { bytes, runs };
    };
    // Ten samples: the noise of 20 steps and the carry, two numbers each; and the two scalars.
    expect(await largest(100)).toEqual({ bytes: 4 * (10 * (20 * 2 + 2) + 2), runs: 10 * 5 });
    expect(await largest(10_000)).toEqual({ bytes: 4 * (10 * (20 * 2 + 2) + 2), runs: 10 * 500 });
  });

  it('can be watched: parts are the samples after more and more steps, the last to the bit what sample gives', async () => {
    const sampler = await samplerOf(250, 20);
    const request = { count: 3, seed: 6 };
    const { data } = await sampler.sample(request);
    const watch = async (given: object) => {
      const parts: StreamPart[] = [];
      for await (const part of sampler.stream({ ...request, ...given })) parts.push(part);
      return parts;
    };
    for (const [given, chunks] of [
      [{}, 84],
      [{ stepsPerRun: 20 }, 13],
      [{ batchSize: 2, stepsPerRun: 7 }, 36],
    ] as const) {
      const parts = await watch(given);
      expect(parts.map(({ index }) => index)).toEqual(Array.from({ length: chunks }, (_, i) => i));
      expect(parts.every((part) => part.chunks === chunks && part.start === 0)).toBe(true);
      expect(parts.at(-1)!.data).toEqual(data);
      expect(parts.at(-1)!.outputs).toEqual({});
      expect(parts.at(-2)!.data).not.toEqual(data);
    }
    const given = { data, known: 1 };
    await expectUserError(watch({ given }), /draws its samples whole: it continues no examples/);
    await expectUserError(watch({ stepsPerRun: 21 }), /^stepsPerRun: expected a whole number from 1 to 20/);
    await expectUserError(watch({ to: 3 }), /^program advance: to: which steps/);
  });

  it.each([
    [1, 1],
    [2, 0],
    [20, 0],
  ])(
    'with %s steps a call is compared in runtimes by a step that moves, from step %s on',
    (stepsPerCall, from) => {
      const { signature } = langevin(40, stepsPerCall).programs.advance!;
      const inputs = referenceInputs('advance', signature, hostTensor('float32', [1, 2], [0, 1]), 1);
      expect([inputs.from!.data[0], inputs.to!.data[0]]).toEqual([from, 2]);
    },
  );

  it('counts samples for who watches, stops between two runs, and refuses what makes no sense', async () => {
    const sampler = await samplerOf(60, 20);
    const done: number[] = [];
    await sampler.sample({ count: 5, seed: 1, batchSize: 2, onBatch: (n) => void done.push(n) });
    expect(done).toEqual([2, 4, 5]);
    const steps: string[] = [];
    const onSteps = (taken: number, of: number) => void steps.push(`${taken}/${of}`);
    await sampler.sample({ count: 3, seed: 1, batchSize: 2, stepsPerRun: 20, onSteps });
    expect(steps).toEqual(['20/120', '40/120', '60/120', '80/120', '100/120', '120/120']);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(sampler.sample({ count: 1, seed: 1, signal })).rejects.toThrow('enough');
    await expectUserError(
      sampler.sample({ count: 1, stepsPerRun: 21 }),
      /^stepsPerRun: expected a whole number from 1 to 20, got 21/,
    );
    await expectUserError(sampler.sample({ count: 1, from: 3 }), /^program advance: from: which steps/);
  });
});
