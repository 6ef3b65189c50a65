import { type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client';

type Metric = MetricObjectWithValues<MetricValueWithName<string>>;
type Labels = Readonly<Record<string, string | number>>;

/** The metrics that Prometheus reads, for OpenTelemetry to send: the same names, labels and figures. */
export function registryMetrics(registry: Registry, version: string): MetricProducer {
  const began = millisToHrTime(Date.now());
  return {
    collect: async () => {
      const now = millisToHrTime(Date.now());
      const found = (await registry.getMetricsAsJSON()) as unknown as Metric[];
      const metrics = found.flatMap((metric) => convert(metric, began, now) ?? []);
      const scopeMetrics = [{ scope: { name: 'generatrix', version }, metrics }];
      return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
    },
  };
}

function convert(metric: Metric, startTime: HrTime, endTime: HrTime): MetricData | null {
  const { name, help, values } = metric;
  const common = {
    descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const times = { startTime, endTime };
  // The library says these as words, whatever its types say.
  switch (String(metric.type)) {
    case 'counter':
    case 'gauge': {
      const dataPoints = values.map(({ labels, value }) => ({ ...times, attributes: { ...labels }, value }));
      return String(metric.type) === 'gauge'
        ? { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
        : { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
    }
    case 'histogram':
      return {
        ...common,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: histograms(metric).map((point) => ({ ...times, ...point })),
      };
    default:
      return null;
  }
}

interface Gathered {
  readonly attributes: Labels;
  readonly boundaries: number[];
  /** Counts up to each boundary, as Prometheus has them. */
  readonly cumulative: number[];
  count: number;
  sum: number;
}

type HistogramPoint = Pick<HistogramMetricData['dataPoints'][number], 'attributes' | 'value'>;

/** Prometheus lists a histogram as a value for each bucket, the sum and the count; gathered by their other labels. */
function histograms({ name, values }: Metric): HistogramPoint[] {
  const gathered = new Map<string, Gathered>();
  for (const { labels, metricName, value } of values) {
    const { le, ...attributes } = labels as Labels;
    const key = JSON.stringify(attributes);
    const point = gathered.get(key) ?? { attributes, boundaries: [], cumulative: [], count: 0, sum: 0 };
    gathered.set(key, point);
    if (metricName === `${name}_sum`) point.sum = value;
    else if (metricName === `${name}_count`) point.count = value;
    else if (le !== '+Inf') {
      point.boundaries.push(Number(le));
      point.cumulative.push(value);
    }
  }
  return [...gathered.values()].map(({ attributes, boundaries, cumulative, count, sum }) => ({
    attributes: { ...attributes },
    value: {
      buckets: {
        boundaries,
        counts: [...cumulative, count].map((upTo, i, all) => upTo - (all[i - 1] ?? 0)),
      },
      count,
      sum,
    },
  }));
}
