import { tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { tfjsEngine } from '../../engine/tfjs-engine.ts';
import { describeData, labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';
import { buildModel, families, familyNamed } from '../registry.ts';
import { counterpart } from './image-pairs.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const build = (family: string, options: Record<string, unknown>, dataset: Dataset) =>
  buildModel(familyNamed(family), options, describeData(dataset)).model;
const points = tinyPoints(8);
const images = tinyImages(8, [8, 8, 1]);
const classes = labelled(images, 2);

describe('options that do not fit are refused in one line', () => {
  const refusals: [string, Record<string, unknown>, Dataset, RegExp][] = [
    ['gan', { architecture: 'dcgan' }, points, /dcgan needs images, not points/],
    ['dcgan', {}, points, /models images, not points/],
    ['cgan', {}, images, /at least two classes/],
    ['acgan', {}, images, /at least two classes/],
    ['gan', { labelSmoothing: 0.1, loss: 'hinge' }, points, /label-smoothing.*hinge loss has none/],
    ['wgan', { labelSmoothing: 0.1 }, points, /label-smoothing.*wasserstein loss has none/],
    ['wgan', { featureMatching: true }, points, /feature-matching/],
    ['wgan', { discriminatorNormalisation: 'batch' }, points, /discriminator-normalisation batch/],
    ['wgan', { minibatchKernels: 4 }, points, /minibatch-kernels/],
    ['wgan', { packing: 2 }, points, /packing/],
    ['gan', { instanceNoiseSteps: 10 }, points, /instance-noise above 0/],
    ['cgan', { generatorNormalisation: 'virtual' }, classes, /virtual/],
    ['cgan', { packing: 2 }, classes, /packing/],
    ['cogan', { discriminatorNormalisation: 'spectral' }, images, /spectral/],
    ['gan', { diffAugment: 'color' }, points, /diff-augment changes images, not points/],
    ['dcgan', { diffAugment: 'colour' }, images, /expected none, or some of color, translation, cutout/],
    ['cogan', { pairs: 'edges', architecture: 'mlp' }, points, /edges needs images/],
  ];
  it.each(refusals)('%s %o', (family, options, dataset, line) => {
    expect(() => build(family, options, dataset)).toThrow(line);
    expect(() => build(family, options, dataset)).not.toThrow(/\n/);
  });
});

it('presets settle every option that they name', () => {
  const adversarial = families.filter(({ taxonomy }) => taxonomy.includes('direct'));
  for (const family of adversarial) {
    for (const preset of Object.values(family.reproduce)) {
      const dataset = preset.data === 'ring8' || preset.data === 'grid25' ? points : classes;
      expect(() => build(family.name, preset.options, dataset)).not.toThrow();
    }
  }
});

describe('judgements that depend on the rest of the batch', () => {
  it('are no program: a discriminate program judges one example', () => {
    expect(build('gan', {}, points).programs.discriminate).toBeDefined();
    expect(build('gan', { packing: 2 }, points).programs.discriminate).toBeUndefined();
    expect(build('gan', { minibatchKernels: 3 }, points).programs.discriminate).toBeUndefined();
  });
});

it('generators stay within the data range, and points go where they like', async () => {
  const model = build('dcgan', { latent: 2, filters: [2, 3] }, images);
  const trainer = await tfjsEngine(() => {}).prepare(model, { batchSize: 2, dataShape: [8, 8, 1] });
  const state = initialState(model, 1);
  const loud = Object.fromEntries(
    Object.entries(state).map(([name, x]) => [
      name,
      name === 'generator/output/kernel'
        ? hostTensor(
            'float32',
            x.shape,
            Array.from(x.data, (v) => 1e8 * v),
          )
        : x,
    ]),
  );
  await trainer.setState(loud);
  const { data } = await trainer.run('decode', { latent: hostTensor('float32', [2, 2], [1, -1, 2, 0.5]) });
  const all = Array.from(data!.data);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...all)).toBeLessThanOrEqual(1);
  expect(Math.max(...all) - Math.min(...all)).toBeCloseTo(1, 5);
  await trainer.release();
});

describe('the coupled GAN', () => {
  it('shares all layers but the outermost of each network', () => {
    const names = Object.keys(build('cogan', { latent: 2, filters: [2, 3] }, images).state);
    const twins = names.filter((name) => name.startsWith('paired/')).toSorted();
    expect(twins).toEqual([
      'paired/discriminator/0/bias',
      'paired/discriminator/0/kernel',
      'paired/generator/output/bias',
      'paired/generator/output/kernel',
    ]);
  });

  it('gives the same sample in both domains while the twin layers are equal', async () => {
    const model = build('cogan', { latent: 2, filters: [2, 3] }, images);
    const trainer = await tfjsEngine(() => {}).prepare(model, { batchSize: 2, dataShape: [8, 8, 1] });
    const state = initialState(model, 1);
    const z = { latent: hostTensor('float32', [1, 2], [1, -1]) };
    await trainer.setState({
      ...state,
      'paired/generator/output/kernel': state['generator/output/kernel']!,
      'paired/generator/output/bias': state['generator/output/bias']!,
    });
    const same = await trainer.run('decode', z);
    expect(Array.from(same.paired!.data)).toEqual(Array.from(same.data!.data));
    await trainer.setState(state);
    const apart = await trainer.run('decode', z);
    expect(Array.from(apart.paired!.data)).not.toEqual(Array.from(apart.data!.data));
    await trainer.release();
  });

  it('makes negatives and edges', () => {
    const spec = { kind: 'image', shape: [2, 3, 1], range: [0, 1] } as const;
    const x = tf.tensor4d([0, 1, 1, 0, 0.25, 1], [1, 2, 3, 1]);
    expect([...counterpart('negatives', spec)(x).dataSync()]).toEqual([1, 0, 0, 1, 0.75, 0]);
    // |dx| of each row is 1 0 . and 0.25 0.75 . ; |dy| is 0 0.75 0; the sum is cut off at 1.
    expect([...counterpart('edges', spec)(x).dataSync()]).toEqual([1, 0.75, 0, 0.25, 0.75, 0]);
    expect([
      ...counterpart('negatives', { kind: 'points', shape: [2] })(tf.tensor2d([[1, -2]])).dataSync(),
    ]).toEqual([-1, 2]);
  });
});
