import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { writeFileAtomic } from '../files/atomic.ts';
import { chartsOf } from './report-charts.ts';
import { type Report, renderPage } from './report-page.ts';
import type { PlottingCode } from './self-contained-page.ts';

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
