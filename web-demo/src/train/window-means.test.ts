import { expect, test } from 'vitest';
import { windowMeans } from './window-means.ts';

test('the reports of a training follow from its steps: every tenth, and the last', () => {
  const means = windowMeans();
  const reports = Array.from({ length: 23 }, (_, i) => means.add(i + 1, { loss: i + 1 }, i + 1 === 23));
  expect(reports.filter((report) => report !== undefined)).toEqual([
    { step: 10, metrics: { loss: 5.5 } },
    { step: 20, metrics: { loss: 15.5 } },
    { step: 23, metrics: { loss: 22 } },
  ]);
});

test('training that goes on from a step between two windows ends its first one where others end', () => {
  const means = windowMeans();
  expect(means.add(9, { loss: 1 }, false)).toBeUndefined();
  expect(means.add(10, { loss: 3 }, false)).toEqual({ step: 10, metrics: { loss: 2 } });
});
