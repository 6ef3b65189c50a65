import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { writeFileAtomic } from './atomic.ts';
import type { MetricsLine } from './metrics.ts';
import { chartsOf } from './report-charts.ts';
import { type PlottingCode, renderPage } from './report-page.ts';

/** What a report shows. All texts are shown as they are; none is taken for HTML. */
export interface Report {
  readonly title: string;
  /** Nested objects become rows such as `options.latent`. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly metrics: readonly MetricsLine[];
  readonly images: readonly { readonly caption: string; readonly png: Uint8Array }[];
  /** One sentence or paragraph each. */
  readonly notes: readonly string[];
  /** What the run ran on. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Writes a report as one HTML file that needs no network: curves of all metrics, samples, settings. The folder
 * must exist.
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeFileAtomic(path, renderPage(report, chartsOf(report.metrics), await plottingCode()));
}

/** uPlot's code, as it goes into a page. */
export async function plottingCode(): Promise<PlottingCode> {
  const require = createRequire(import.meta.url);
  const read = async (file: string) => await readFile(require.resolve(`uplot/dist/${file}`), 'utf8');
  return { script: await read('uPlot.iife.min.js'), style: await read('uPlot.min.css') };
}
