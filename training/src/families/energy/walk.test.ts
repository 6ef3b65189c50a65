import { tf } from '@generatrix/export';
import { hostTensor, type Sampler, type WalkPart, type WalkRequest } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import type { Model } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { expectUserError } from '../../testing/test-support.ts';
import { rbmNames } from './rbm/rbm-machine.ts';
import { allStates, ExactRbm } from './rbm/rbm-test-support.ts';

const [visible, hidden] = [6, 3];
const spec = { kind: 'image', shape: [2, 3, 1], range: [0, 1] } as const;
const images = floatDataset(
  { name: 'bits', split: 'train', spec, size: 64, labels: null, classNames: [] },
  Float32Array.from(allStates(visible).flat()),
);
const options = {
  rbm: { hidden, sampleSteps: 40 },
  dbm: { hidden: [3, 2], sampleSteps: 40 },
  gsn: { hidden: [5, 4], sampleSteps: 40 },
};
/** Of a chain that is not on examples. */
const belief = { hidden: [5, 4], sampleSteps: 40 };

/** Of the weights, so that units depend on each other. */
const strength = 6;

const open: Sampler[] = [];
async function samplerOf(model: Model, state: HostState): Promise<Sampler> {
  const sampler = await exportedSampler(model, state, images);
  open.push(sampler);
  return sampler;
}
beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterAll(async () => {
  for (const sampler of open) await sampler.release();
});

/** Where chains are after so many parts of a walk. */
async function after(sampler: Sampler, parts: number, request: WalkRequest): Promise<WalkPart> {
  let taken = 0;
  for await (const part of sampler.walk(request)) {
    taken += 1;
    if (taken === parts) return part;
  }
  throw new Error('a walk ended by itself');
}

describe('a walk', () => {
  const all = Object.entries({ ...options, dbn: belief });
  it.each(all)(
    'of %s is the chain that sampling runs, to the bit, also from its carries',
    async (family, own) => {
      const { model, state } = await stirredModel(family, own, images, strength);
      const sampler = await samplerOf(model, state);
      const request = { count: 5, seed: 3 };
      const { data } = await sampler.sample({ ...request, steps: 40 });
      expect((await after(sampler, 40, request)).data).toEqual(data);
      const half = await after(sampler, 17, request);
      expect(half.step).toBe(17);
      expect((await after(sampler, 23, { ...request, ...half })).data).toEqual(data);
    },
  );

  it.each(Object.entries(options))(
    'of %s starts at an example, and leaves what is held as it is',
    async (family, own) => {
      const { model, state } = await stirredModel(family, own, images, strength);
      const sampler = await samplerOf(model, state);
      const start = await images.gather([21]);
      const from = (seed: number) => after(sampler, 1, { count: 200, seed, start, scalars: { mean: 0 } });
      // After one step chains from an example are not where chains from another are.
      const means = async (example: number) => {
        const request = { count: 20, seed: 1, start: await images.gather([example]) };
        return [...(await after(sampler, 1, request)).data.data];
      };
      expect(await means(0)).not.toEqual(await means(63));
      expect((await from(1)).step).toBe(2);
      const mask = Uint8Array.from([1, 1, 0, 0, 0, 1]);
      const held = { data: start, mask };
      for (const scalars of [{ mean: 0 }, { mean: 1 }]) {
        const { data, carries } = await after(sampler, 10, { count: 7, seed: 4, start, held, scalars });
        for (let chain = 0; chain < 7; chain++) {
          for (const [j, kept] of mask.entries()) {
            if (kept === 0) continue;
            expect(data.data[chain * visible + j]).toBe(start.data[j]);
            const width = carries.values!.data.length / 7;
            expect(carries.values!.data[chain * width + j]).toBe(start.data[j]);
          }
        }
      }
    },
  );
});

