import { expect, it } from 'vitest';
import type { Dataset } from '../data/dataset.ts';
import { buildModel, familyNamed } from '../families/registry.ts';
import { parseSettings } from '../record/settings.ts';
import { describeData, tinyImages } from '../testing/tiny-data.ts';
import { batchSource } from './batch-source.ts';

const images = tinyImages(20, [4, 4, 1]);
const { model } = buildModel(familyNamed('vae'), { latent: 2, hidden: [4] }, describeData(images));
const settings = parseSettings(
  {
    family: 'vae',
    options: {},
    data: { name: 'tiny' },
    seed: 5,
    steps: 12,
    batchSize: 6,
    learningRate: 0.1,
    schedule: 'cosine',
    engine: 'onnx',
    device: 'cpu',
    augment: 'flip,crop:1',
    reportEvery: 1,
    evaluateEvery: 1,
    checkpointEvery: 1,
  },
  'test',
);

/** Examples that come late, and out of turn. */
function late(dataset: Dataset): Dataset & { asked: number[][] } {
  const asked: number[][] = [];
  return {
    ...dataset,
    asked,
    gather: async (indices) => {
      asked.push(Array.from(indices));
      const values = await dataset.gather(indices);
      await new Promise((resolve) => setTimeout(resolve, asked.length % 2 === 0 ? 0 : 5));
      return values;
    },
  };
}

it('steps get the same inputs gathered ahead or not, one by one or in blocks, from the start or resumed', async () => {
  const plain = batchSource({ settings, model, train: images, prefetch: false });
  const expected = [];
  for (let step = 0; step < 12; step++) expected.push(...(await plain.inputs(step, 1)));
  expect(expected[0]!.data.shape).toEqual([6, 4, 4, 1]);
  expect(expected[0]!.data).not.toEqual(expected[3]!.data);

  const ahead = batchSource({ settings, model, train: late(images) });
  const blocks = [
    ...(await ahead.inputs(0, 1)),
    ...(await ahead.inputs(1, 5)),
    ...(await ahead.inputs(6, 6)),
  ];
  expect(blocks).toEqual(expected);
  await ahead.close();

  const resumed = batchSource({ settings, model, train: late(images) });
  expect([...(await resumed.inputs(7, 2)), ...(await resumed.inputs(9, 3))]).toEqual(expected.slice(7));
});

it('asks for the next block before the present one is run, and for nothing beyond the last step', async () => {
  const data = late(images);
  const source = batchSource({ settings, model, train: data });
  await source.inputs(0, 2);
  expect(data.asked).toHaveLength(4);
  await source.inputs(2, 2);
  expect(data.asked).toHaveLength(6);
  await source.inputs(4, 8);
  expect(data.asked).toHaveLength(12);
  await source.close();
});

it('an example that cannot be read is reported at its own step, and does not end the process before', async () => {
  const broken: Dataset = {
    ...images,
    gather: async (indices) => {
      if (Array.from(indices).includes(source.plan(1).indices[0]!)) throw new Error('broken.png');
      return images.gather(indices);
    },
  };
  const source = batchSource({ settings: { ...settings, batchSize: 1 }, model, train: broken });
  await source.inputs(0, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(source.inputs(1, 1)).rejects.toThrow('broken.png');
  await source.close();
});
