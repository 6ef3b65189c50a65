import { tf } from '@generatrix/export';
import type { HostTensor } from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { firstExamples, tinyImages } from '../../testing/tiny-data.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const images = tinyImages(8, [4, 5, 1]);
const network = { filters: [4, 6], heads: 2, groups: 2, embedding: 8, sampleSteps: 5 };

describe.each([
  ['flowmatching', network],
  ['ddpm', { ...network, eta: 0.5, timesteps: 20 }],
])('%s', (family, options) => {
  it('completes images: what is known comes back to the bit, the rest is drawn to go with it', async () => {
    const { model, state } = await stirredModel(family, options, images);
    const sampler = await exportedSampler(model, state, images);
    const data = await firstExamples(images, 3);
    const rowsOf = ({ data: values }: HostTensor, from: number, to: number) =>
      [0, 1, 2].flatMap((i) => [...values.slice((i * 4 + from) * 5, (i * 4 + to) * 5)]);
    const request = { data, seed: 4 };
    const half = (await sampler.complete({ ...request, known: 2 })).data;
    expect(rowsOf(half, 0, 2)).toEqual(rowsOf(data, 0, 2));
    // Nothing known is a sample, by the same noise.
    const free = (await sampler.sample({ count: 3, seed: 4 })).data;
    expect((await sampler.complete({ ...request, known: 0 })).data).toEqual(free);
    expect(rowsOf(half, 2, 4)).not.toEqual(rowsOf(free, 2, 4));
    expect((await sampler.complete({ ...request, known: 4 })).data).toEqual(data);
    // The steps may be dealt out otherwise, and be others.
    expect((await sampler.complete({ ...request, known: 2, stepsPerRun: 2 })).data).toEqual(half);
    expect((await sampler.complete({ ...request, known: 2, steps: 9 })).data).not.toEqual(half);
    await sampler.release();
  });

  it('tells while it draws where the sample would end', async () => {
    const { model, state } = await stirredModel(family, options, images);
    const sampler = await exportedSampler(model, state, images);
    const { data, outputs } = await sampler.sample({ count: 2, seed: 4 });
    expect(Object.keys(outputs).sort()).toEqual(['data', 'predicted']);
    expect(outputs.predicted!.shape).toEqual(data.shape);
    await sampler.release();
  });
});
