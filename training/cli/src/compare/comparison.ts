import { type Chart, chartOf, heldOutPrefix } from '@generatrix/training/report';
import type { RunSummary } from './run-summary.ts';

/** Runs side by side: the settings in which they differ, and the figures that they ended with. */
export interface Comparison {
  readonly runs: readonly RunSummary[];
  /** Settings that are not the same in all runs: a text for each run, `-` where a run lacks the setting. */
  readonly differences: readonly { readonly setting: string; readonly values: readonly string[] }[];
  /** Figures by name: one for each run, null where a run has not got it. */
  readonly figures: readonly Figure[];
  /** A chart for each metric with a curve for each run. */
  readonly charts: readonly Chart[];
}

/** One figure of every run. */
export interface Figure {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** Index of the best run, where more of it is known to be better and runs differ. */
  readonly best: number | null;
}

/** Where in the data a line was written: no curve. */
const positions = new Set(['epoch', 'phase']);

/** Puts runs side by side. Validation metrics are named `heldOut/...`; of each the last and the best value count. */
export function compareRuns(runs: readonly RunSummary[]): Comparison {
  return {
    runs,
    differences: differencesOf(runs),
    figures: figuresOf(runs),
    charts: comparedCharts(runs),
  };
}

function differencesOf(runs: readonly RunSummary[]): Comparison['differences'] {
  const names = [...new Set(runs.flatMap(({ settings }) => [...settings.keys()]))];
  return names
    .map((setting) => ({ setting, values: runs.map(({ settings }) => settings.get(setting) ?? '-') }))
    .filter(({ values }) => new Set(values).size > 1);
}

function figuresOf(runs: readonly RunSummary[]): Figure[] {
  const names = [
    ...new Set(runs.flatMap(({ metrics }) => metrics.flatMap((line) => Object.keys(line.metrics)))),
  ];
  const heldOut = names.filter((name) => name.startsWith(heldOutPrefix));
  const figures = [
    ...heldOut.flatMap((name) => [
      withBest(
        `best ${name}`,
        runs.map(({ metrics }) => highest(valuesOf(metrics, name))),
      ),
      withBest(
        name,
        runs.map(({ metrics }) => valuesOf(metrics, name).at(-1) ?? null),
      ),
    ]),
    ...(names.includes('loss')
      ? [
          {
            name: 'loss',
            values: runs.map(({ metrics }) => valuesOf(metrics, 'loss').at(-1) ?? null),
            best: null,
          },
        ]
      : []),
    { name: 'seconds', values: runs.map(({ seconds }) => seconds), best: null },
  ];
  return figures;
}

function valuesOf(metrics: RunSummary['metrics'], name: string): number[] {
  return metrics.flatMap((line) => {
    const value = line.metrics[name];
    return value !== undefined && Number.isFinite(value) ? [value] : [];
  });
}

function highest(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
}

/** Scores on held-out data: log-likelihoods, bounds, modes hit, shares; more is better in all of them. */
function withBest(name: string, values: (number | null)[]): Figure {
  const best = highest(values.filter((value) => value !== null));
  const first = values.indexOf(best);
  return { name, values, best: best === null || new Set(values).size < 2 ? null : first };
}

/** Held-out metrics first, then those of training; a metric that one run alone has is left to its own report. */
function comparedCharts(runs: readonly RunSummary[]): Chart[] {
  const names = [
    ...new Set(runs.flatMap(({ metrics }) => metrics.flatMap((line) => Object.keys(line.metrics)))),
  ]
    .filter((name) => !positions.has(name))
    .sort((a, b) => Number(b.startsWith(heldOutPrefix)) - Number(a.startsWith(heldOutPrefix)));
  return names.flatMap((name) => {
    const own = runs.filter(({ metrics }) => valuesOf(metrics, name).length > 0);
    if (own.length < Math.min(2, runs.length)) return [];
    return [comparedChart(name, own)];
  });
}

function comparedChart(name: string, runs: readonly RunSummary[]): Chart {
  const curve = ({ metrics }: RunSummary) =>
    new Map(
      metrics.flatMap((line) => {
        const value = line.metrics[name];
        return value !== undefined && Number.isFinite(value) ? [[line.step, value] as const] : [];
      }),
    );
  return chartOf(name, new Map(runs.map((run) => [run.name, curve(run)])));
}
