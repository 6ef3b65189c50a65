import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { expect, it } from 'vitest';
import { loadDataset } from '../../data/index.ts';
import { expectUserError, testWithData } from '../../testing/test-support.ts';
import { parzen, parzenLogLikelihood } from './parzen.ts';

function normals(stream: string, shape: readonly number[], offset = 0, scale = 1): HostTensor {
  const [count, ...rest] = shape;
  const values = fillNoise({
    distribution: 'normal',
    seed: 11,
    stream,
    firstIndex: 0,
    count: count!,
    shape: rest,
  });
  return hostTensor(
    'float32',
    shape,
    values.map((value) => offset + scale * value),
  );
}

/** The definition, in doubles, one pair at a time. */
function naive(samples: HostTensor, test: HostTensor, sigma: number): number[] {
  const [n, m] = [samples.shape[0]!, test.shape[0]!];
  const width = samples.data.length / n;
  return Array.from({ length: m }, (_, j) => {
    const exponents = Array.from({ length: n }, (_, i) => {
      let squared = 0;
      for (let k = 0; k < width; k++) {
        squared += (test.data[j * width + k]! - samples.data[i * width + k]!) ** 2;
      }
      return -squared / (2 * sigma ** 2);
    });
    const top = Math.max(...exponents);
    const sum = exponents.reduce((total, exponent) => total + Math.exp(exponent - top), 0);
    return top + Math.log(sum / n) - (width / 2) * Math.log(2 * Math.PI * sigma ** 2);
  });
}

it('is the Gaussian around a single sample', async () => {
  const sample = hostTensor('float32', [1, 3], [0.5, -1, 2]);
  const test = hostTensor('float32', [2, 3], [0.5, -1, 2, 1.5, 1, 2]);
  const sigma = 0.7;
  const values = await parzenLogLikelihood(sample, test, sigma);
  const peak = -1.5 * Math.log(2 * Math.PI * sigma ** 2);
  expect(values[0]).toBeCloseTo(peak, 5);
  expect(values[1]).toBeCloseTo(peak - (1 + 4) / (2 * sigma ** 2), 5);
});

it.each([0.05, 0.3, 2])(
  'agrees with the definition in doubles, over uneven blocks: sigma %s',
  async (sigma) => {
    // Far from the origin, where squares of float32 values would cancel if they were not centred.
    const samples = normals('samples', [23, 2, 3], 30);
    const test = normals('test', [17, 2, 3], 30);
    const values = await parzenLogLikelihood(samples, test, sigma, {
      blockSizes: { examples: 5, samples: 7 },
    });
    const expected = naive(samples, test, sigma);
    // Squared distances of about 10 carry a float32 error of a few 1e-6, divided by 2 sigma^2.
    const tolerance = 1e-5 + 1e-5 / (2 * sigma ** 2);
    for (const [i, value] of values.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance);
  },
);

it('chooses the width of the highest validation likelihood and reports the test mean and its error', async () => {
  const samples = normals('samples', [60, 2], 0, 0.5);
  const validation = normals('validation', [40, 2], 0, 0.5);
  const test = normals('test', [50, 2], 0, 0.5);
  const { sigma, logLikelihood, standardError } = await parzen(samples, validation, test);
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const grid = Array.from({ length: 10 }, (_, i) => 10 ** (i / 9 - 1));
  const best = grid.reduce((top, width) =>
    average(naive(samples, validation, width)) > average(naive(samples, validation, top)) ? width : top,
  );
  expect(sigma).toBe(best);
  const values = naive(samples, test, best);
  const centre = average(values);
  expect(logLikelihood).toBeCloseTo(centre, 4);
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  expect(standardError).toBeCloseTo(Math.sqrt(variance / values.length), 5);
});

it.each([
  ['below', 0.004],
  ['above', 400],
])('continues the grid %s its ends', async (_, scale) => {
  const [samples, validation, test] = ['samples', 'validation', 'test'].map((stream) =>
    normals(stream, [50, 2], 0, scale),
  ) as [HostTensor, HostTensor, HostTensor];
  const { sigma } = await parzen(samples, validation, test);
  const score = (width: number) => naive(samples, validation, width).reduce((a, b) => a + b, 0);
  const step = 10 ** (1 / 9);
  expect(score(sigma)).toBeGreaterThan(score(sigma * step));
  expect(score(sigma)).toBeGreaterThan(score(sigma / step));
});

testWithData('mnist', 'training digits as samples get the 243 nats of the published table', async (dir) => {
  const [train, validation, digits] = await Promise.all(
    (['train', 'validation', 'test'] as const).map((split) => loadDataset({ name: 'mnist', split, dir })),
  );
  const from = (dataset: typeof train, first: number, count: number) =>
    dataset!.gather(Int32Array.from({ length: count }, (_, i) => first + i));
  const { logLikelihood, standardError } = await parzen(
    await from(train, 0, 10_000),
    await from(validation, 0, 1000),
    await from(digits, 0, 10_000),
  );
  // Theis, van den Oord and Bethge 2016, table 1, 'True distribution': other digits, and a grid not told.
  expect(Math.abs(logLikelihood - 243)).toBeLessThan(3 * standardError);
  expect(standardError).toBeLessThan(3);
});

it('refuses examples of another shape, widths that are not positive, and nothing at all', async () => {
  const samples = normals('samples', [4, 2]);
  await expectUserError(parzenLogLikelihood(samples, normals('test', [4, 3]), 1), /shape \[3\].*shape \[2\]/);
  await expectUserError(parzenLogLikelihood(samples, samples, 0), /positive widths, got 0/);
  await expectUserError(parzenLogLikelihood(hostTensor('float32', [0, 2], []), samples, 1), /got \[0,2\]/);
});
