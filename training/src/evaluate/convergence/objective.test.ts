import { expect, test } from 'vitest';
import { buildModel, families } from '../../families/registry.ts';
import { isSkipped } from '../diagnostic.ts';
import { curvesOutcome } from './convergence-finding.ts';
import { objectiveOf } from './objective.ts';

const points = { spec: { kind: 'points', shape: [2] }, classNames: ['a', 'b'] } as const;
const images = { spec: { kind: 'image', shape: [8, 8, 1], range: [0, 1] }, classNames: ['a', 'b'] } as const;
const audio = {
  spec: { kind: 'audio', shape: [64], sampleRate: 8000, range: [-1, 1] },
  classNames: [],
} as const;

test('every family says what its loss is', () => {
  const named = families.map((family) => {
    const options = family.options.parse({});
    const data = [points, images, audio].find((data) => family.refuses(data, options) === null)!;
    return [
      family.name,
      objectiveOf(
        family,
        buildModel(family, options as Record<string, unknown>, data).model,
        options as Record<string, unknown>,
      ),
    ];
  });
  const expected = {
    vae: 'bound',
    gmm: 'log-likelihood',
    made: 'log-likelihood',
    nade: 'log-likelihood',
    nice: 'log-likelihood',
    realnvp: 'log-likelihood',
    pixelcnn: 'log-likelihood',
    pixelrnn: 'log-likelihood',
    wavenet: 'log-likelihood',
    gan: 'adversarial',
    dcgan: 'adversarial',
    wgan: 'adversarial',
    cgan: 'adversarial',
    acgan: 'adversarial',
    cogan: 'adversarial',
    autoencoder: 'reconstruction',
    gmmn: 'discrepancy',
    vaegan: 'adversarial',
  };
  expect(Object.fromEntries(named)).toMatchObject(expected);
});

test('a KL term of less than its weight leaves no bound, and contrastive divergence is none', () => {
  const programs = { logWeight: { signature: { inputs: {}, outputs: {} }, run: () => ({}) } };
  const taxonomy = ['explicit density', 'approximate', 'variational'];
  expect(objectiveOf({ taxonomy }, { programs }, { beta: 0.5 })).toBe('reconstruction');
  expect(objectiveOf({ taxonomy }, { programs }, { beta: 4 })).toBe('bound');
  const boltzmann = ['explicit density', 'approximate', 'Markov chain'];
  expect(objectiveOf({ taxonomy: boltzmann }, { programs })).toBe('contrastive divergence');
});

test('a flat curve is called settled where it measures the fit, and never where it is a surrogate', () => {
  const lines = Array.from({ length: 60 }, (_, step) => ({
    step,
    seconds: step,
    metrics: { loss: 3 + 0.01 * Math.sin(step), generatorLoss: 1 },
  }));
  const finding = (objective: Parameters<typeof curvesOutcome>[1]) => {
    const outcome = curvesOutcome(lines, objective);
    if (isSkipped(outcome)) throw new Error(outcome.skipped);
    return outcome.finding;
  };
  for (const objective of ['log-likelihood', 'bound', 'discrepancy'] as const) {
    expect(finding(objective).text).toMatch(/^Training has settled: .*ends at 3.*(minus|distance)/);
  }
  for (const objective of ['adversarial', 'contrastive divergence', 'reconstruction', 'unknown'] as const) {
    const { verdict, text } = finding(objective);
    expect(verdict).toBe('ok');
    expect(text).not.toMatch(/settled/);
    expect(text).toMatch(/^These curves cannot say whether training has converged/);
  }
});
