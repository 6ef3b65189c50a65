import { expect, test } from 'vitest';
import { chartsOf, summarise } from './report-charts.ts';

const line = (step: number, metrics: Record<string, number>) => ({ step, seconds: step / 10, metrics });

test('train and held-out values of one name share a chart, aligned by step', () => {
  const charts = chartsOf([
    line(10, { epoch: 0, loss: 5, kl: 1.5 }),
    line(15, { 'heldOut/loss': 6, 'heldOut/logProb': -80.5 }),
    line(20, { epoch: 1, loss: 4, kl: 2 }),
  ]);
  expect(charts).toEqual([
    {
      title: 'loss',
      steps: [10, 15, 20],
      series: [
        { source: 'train', values: [5, null, 4] },
        { source: 'held-out', values: [null, 6, null] },
      ],
      logarithmic: false,
      whole: true,
    },
    { title: 'kl', steps: [10, 20], series: [{ source: 'train', values: [1.5, 2] }], logarithmic: false },
    {
      title: 'logProb',
      steps: [15],
      series: [{ source: 'held-out', values: [-80.5] }],
      logarithmic: false,
    },
  ]);
});

test('values that are not finite are left out, steps are sorted, and the later of two lines holds', () => {
  const charts = chartsOf([
    line(30, { loss: 1 }),
    line(10, { loss: 3, gone: Number.NaN }),
    line(20, { loss: Number.POSITIVE_INFINITY }),
    line(30, { loss: 2 }),
  ]);
  expect(charts.map(({ title }) => title)).toEqual(['loss']);
  expect(charts[0]!.steps).toEqual([10, 30]);
  expect(charts[0]!.series[0]!.values).toEqual([3, 2]);
});

test.each([
  ['two decades, positive', [100, 1], true],
  ['less than two decades', [99, 1], false],
  ['zero among them', [100, 1, 0], false],
  ['negative values', [-100, -1], false],
])('scale of values that span %s', (_, values, logarithmic) => {
  expect(chartsOf(values.map((loss, i) => line(i, { loss })))[0]!.logarithmic).toBe(logarithmic);
});

test('whole numbers and bounds are told to the axes; a bounded scale is never logarithmic', () => {
  const charts = chartsOf(
    [
      line(1, { modesHit: 8, highQualityShare: 0.01, loss: 0.5 }),
      line(2, { modesHit: 1, highQualityShare: 1 }),
    ],
    { modesHit: [0, 25] },
  );
  expect(
    charts.map(({ title, whole, bounds, logarithmic }) => ({ title, whole, bounds, logarithmic })),
  ).toEqual([
    { title: 'modesHit', whole: true, bounds: [0, 25], logarithmic: false },
    { title: 'highQualityShare', whole: undefined, bounds: [0, 1], logarithmic: false },
    { title: 'loss', whole: undefined, bounds: undefined, logarithmic: false },
  ]);
});

test('a name like a method of objects is a metric as any other', () => {
  expect(chartsOf([line(1, { constructor: 2, toString: 3 })]).map(({ title }) => title)).toEqual([
    'constructor',
    'toString',
  ]);
});

test('the summary names the first, last, lowest and highest value with their steps', () => {
  expect(summarise([1, 2, 3, 4, 5], [null, 4, -1, 9, null])).toEqual({
    first: 4,
    last: 9,
    lowest: { step: 3, value: -1 },
    highest: { step: 4, value: 9 },
  });
});
