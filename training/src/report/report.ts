import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { writeFileAtomic } from '../files/atomic.ts';
import type { MetricsLine } from '../record/metrics.ts';
import type { MetricBounds } from './metric-words.ts';
import { chartsOf } from './report-charts.ts';
import type { Gallery } from './report-gallery.ts';
import { renderPage } from './report-page.ts';
import type { PlottingCode } from './self-contained-page.ts';

/** What a report shows. All texts are shown as they are; none is taken for HTML. */
export interface Report {
  readonly title: string;
  /** One sentence or paragraph each, first of all. */
  readonly notes: readonly string[];
  /** Pictures and sounds, in the order in which they are shown. */
  readonly galleries: readonly Gallery[];
  readonly metrics: readonly MetricsLine[];
  /** What metrics mean that the model describes itself, by name. */
  readonly meanings?: Readonly<Record<string, string>>;
  /** Least and greatest value of metrics that have them, besides shares. */
  readonly bounds?: MetricBounds;
  /** The data in words. */
  readonly data: Readonly<Record<string, string>>;
  /** Nested objects become rows such as `options.latent`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the run ran on. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Writes a report as one HTML file that needs no network: samples, curves of all metrics, data, settings. The folder
 * must exist.
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  const charts = chartsOf(report.metrics, report.bounds);
  await writeFileAtomic(path, renderPage(report, charts, await plottingCode()));
}

/** uPlot's code, as it goes into a page. */
export async function plottingCode(): Promise<PlottingCode> {
  const require = createRequire(import.meta.url);
  const read = async (file: string) => await readFile(require.resolve(`uplot/dist/${file}`), 'utf8');
  return { script: await read('uPlot.iife.min.js'), style: await read('uPlot.min.css') };
}
