import { tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { describeData, firstExamples, labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(() => tf.setBackend('cpu'));

const images = tinyImages(40, [4, 3, 1]);

async function samplerOf(options: Record<string, unknown>, dataset = images) {
  const { model, state } = await stirredModel('cvae', { latent: 2, hidden: [10], ...options }, dataset, 3);
  return exportedSampler(model, state, dataset);
}

describe('cvae', () => {
  it('keeps the rows that are known, and what it draws depends on them', async () => {
    const sampler = await samplerOf({ condition: 'rows' });
    const data = await firstExamples(images, 2);
    const bright = hostTensor('float32', [2, 4, 3, 1], new Float32Array(24).fill(1));
    const dark = hostTensor('float32', [2, 4, 3, 1], new Float32Array(24));
    const complete = async (given: typeof data, known: number) =>
      (await sampler.complete({ data: given, known, seed: 3 })).data;
    for (const known of [0, 1, 4]) {
      const of = [await complete(bright, known), await complete(dark, known)];
      for (const [i, image] of of.entries()) {
        for (const example of [0, 1]) {
          const rows = image.data.subarray(12 * example, 12 * example + 3 * known);
          expect([...rows]).toEqual(new Array(3 * known).fill(i === 0 ? 1 : 0));
        }
      }
      const rest = of.map(({ data: values }) => [...values.subarray(3 * known, 12)]);
      if (known === 1) expect(rest[0]).not.toEqual(rest[1]);
      if (known === 0) expect(rest[0]).toEqual(rest[1]);
    }
  });

  it('with no row known, completing is sampling', async () => {
    const sampler = await samplerOf({ condition: 'rows' });
    const data = await firstExamples(images, 3);
    const noise = { priorNoise: hostTensor('float32', [3, 2], [0.3, -1, 0.5, 2, -0.2, 0.1]) };
    const sources = { seed: 1, firstIndex: 0, count: 3, tensors: noise };
    const sampled = await sampler.run('sample', sources);
    const completed = await sampler.run('complete', { ...sources, data, scalars: { rows: 0 } });
    expect([...completed.data!.data]).toEqual([...sampled.data!.data]);
  });

  it('what training reports of the rest of images has not the name of what validation reports of whole ones', () => {
    const { model } = buildModel(familyNamed('cvae'), { condition: 'rows' }, describeData(images));
    expect(Object.keys(model.metrics ?? {})).toContain('elboOfRest');
  });

  it('draws another image of the same noise for another class', async () => {
    const sampler = await samplerOf({}, labelled(images, 3));
    const of = async (label: number) => [...(await sampler.sample({ count: 1, seed: 2, label })).data.data];
    expect(await of(0)).not.toEqual(await of(1));
    expect(await of(1)).toEqual(await of(1));
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['classes that are not there', {}, /condition class needs labelled data/],
    ['rows of points', { condition: 'rows' }, /condition rows needs images, not points/],
  ])('refuses %s in one line', (_, options, message) => {
    expect(() => buildModel(familyNamed('cvae'), options, describeData(tinyPoints(8)))).toThrow(message);
  });
});
