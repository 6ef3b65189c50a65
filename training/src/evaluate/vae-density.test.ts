import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '@generatrix/export';
import { fillInputs, type HostTensor, hostTensor, randomStream } from '@generatrix/runtime/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Dataset, floatDataset } from '../data/index.ts';
import { initialState } from '../engine/initial-state.ts';
import { toTensor } from '../engine/tfjs-engine.ts';
import { buildModel, familyNamed } from '../families/registry.ts';
import { isSkipped } from './diagnostic.ts';
import { diagnosticsNamed, evaluate } from './evaluate.ts';
import type { SampleSource } from './sample-source.ts';

/**
 * A Gaussian VAE whose decoder is linear, z W + b: its density is the normal distribution of mean b and covariance
 * W'W + s^2 I, from which data are drawn here by the Cholesky factor of that matrix.
 */
const directions = [
  [1.5, -0.5, 0.3],
  [0.2, 0.8, -1],
] as const;
const centre = [0.5, -1, 2] as const;
const deviation = 0.4;
const spec = { kind: 'points', shape: [3] } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-density-'));
  await tf.setBackend('cpu');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function covariance(): number[][] {
  return [0, 1, 2].map((i) =>
    [0, 1, 2].map(
      (j) => directions.reduce((sum, row) => sum + row[i]! * row[j]!, 0) + (i === j ? deviation ** 2 : 0),
    ),
  );
}

/** Lower factor L of a positive definite matrix, L L' = matrix. */
function cholesky(matrix: number[][]): number[][] {
  const factor = matrix.map((row) => row.map(() => 0));
  for (const [i, row] of matrix.entries()) {
    for (let j = 0; j <= i; j++) {
      let rest = row[j]!;
      for (let k = 0; k < j; k++) rest -= factor[i]![k]! * factor[j]![k]!;
      factor[i]![j] = i === j ? Math.sqrt(rest) : rest / factor[j]![j]!;
    }
  }
  return factor;
}

function drawn(split: Dataset['split'], size: number): Dataset {
  const factor = cholesky(covariance());
  const random = randomStream(5, `density/${split}`);
  const values = new Float32Array(3 * size);
  for (let row = 0; row < size; row++) {
    const normal = [random.nextNormal(), random.nextNormal(), random.nextNormal()];
    for (let i = 0; i < 3; i++) {
      values[3 * row + i] = centre[i]! + factor[i]!.reduce((sum, value, k) => sum + value * normal[k]!, 0);
    }
  }
  return floatDataset({ name: 'linear', split, spec, size, labels: null, classNames: [] }, values);
}

/** Samples of the VAE, drawn or means. */
function vaeSource(mean: 0 | 1): SampleSource {
  const options = { latent: 2, hidden: [4], likelihood: 'gaussian', outputStd: deviation };
  const { model } = buildModel(familyNamed('vae'), options, { spec, classNames: [] });
  const start = initialState(model, 1);
  // relu(z) and relu(-z) of each code, whose difference is z.
  const [first, second] = directions;
  const set: Record<string, number[]> = {
    hidden: [1, -1, 0, 0, 0, 0, 1, -1],
    output: [...first, ...first.map((value) => -value), ...second, ...second.map((value) => -value)],
    bias: [...centre],
  };
  const state: Record<string, HostTensor> = { ...start };
  for (const [name, tensor] of Object.entries(start)) {
    if (!name.startsWith('decoder/')) continue;
    const values =
      String(tensor.shape) === '2,4'
        ? set.hidden!
        : String(tensor.shape) === '4,3'
          ? set.output!
          : String(tensor.shape) === '3'
            ? set.bias!
            : [0, 0, 0, 0];
    state[name] = hostTensor('float32', tensor.shape, values);
  }
  const program = model.programs.sample!;
  return {
    name: 'linear VAE',
    spec,
    draw: async ({ count, seed }) => {
      const inputs = fillInputs('sample', program.signature.inputs, {
        seed,
        firstIndex: 0,
        count,
        scalars: { mean },
      });
      const tensors = (of: Record<string, HostTensor>) =>
        Object.fromEntries(Object.entries(of).map(([name, x]) => [name, toTensor(x)]));
      const { data } = program.run(tensors(state), tensors(inputs));
      return { data: hostTensor('float32', [count, 3], (await data!.data()) as Float32Array), labels: null };
    },
  };
}

async function verdicts(source: SampleSource, names: string[]) {
  const request = {
    source,
    train: drawn('train', 4000),
    setApart: drawn('validation', 2000),
    test: drawn('test', 1000),
    count: 2000,
    seed: 3,
    againstTrain: false,
    cacheFolder: folder,
    effort: 'quick',
    runFolder: null,
  } as const;
  const { reported } = await evaluate(request, diagnosticsNamed(names));
  return Object.fromEntries(
    reported.map(({ entry, outcome }) => [
      entry.name,
      isSkipped(outcome) ? outcome.skipped : outcome.finding.verdict,
    ]),
  );
}

test("a Gaussian VAE's samples are of its own density", async () => {
  const { data } = await vaeSource(0).draw({ count: 20_000, seed: 1 });
  const values = data.data as Float32Array;
  const mean = [0, 1, 2].map(
    (i) => values.filter((_, at) => at % 3 === i).reduce((a, b) => a + b, 0) / 20_000,
  );
  const expected = covariance();
  for (let i = 0; i < 3; i++) {
    // Standard error of a mean: at most 1.6 / sqrt(20,000) = 0.011.
    expect(Math.abs(mean[i]! - centre[i]!)).toBeLessThan(0.05);
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let row = 0; row < 20_000; row++) {
        sum += (values[3 * row + i]! - mean[i]!) * (values[3 * row + j]! - mean[j]!);
      }
      // Standard error of a covariance: at most sqrt(2) 2.5 / sqrt(20,000) = 0.025.
      expect(Math.abs(sum / 20_000 - expected[i]![j]!)).toBeLessThan(0.1);
    }
  }
});

test('they pass the two-sample tests against it, and means of the decoder do not', async () => {
  const names = ['c2st', 'mmd', 'precision-recall', 'memorisation'];
  expect(await verdicts(vaeSource(0), names)).toEqual(Object.fromEntries(names.map((name) => [name, 'ok'])));
  // Means lie in a plane, of which a small network sees little and neighbours a lot.
  const flat = await verdicts(vaeSource(1), ['c2st', 'precision-recall']);
  expect(flat.c2st).not.toBe('ok');
  expect(flat['precision-recall']).not.toBe('ok');
});
