import { writeFileAtomic } from '../files/atomic.ts';
import type { MetricsLine } from '../record/metrics.ts';
import { formatNumber } from './format-number.ts';
import { type MetricBounds, metricWords } from './metric-words.ts';
import { type Chart, chartsOf, summarise } from './report-charts.ts';
import type { Figure, Gallery } from './report-gallery.ts';
import { escapeHtml, type PlottingCode, plottingCode, selfContainedPage } from './self-contained-page.ts';

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

/** Samples narrower than this, in pixels, are shown enlarged by a whole number. */
const imageWidth = 320;

/**
 * Writes a report as one HTML file that needs no network: samples, curves of all metrics, data, settings. The folder
 * must exist.
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  const charts = chartsOf(report.metrics, report.bounds);
  await writeFileAtomic(path, renderPage(report, charts, await plottingCode()));
}

/** The report's HTML. */
function renderPage(report: Report, charts: readonly Chart[], plotting: PlottingCode): string {
  const body = `${report.notes.length > 0 ? `<ul>${report.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join('')}</ul>` : ''}
${report.galleries.map(gallerySection).join('\n')}
<h2>Curves</h2>
${charts.length > 0 ? chartSection(charts, report.meanings) : '<p>No metrics were recorded.</p>'}
<h2>Data</h2>
${pairTable('Part', Object.entries(report.data))}
<h2>Settings</h2>
${pairTable('Setting', flatten(report.settings))}
<h2>Environment</h2>
${pairTable('Part', Object.entries(report.environment))}`;
  return selfContainedPage({ title: report.title, body, charts }, plotting);
}

/**
 * One place for each chart, which the page's script fills; `from` is the index of the first among the page's charts,
 * `meanings` has words for titles that are not known by themselves.
 */
export function chartFigures(
  charts: readonly Chart[],
  from = 0,
  meanings: Readonly<Record<string, string>> = {},
): string {
  const figures = charts.map(({ title, series, logarithmic }, index) => {
    const sources = series.map(({ source }) => source).join(' and ');
    // The legend names the curves; where there are many it is enough.
    const notes = [...(series.length > 2 ? [] : [sources]), ...(logarithmic ? ['logarithmic scale'] : [])];
    const label = escapeHtml(`${title}, ${sources}, over the steps; the table below has its main values`);
    const words = meanings[title] ?? metricWords(title);
    return (
      `<figure><figcaption>${escapeHtml(title)}${words === title ? '' : ` <small>${escapeHtml(words)}</small>`}` +
      `<small class="sources">${escapeHtml(notes.join('; '))}</small></figcaption>` +
      `<div class="plot" id="plot-${from + index}" role="img" aria-label="${label}"></div></figure>`
    );
  });
  return `<div class="charts">${figures.join('\n')}</div>`;
}

function gallerySection({ title, text, figures }: Gallery): string {
  return (
    `<h2>${escapeHtml(title)}</h2>\n<p class="text">${escapeHtml(text)}</p>\n` +
    `<div class="samples">${figures.map(mediaFigure).join('\n')}</div>`
  );
}

function mediaFigure(figure: Figure): string {
  if ('png' in figure) return imageFigure(figure);
  const source = `data:audio/wav;base64,${Buffer.from(figure.wav).toString('base64')}`;
  return (
    `<figure><figcaption>${escapeHtml(figure.caption)}</figcaption>` +
    `<audio controls src="${source}" aria-label="${escapeHtml(figure.caption)}"></audio></figure>`
  );
}

function chartSection(charts: readonly Chart[], meanings: Readonly<Record<string, string>> = {}): string {
  const rows = charts.flatMap(({ title, steps, series }) =>
    series.map(({ source, values }) => {
      const { first, last, lowest, highest } = summarise(steps, values);
      const at = (point: { value: number; step: number }) =>
        `${formatNumber(point.value)} <small>at step ${point.step}</small>`;
      return (
        `<tr><th scope="row">${escapeHtml(title)}</th><td>${escapeHtml(source)}</td><td>${formatNumber(first)}</td>` +
        `<td>${formatNumber(last)}</td><td>${at(lowest)}</td><td>${at(highest)}</td></tr>`
      );
    }),
  );
  const heads = ['Metric', 'Data', 'First', 'Last', 'Lowest', 'Highest'].map(
    (head) => `<th scope="col">${head}</th>`,
  );
  return (
    `${chartFigures(charts, 0, meanings)}\n<noscript><p>Curves need JavaScript; the table does not.</p></noscript>\n` +
    '<h2>Values</h2>\n' +
    `<div class="table" tabindex="0" role="region" aria-label="Values of the metrics"><table class="values numbers">` +
    `<thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`
  );
}

/** A picture in the page, small ones enlarged by a whole number. */
export function imageFigure({ caption, png }: { caption: string; png: Uint8Array }): string {
  const { width, height } = pngSize(png);
  const factor = Math.max(1, Math.floor(imageWidth / width));
  const source = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  return (
    `<figure><figcaption>${escapeHtml(caption)}</figcaption>` +
    `<img src="${source}" alt="${escapeHtml(caption)}" width="${width * factor}" height="${height * factor}"></figure>`
  );
}

/** Width and height stand in the first chunk, IHDR, at fixed places (PNG specification, 11.2.1). */
function pngSize(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.byteLength < 24 || view.getUint32(0) !== 0x89504e47) throw new Error('report: an image is no PNG');
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** A table of names and values. */
export function pairTable(head: string, pairs: readonly (readonly [string, string])[]): string {
  if (pairs.length === 0) return '<p>None.</p>';
  const rows = pairs.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return (
    `<table class="values pairs"><thead><tr><th scope="col">${head}</th><th scope="col">Value</th></tr></thead>` +
    `<tbody>${rows.join('\n')}</tbody></table>`
  );
}

/** Nested objects as rows named by their path; lists, empty objects and plain values as one row. */
export function flatten(value: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => {
    const path = `${prefix}${key}`;
    const nested = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    if (nested && Object.keys(inner).length > 0) {
      return flatten(inner as Record<string, unknown>, `${path}.`);
    }
    return [[path, typeof inner === 'string' ? inner : (JSON.stringify(inner) ?? 'none')]];
  });
}
