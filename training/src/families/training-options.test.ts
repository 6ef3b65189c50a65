import { describe, expect, it } from 'vitest';
import { settleTraining, trainingOptionsOf, withoutTraining } from '../model/training-options.ts';
import { buildModel, families, familyNamed } from './registry.ts';

const points = { spec: { kind: 'points', shape: [2] }, classNames: [] } as const;

describe('options of training', () => {
  it('are those given, else the family’s, else the optimizer’s', () => {
    expect(settleTraining({ beta1: 0.5, ema: 0.9 }, { ema: 0.8 })).toEqual({
      ...{ optimizer: 'adam', beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
      ...{ weightDecay: 0, gradientClip: 0, ema: 0.8, accumulate: 1 },
    });
    expect(settleTraining({ beta1: 0.5 }, { optimizer: 'rmsprop' })).toEqual({
      ...{ optimizer: 'rmsprop', rho: 0.9, epsilon: 1e-8 },
      ...{ weightDecay: 0, gradientClip: 0, ema: 0, accumulate: 1 },
    });
  });

  it('settle to themselves, as a run records and reads them', () => {
    for (const { defaults } of families) {
      const settled = settleTraining(defaults, {});
      expect(settleTraining(defaults, trainingOptionsOf({ family: 'vae', ...settled }))).toEqual(settled);
    }
  });

  it('of another optimizer are refused with those that have it', () => {
    expect(() => settleTraining({}, { optimizer: 'sgd', beta1: 0.5 })).toThrow(
      /^--beta1: optimizer sgd has none, only adam, adamw, adamax; /,
    );
    expect(() => settleTraining({}, { momentum: 0.5 })).toThrow(
      /^--momentum: optimizer adam has none, only sgd/,
    );
  });

  it('of models without gradients are refused', () => {
    expect(() => buildModel(familyNamed('gmm'), {}, points, { ema: 0.9 })).toThrow(
      '--ema: gmm follows no gradient; leave it out',
    );
  });

  it.each([
    [{ ema: 1 }, /^--ema: /],
    [{ gradientClip: -1 }, /^--gradient-clip: /],
    [{ accumulate: 1.5 }, /^--accumulate: /],
  ])('out of range are refused: %j', (given, message) => {
    expect(() => buildModel(familyNamed('realnvp'), {}, points, given)).toThrow(message);
  });
});

describe('runs of earlier releases', () => {
  it('have some of them among the options of their family', () => {
    const { model, options } = buildModel(
      familyNamed('gan'),
      { latent: 2, hidden: [4], averaging: 0.75, beta1: 0.25, beta2: 0.5 },
      points,
    );
    expect(model.training).toMatchObject({ ema: 0.75, beta1: 0.25, beta2: 0.5 });
    expect(Object.keys(options)).not.toContain('averaging');
    const flow = buildModel(familyNamed('realnvp'), { gradientClip: 3 }, points);
    expect(flow.model.training!.gradientClip).toBe(3);
  });

  it('give way to what is said now, and are checked like it', () => {
    const { model } = buildModel(familyNamed('made'), { averaging: 0.75 }, points, { ema: 0.5 });
    expect(model.training!.ema).toBe(0.5);
    expect(() => buildModel(familyNamed('made'), { averaging: 2 }, points)).toThrow(/^--ema: /);
  });

  it('keep what a family still has under that name', () => {
    expect(withoutTraining({ beta1: 0.5, latent: 2 }, { beta1: true, latent: true })).toEqual({
      options: { beta1: 0.5, latent: 2 },
      training: {},
    });
  });
});
