import { describe, expect, it } from 'vitest';
import { compareRuns } from './comparison.ts';
import { renderComparison } from './comparison-page.ts';
import { type RunSummary, shortNames } from './run-summary.ts';

function run(name: string, settings: Record<string, string>, metrics: [number, Record<string, number>][]) {
  return {
    name,
    folder: name,
    settings: new Map(Object.entries(settings)),
    metrics: metrics.map(([step, values]) => ({ step, seconds: step / 10, metrics: values })),
    steps: { done: 20, asked: 20 },
    finished: true,
    seconds: 2,
    samples: null,
  } satisfies RunSummary;
}

const runs = [
  run('a', { rate: '1', seed: '1' }, [
    [10, { loss: 3, 'heldOut/elbo': -2, epoch: 1 }],
    [20, { loss: 1, 'heldOut/elbo': -4, epoch: 2 }],
  ]),
  run('<b>', { rate: '2', seed: '1', extra: 'x' }, [
    [10, { loss: 2 }],
    [15, { loss: Number.NaN, 'heldOut/elbo': -3 }],
    [20, { loss: 0.5 }],
  ]),
];

describe('compareRuns', () => {
  const { differences, figures, charts } = compareRuns(runs);

  it('names the settings that differ, and those alone', () => {
    expect(differences).toEqual([
      { setting: 'rate', values: ['1', '2'] },
      { setting: 'extra', values: ['-', 'x'] },
    ]);
  });

  it('has the last and the best of each held-out score, and says whose is best', () => {
    expect(figures).toEqual([
      { name: 'best heldOut/elbo', values: [-2, -3], best: 0 },
      { name: 'heldOut/elbo', values: [-4, -3], best: 1 },
      { name: 'loss', values: [1, 0.5], best: null },
      { name: 'seconds', values: [2, 2], best: null },
    ]);
  });

  it('draws a curve for each run over the steps of all, held-out scores first', () => {
    expect(charts.map(({ title }) => title)).toEqual(['heldOut/elbo', 'loss']);
    expect(charts[1]).toMatchObject({
      steps: [10, 20],
      series: [
        { source: 'a', values: [3, 1] },
        { source: '<b>', values: [2, 0.5] },
      ],
    });
    expect(charts[0]).toMatchObject({
      steps: [10, 15, 20],
      series: [
        { source: 'a', values: [-2, null, -4] },
        { source: '<b>', values: [null, -3, null] },
      ],
    });
  });

  it('equal runs have no best', () => {
    expect(compareRuns([runs[0]!, { ...runs[0]!, name: 'c' }]).figures[0]!.best).toBeNull();
  });
});

it('the page shows texts as texts', () => {
  const page = renderComparison(compareRuns(runs), { script: '', style: '' });
  expect(page).toContain('&lt;b&gt;');
  expect(page).not.toContain('<b>');
  expect(page).toContain('<strong>-2</strong>');
});

it('shortNames takes as much of the paths as tells them apart', () => {
  expect(shortNames(['/x/runs/a', '/x/runs/b'])).toEqual(['a', 'b']);
  expect(shortNames(['/x/one/vae', '/x/two/vae'])).toEqual(['one/vae', 'two/vae']);
  expect(shortNames(['/x/one/vae'])).toEqual(['vae']);
});
