import { join } from 'node:path';
import { familyOf } from '../../families/family-plugin.ts';
import { type MetricsLine, readMetrics } from '../../record/metrics.ts';
import { readRun } from '../../record/run-folder.ts';
import { runModel } from '../../record/run-model.ts';
import type { Chart } from '../../report/report-charts.ts';
import { type Finding, type Outcome, type Skipped, short } from '../diagnostic.ts';
import type { Evaluation } from '../evaluation.ts';
import { measuresFit, type Objective, objectiveNames, objectiveOf } from './objective.ts';
import { type SeriesStatistics, saturatedBy, seriesStatistics } from './series.ts';

/** Reports that a series needs before it says anything. */
const leastReports = 20;

/** Does training settle? Rolling statistics of losses and gradient norms, oscillation, saturation of a discriminator. */
export async function convergence(evaluation: Evaluation): Promise<Outcome | Skipped> {
  const { runFolder } = evaluation.request;
  if (runFolder === null)
    return { skipped: 'it needs the folder of a training run: a bundle alone has no curves' };
  const { settings, data } = await readRun(runFolder);
  const family = await familyOf(settings);
  const { model, options } = await runModel(settings, data);
  const objective = objectiveOf(family, model, options);
  return curvesOutcome(await readMetrics(join(runFolder, 'metrics.jsonl')), objective);
}

/** What the lines of a run's metrics say, given what its loss measures. */
export function curvesOutcome(lines: readonly MetricsLine[], objective: Objective): Outcome | Skipped {
  const series = [...seriesOf(lines)].filter(([, { values }]) => values.length >= leastReports);
  if (series.length === 0)
    return {
      skipped: `it needs ${leastReports} reports of a metric; give training a smaller --report-every`,
    };
  const found = series.map(([name, { steps, values }]) => ({
    name,
    statistics: seriesStatistics(steps, values),
    steps,
  }));
  return {
    finding: findingOf(found, objective),
    figures: {
      objective,
      ...Object.fromEntries(
        found.map(({ name, statistics: { rollingMean: _, rollingDeviation: __, ...figures } }) => [
          name,
          figures,
        ]),
      ),
    },
    notes: [
      `The loss is ${objectiveNames[objective]}${measuresFit(objective) ? '' : ': a curve at rest does not mean that samples are good, nor a moving one that they are not'}.`,
      'Over the last half of training: trend is the change of a straight line through it and oscillation the deviation from ' +
        'that line, both relative to the typical size; reversals is the share of reports where the rise turns to fall or back.',
    ],
    charts: found.map(({ name, statistics, steps }): Chart => {
      const band = statistics.rollingMean.map((value, i) => value + statistics.rollingDeviation[i]!);
      return {
        title: `${name}, rolling`,
        steps,
        series: [
          { source: 'mean', values: statistics.rollingMean },
          { source: 'mean plus deviation', values: band },
        ],
        logarithmic: false,
      };
    }),
  };
}

interface Series {
  readonly steps: number[];
  readonly values: number[];
}

/** Metrics of training by name, with the held-out ones left out. */
function seriesOf(lines: readonly MetricsLine[]): Map<string, Series> {
  const all = new Map<string, Series>();
  for (const { step, metrics } of lines) {
    for (const [name, value] of Object.entries(metrics)) {
      if (name === 'epoch' || name.startsWith('heldOut/') || !Number.isFinite(value)) continue;
      const series = all.get(name) ?? { steps: [], values: [] };
      all.set(name, series);
      series.steps.push(step);
      series.values.push(value);
    }
  }
  return all;
}

/** Relative change over the last half that still counts as settled. */
const settled = 0.2;
/** Deviation from the trend, relative to the typical size, that counts as oscillation. */
const oscillating = 0.5;
/** A largest gradient norm over the median from which training is called spiky. */
const spiky = 100;

function findingOf(
  found: readonly { name: string; statistics: SeriesStatistics }[],
  objective: Objective,
): Finding {
  const saturated = found.flatMap(({ name, statistics }) => saturatedBy(name, statistics) ?? []);
  if (saturated.length > 0)
    return { verdict: 'problem', text: `The discriminator is saturated: ${saturated.join('; ')}.` };
  const losses = found.filter(({ name }) => /loss/i.test(name));
  const swinging = losses.filter(({ statistics }) => statistics.oscillation > oscillating);
  const moving = losses.filter(({ statistics }) => Math.abs(statistics.trend) > settled);
  const spikes = found.filter(
    ({ name, statistics }) => /grad|norm/i.test(name) && statistics.largestOverMedian > spiky,
  );
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join(', ');
  const parts = [
    ...(swinging.length > 0 ? [`${names(swinging)} oscillates`] : []),
    ...(moving.length > 0 ? [`${names(moving)} still moves at the end`] : []),
    ...(spikes.length > 0 ? [`${names(spikes)} has spikes`] : []),
  ];
  const meaning = `the loss is ${objectiveNames[objective]}`;
  const ends = losses.map(({ name, statistics }) => `${name} ends at ${short(statistics.lastMean)}`);
  if (!measuresFit(objective)) {
    const seen = [...parts, ...ends].join('; ');
    return {
      verdict: parts.length > 0 ? 'warning' : 'ok',
      text: `These curves cannot say whether training has converged: ${meaning}${seen === '' ? '' : `; ${seen}`}.`,
    };
  }
  if (parts.length > 0) {
    return { verdict: 'warning', text: `Training has not settled: ${parts.join('; ')} (${meaning}).` };
  }
  return {
    verdict: 'ok',
    text: `Training has settled: ${[...ends, meaning].join(', ')}.`,
  };
}