describe('the chain of a restricted Boltzmann machine, against sums over all its states', () => {
  /** Shares of all states among chains after so many steps. */
  async function sharesAfter(sampler: Sampler, parts: number, request: WalkRequest): Promise<number[]> {
    const { data } = await after(sampler, parts, { ...request, scalars: { mean: 0, ...request.scalars } });
    const shares = new Array<number>(2 ** visible).fill(0);
    for (let n = 0; n < request.count; n++) {
      let state = 0;
      for (let j = 0; j < visible; j++) state += data.data[n * visible + j]! * 2 ** j;
      shares[state]! += 1 / request.count;
    }
    return shares;
  }
  const count = 6000;
  const expectShares = (found: readonly number[], exact: readonly number[]) => {
    for (const [s, p] of exact.entries()) {
      expect(Math.abs(found[s]! - p), `state ${s}`).toBeLessThan(
        4.5 * Math.sqrt((p * (1 - p)) / count) + 1e-4,
      );
    }
  };

  it('at a temperature is that of exp(-E / T)', async () => {
    const { model, state } = await stirredModel('rbm', options.rbm, images, strength);
    const sampler = await samplerOf(model, state);
    const halved = Object.fromEntries(
      Object.values(rbmNames).map((name) => {
        const { shape, data } = state[name]!;
        return [
          name,
          hostTensor(
            'float32',
            shape,
            Float32Array.from(data, (x) => x / 2),
          ),
        ];
      }),
    );
    const request = { count, seed: 5 };
    const [warm, plain] = [new ExactRbm(halved).probabilities, new ExactRbm(state).probabilities];
    // The test can tell the two apart.
    expect(Math.max(...warm.map((p, s) => Math.abs(p - plain[s]!)))).toBeGreaterThan(0.02);
    expectShares(await sharesAfter(sampler, 60, { ...request, scalars: { temperature: 2 } }), warm);
    expectShares(await sharesAfter(sampler, 60, request), plain);
  });

  it('with values held is the conditional distribution of the others', async () => {
    const { model, state } = await stirredModel('rbm', options.rbm, images, strength);
    const sampler = await samplerOf(model, state);
    const held = { data: await images.gather([0b000101]), mask: Uint8Array.from([1, 0, 1, 0, 0, 1]) };
    const exact = new ExactRbm(state).probabilities.map((p, s) => ((s & 0b100101) === 0b000101 ? p : 0));
    const total = exact.reduce((sum, p) => sum + p, 0);
    const found = await sharesAfter(sampler, 60, { count, seed: 6, held });
    expectShares(
      found,
      exact.map((p) => p / total),
    );
  });
});

describe('a walk that makes no sense', () => {
  it('is refused in one line', async () => {
    const { model, state } = await stirredModel('rbm', options.rbm, images, strength);
    const sampler = await samplerOf(model, state);
    const one = { count: 1, seed: 1 };
    const data = await images.gather([0]);
    await expectUserError(
      after(sampler, 1, { ...one, step: 3 }),
      /^walk: step 3 needs the carries of the step before it/,
    );
    await expectUserError(
      after(sampler, 1, { ...one, start: hostTensor('float32', [2, 2, 3, 1], new Float32Array(12)) }),
      /^walk: start: expected float32 \[1,2,3,1\]/,
    );
    await expectUserError(
      after(sampler, 1, { ...one, held: { data, mask: new Uint8Array(5) } }),
      /^walk: held mask: expected 6 values, got 5/,
    );
    await expectUserError(
      after(sampler, 1, { ...one, scalars: { temperature: 0 } }),
      /temperature': expected a number from 0\.1/,
    );
    const upper = await stirredModel('dbn', belief, images);
    await expectUserError(
      after(await samplerOf(upper.model, upper.state), 1, { ...one, start: data }),
      /^walk: the chain of test is not on examples/,
    );
    const { model: other, state: otherState } = await stirredModel('made', {}, images);
    await expectUserError(after(await samplerOf(other, otherState), 1, one), /has no Markov chain to follow/);
  });
});
