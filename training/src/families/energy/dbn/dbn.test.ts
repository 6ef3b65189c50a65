import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, type Sampler, stepInputs } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../../data/dataset.ts';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { HostState } from '../../../model/state.ts';
import { exportedSampler } from '../../../testing/sampler-test-support.ts';
import { describeData } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { allStates } from '../rbm/rbm-test-support.ts';
import { dbnNames } from './dbn-machine.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const shape = [2, 2, 1] as const;
const visible = 4;
const states = allStates(visible);
const imagesOf = (rows: readonly (readonly number[])[]) =>
  floatDataset(
    {
      ...{ name: 'bits', split: 'train', spec: { kind: 'image', shape, range: [0, 1] } },
      ...{ size: rows.length, labels: null, classNames: [] },
    },
    Float32Array.from(rows.flat()),
  );
const images = imagesOf(states);

function modelOf(hidden: readonly number[], options: Record<string, unknown> = {}) {
  const all = { hidden, sampleSteps: 100, temperatures: 300, ...options };
  return buildModel(familyNamed('dbn'), all, describeData(images), { optimizer: 'adam' }, 100).model;
}

/** Parameters of some strength. */
function strong(start: HostState): HostState {
  return Object.fromEntries(
    Object.entries(start).map(([name, { shape, data }]) => {
      const turn = 1.3 + name.length / 7 + Number(name.at(-1)) / 3;
      const values = Array.from(data, (x, i) =>
        /^(weights|bias|recognition)\/\d$/.test(name) ? 1.4 * Math.sin(turn * i + 1) : x,
      );
      return [name, hostTensor('float32', shape, values)];
    }),
  );
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const bernoulli = (bits: readonly number[], p: readonly number[]) =>
  bits.reduce((product, bit, i) => product * (bit === 1 ? p[i]! : 1 - p[i]!), 1);

/** Sums over all states of all layers, in doubles, from the definition of the network. */
function exactly(state: HostState, hidden: readonly number[]) {
  const widths = [visible, ...hidden];
  const top = hidden.length;
  const list = (name: string) => Array.from(state[name]!.data);
  const up = (layer: number, x: readonly number[], bias: readonly number[]) => {
    const w = list(dbnNames.weights(layer));
    return bias.map((b, j) => b + x.reduce((sum, xi, i) => sum + xi * w[i * bias.length + j]!, 0));
  };
  const down = (layer: number, h: readonly number[]) => {
    const w = list(dbnNames.weights(layer));
    return list(dbnNames.bias(layer - 1)).map((b, i) =>
      sigmoid(b + h.reduce((sum, hj, j) => sum + hj * w[i * h.length + j]!, 0)),
    );
  };
  const side = allStates(widths[top - 1]!);
  const unnormalised = side.map((x) => {
    const own = list(dbnNames.bias(top - 1)).reduce((sum, b, i) => sum + b * x[i]!, 0);
    const inputs = up(top, x, list(dbnNames.bias(top)));
    return Math.exp(own) * inputs.reduce((product, input) => product * (1 + Math.exp(input)), 1);
  });
  const z = unnormalised.reduce((sum, x) => sum + x, 0);
  /** p of each state of a layer, from the one above it. */
  let probabilities = unnormalised.map((x) => x / z);
  for (let layer = top - 1; layer >= 1; layer--) {
    const above = allStates(widths[layer]!);
    const means = above.map((h) => down(layer, h));
    probabilities = allStates(widths[layer - 1]!).map((x) =>
      above.reduce((sum, _, n) => sum + probabilities[n]! * bernoulli(x, means[n]!), 0),
    );
  }
  /** E_q[log p(x, layers) - log q] + log Z. */
  const bound = (x: readonly number[], layer = 1): number => {
    if (layer === top) return Math.log(unnormalised[side.findIndex((s) => String(s) === String(x))]!);
    const q = up(layer, x, list(dbnNames.recognition(layer))).map(sigmoid);
    return allStates(widths[layer]!).reduce((sum, h) => {
      const share = bernoulli(h, q);
      return sum + share * (Math.log(bernoulli(x, down(layer, h))) - Math.log(share) + bound(h, layer + 1));
    }, 0);
  };
  return { logZ: Math.log(z), probabilities, bound };
}

/** Shares of the states among binary images. */
function sharesOf(data: ArrayLike<number>): number[] {
  const found = states.map(() => 0);
  for (let n = 0; n < data.length; n += visible) {
    let state = 0;
    for (let i = 0; i < visible; i++) state += data[n + i]! * 2 ** i;
    found[state]! += visible / data.length;
  }
  return found;
}

describe.each([[[3, 2]], [[3, 3, 2]]])('a belief network of few units, %j', (hidden) => {
  const model = modelOf(hidden);
  let state: HostState;
  let exact: ReturnType<typeof exactly>;
  const withSampler = async (use: (sampler: Sampler) => Promise<void>) => {
    const sampler = await exportedSampler(model, state, images);
    await use(sampler);
    await sampler.release();
  };
  beforeAll(async () => {
    state = strong(await model.initialise!(initialState(model, 1), images, 1));
    exact = exactly(state, hidden);
  });

  it('has a bound of log p that is one, and weights whose mean is p Z; anneals to the Z of its top', async () => {
    expect(exact.probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 10);
    await withSampler(async (sampler) => {
      const draws = 4000;
      for (const s of [0, 5, 11, 15]) {
        const data = hostTensor(
          'float32',
          [draws, ...shape],
          Array.from({ length: draws }, () => states[s]!).flat(),
        );
        const sources = { seed: 3, firstIndex: 0, count: draws, data };
        const { freeEnergy } = await sampler.run('variationalFreeEnergy', sources, { batchSize: draws });
        const values = Array.from(freeEnergy!.data, (energy) => -energy);
        const check = (found: readonly number[], expected: number) => {
          const mean = found.reduce((sum, x) => sum + x, 0) / draws;
          const variance = found.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws;
          expect(Math.abs(mean - expected), `state ${s}`).toBeLessThan(4 * Math.sqrt(variance / draws));
        };
        const bound = exact.bound(states[s]!);
        check(values, bound);
        expect(bound - exact.logZ).toBeLessThan(Math.log(exact.probabilities[s]!));
        check(
          values.map((x) => Math.exp(x - exact.logZ)),
          exact.probabilities[s]!,
        );
      }
      const estimates = await Promise.all(
        Array.from({ length: 20 }, (_, seed) => sampler.logPartition({ seed: seed + 1, chains: 40 })),
      );
      const inside = estimates.filter(({ interval: [low, high] }) => low <= exact.logZ && exact.logZ <= high);
      expect(inside.length).toBeGreaterThanOrEqual(19);
    });
  });

  it('draws by its probabilities, and completes by the conditional ones', async () => {
    await withSampler(async (sampler) => {
      const count = 6000;
      const expectShares = (found: readonly number[], expected: readonly number[]) => {
        for (const [s, p] of expected.entries())
          expect(Math.abs(found[s]! - p), `state ${s}`).toBeLessThan(
            4.5 * Math.sqrt((p * (1 - p)) / count) + 1e-4,
          );
      };
      const { data } = await sampler.sample({ count, seed: 2, batchSize: 2000, draw: 'sample' });
      expectShares(sharesOf(data.data), exact.probabilities);
      // The first row is [1, 0]: states of the bits 1 and 0 at the places 0 and 1.
      const given = hostTensor(
        'float32',
        [count, ...shape],
        Array.from({ length: count }, () => [1, 0, 0.3, 0.7]).flat(),
      );
      const completed = await sampler.complete({
        ...{ data: given, known: 1, seed: 3, batchSize: 2000, steps: 60, draw: 'sample' },
      });
      const fits = states.map(([a, b]) => a === 1 && b === 0);
      const total = exact.probabilities.reduce((sum, p, s) => sum + (fits[s] ? p : 0), 0);
      expectShares(
        sharesOf(completed.data.data),
        exact.probabilities.map((p, s) => (fits[s] ? p / total : 0)),
      );
    });
  });
});

it('takes few steps of a completion in a call: each holds noise and, run eagerly, tensors of a loop through all units', () => {
  expect(modelOf([3, 2]).programs.complete!.signature.chain).toMatchObject({ steps: 50, stepsPerCall: 2 });
});

it('learns the probabilities of pairs of units that agree, layer after layer', async () => {
  const pairs = [0, 0, 0, 0, 1, 2, 3, 3, 3, 3].map((pair) => [pair >> 1, pair & 1]);
  const rows = Array.from({ length: 1000 }, (_, n) => {
    const [[a, b], [c, d]] = [pairs[n % 10]!, pairs[Math.floor(n / 10) % 10]!] as [number[], number[]];
    return [a!, c!, b!, d!];
  });
  const data = imagesOf(rows);
  const hidden = [4, 6];
  const options = { hidden, pretraining: 1000, gibbs: 3 };
  const { model } = buildModel(familyNamed('dbn'), options, describeData(data), { optimizer: 'adam' }, 100);
  const counts = sharesOf(rows.flat());
  const divergence = (state: HostState) => {
    const { probabilities } = exactly(state, hidden);
    return counts.reduce(
      (sum, share, s) => sum + (share > 0 ? share * Math.log(share / probabilities[s]!) : 0),
      0,
    );
  };
  let state = await model.initialise!(initialState(model, 1), data, 1);
  const atStart = divergence(state);
  const plan = batchPlan('shuffled', data.size, 100, 1);
  for (const [phase, steps] of [1000, 1500].entries()) {
    const own = { ...model, step: model.phases![phase]!.step };
    const trainer = await onnxEngine('cpu').prepare(own, { batchSize: 100, dataShape: shape });
    await trainer.setState(state);
    for (let at = 0; at < steps; at++) {
      const key = { seed: phase, step: at, learningRate: 0.03 * (1 - at / steps) };
      await trainer.step(await stepInputs(own, data, plan(at), key));
    }
    state = await trainer.getState();
    await trainer.release();
  }
  // From that of independent units, 2 (log 2 - 0.500): two pairs whose units agree with the probability 0.8.
  expect(atStart).toBeGreaterThan(0.35);
  expect(divergence(state)).toBeLessThan(0.05);
});
