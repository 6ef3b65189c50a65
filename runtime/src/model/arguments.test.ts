import { describe, expect, test } from 'vitest';
import { drawLabels } from '../noise/labels.ts';
import { testBundle } from '../testing/bundle.ts';
import { drawScalar, labelsFor } from './arguments.ts';
import type { ModelView } from './contract.ts';

const { manifest } = testBundle(['sample', 'decode']);
const { classFrequencies: _, ...withoutFrequencies } = manifest.data;
const viewOf = (data: ModelView['manifest']['data']): ModelView => ({
  manifest: { ...manifest, data },
  program: (name) => manifest.programs[name]!,
});
const key = { seed: 3, firstIndex: 5, count: 40 };

describe('labelsFor', () => {
  test('draws classes as the manifest says they are in the training data', () => {
    expect(labelsFor(viewOf(manifest.data), 'sample', { ...key, labels: 'data' })).toEqual({
      labels: drawLabels([0.25, 0.75], key),
    });
    expect(labelsFor(viewOf(manifest.data), 'sample', { ...key, labels: 'balanced' })).toEqual({});
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'a bundle that does not say',
      () => labelsFor(viewOf(withoutFrequencies), 'sample', { ...key, labels: 'data' }),
      /test-points does not say how frequent the classes .* are: train and export it again/,
    ],
    [
      'frequencies of other classes',
      () =>
        labelsFor(viewOf({ ...manifest.data, classFrequencies: [1] }), 'sample', { ...key, labels: 'data' }),
      /frequencies of 1 classes, program sample takes 2/,
    ],
    [
      'a program without classes',
      () => labelsFor(viewOf(manifest.data), 'decode', { ...key, labels: 'data' }),
      /program decode of test-points takes no class/,
    ],
    [
      'a label besides',
      () => labelsFor(viewOf(manifest.data), 'sample', { ...key, labels: 'data', label: 1 }),
      /say a label, or labels, not both/,
    ],
    [
      'another word',
      () => labelsFor(viewOf(manifest.data), 'sample', { ...key, labels: 'even' as 'data' }),
      /expected balanced or data, got even/,
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe('drawScalar', () => {
  const mean = { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 1 } as const;

  test('sets the scalar that a program has, and leaves its default where nothing is asked for', () => {
    expect(drawScalar(manifest, 'sample', { mean }, 'mean')).toEqual({ mean: 1 });
    expect(drawScalar(manifest, 'sample', { mean }, 'sample')).toEqual({ mean: 0 });
    expect(drawScalar(manifest, 'sample', { mean }, undefined)).toEqual({});
  });

  test('a VAE of an earlier release gives means, and says so when samples are asked for', () => {
    const old = testBundle(['sample', 'logWeight']).manifest;
    expect(drawScalar(old, 'sample', {}, 'mean')).toEqual({});
    expect(() => drawScalar(old, 'sample', {}, 'sample')).toThrow(
      /gives means alone: export the model again, or ask for the mean/,
    );
    expect(drawScalar(old, 'sample', {}, undefined)).toEqual({});
  });

  test('a model of codes that draws value by value has samples, not means', () => {
    const bound = testBundle(['sample', 'logWeight']).manifest;
    const noise = { dtype: 'float32', shape: [4], role: 'noise' } as const;
    const inputs = {
      z: { ...noise, distribution: 'normal' },
      observation: { ...noise, distribution: 'uniform' },
    } as const;
    expect(drawScalar(bound, 'sample', inputs, 'sample')).toEqual({});
    expect(() => drawScalar(bound, 'sample', inputs, 'mean')).toThrow(/has no means to give/);
  });

  test('a program without means draws samples and refuses means', () => {
    expect(drawScalar(manifest, 'sample', {}, 'sample')).toEqual({});
    expect(() => drawScalar(manifest, 'sample', {}, 'mean')).toThrow(/has no means to give/);
    expect(() => drawScalar(manifest, 'sample', {}, 'mode' as 'mean')).toThrow(/expected sample or mean/);
  });
});
