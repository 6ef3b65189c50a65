import type { MetricsLine } from '../record/metrics.ts';
import { heldOutPrefix, type MetricBounds, shareBounds } from './metric-words.ts';

/** A curve: one value per step of its chart, null where it has none. */
export interface ChartSeries {
  /** What the legend calls it: `train` or `held-out` in a training report. */
  readonly source: string;
  readonly values: readonly (number | null)[];
}

/** One plot: a metric in training, on held-out data, or both. */
export interface Chart {
  readonly title: string;
  readonly steps: readonly number[];
  readonly series: readonly ChartSeries[];
  /** Values that span this much are better seen on a logarithmic scale. */
  readonly logarithmic: boolean;
  /** All values are whole numbers, and so are the marks of the axis. */
  readonly whole?: boolean;
  /** What the axis reaches from and to, where the metric has bounds. */
  readonly bounds?: readonly [low: number, high: number];
}

/** Metrics that say where in the data, or the run, a line was written, not how training goes. */
const positions = new Set(['epoch', 'phase']);

/** Ratio of the largest to the smallest value, all positive, from which a scale is logarithmic. */
const logarithmicFrom = 100;

/**
 * One chart per metric, in order of appearance, `heldOut/NAME` laid over `NAME`. Values that are not finite are
 * left out; of two at one step the later holds.
 * @param bounds of metrics by name, besides those of shares, which are known
 */
export function chartsOf(lines: readonly MetricsLine[], bounds: MetricBounds = {}): Chart[] {
  const groups = new Map<string, Map<ChartSeries['source'], Map<number, number>>>();
  for (const { step, metrics } of lines) {
    for (const [name, value] of Object.entries(metrics)) {
      if (positions.has(name) || !Number.isFinite(value)) continue;
      const heldOut = name.startsWith(heldOutPrefix);
      const group = entryOf(groups, heldOut ? name.slice(heldOutPrefix.length) : name, () => new Map());
      entryOf(group, heldOut ? 'held-out' : 'train', () => new Map<number, number>()).set(step, value);
    }
  }
  const known = new Map(Object.entries({ ...shareBounds, ...bounds }));
  return [...groups].map(([title, group]) => chartOf(title, group, known.get(title)));
}

/** A chart of one metric: a curve for each source, of values by step. */
export function chartOf(
  title: string,
  group: ReadonlyMap<ChartSeries['source'], ReadonlyMap<number, number>>,
  bounds?: Chart['bounds'],
): Chart {
  const steps = [...new Set([...group.values()].flatMap((points) => [...points.keys()]))].sort(
    (a, b) => a - b,
  );
  const series = [...group].map(([source, points]) => ({
    source,
    values: steps.map((step) => points.get(step) ?? null),
  }));
  const all = series.flatMap(({ values }) => values);
  const { low, high } = boundsOf(all);
  return {
    title,
    steps,
    series,
    logarithmic: bounds === undefined && low > 0 && high / low >= logarithmicFrom,
    ...(all.every((value) => value === null || Number.isInteger(value)) ? { whole: true } : {}),
    ...(bounds === undefined ? {} : { bounds }),
  };
}

function boundsOf(values: readonly (number | null)[]): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** A series in five numbers, for those who read instead of look. */
export interface SeriesSummary {
  readonly first: number;
  readonly last: number;
  readonly lowest: { readonly value: number; readonly step: number };
  readonly highest: { readonly value: number; readonly step: number };
}

/** The first, last, lowest and highest value of a series, which has at least one. */
export function summarise(steps: readonly number[], values: ChartSeries['values']): SeriesSummary {
  const points = steps.flatMap((step, i) => {
    const value = values[i];
    return value === null || value === undefined ? [] : [{ step, value }];
  });
  const best = (better: (a: number, b: number) => boolean) =>
    points.reduce((kept, point) => (better(point.value, kept.value) ? point : kept));
  return {
    first: points[0]!.value,
    last: points.at(-1)!.value,
    lowest: best((a, b) => a < b),
    highest: best((a, b) => a > b),
  };
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const value = map.get(key) ?? create();
  map.set(key, value);
  return value;
}
