import { writeFileAtomic } from '@generatrix/training/files';
import {
  chartFigures,
  escapeHtml,
  formatNumber,
  imageFigure,
  type PlottingCode,
  plottingCode,
  selfContainedPage,
} from '@generatrix/training/report';
import type { Comparison } from './comparison.ts';

/** Writes a comparison as one HTML file that needs no network. The folder must exist. */
export async function writeComparison(path: string, comparison: Comparison): Promise<void> {
  await writeFileAtomic(path, renderComparison(comparison, await plottingCode()));
}

/**
 * The comparison's HTML: a table of what differs and of the figures, curves of all runs in one chart for each metric,
 * the newest samples side by side.
 */
export function renderComparison(comparison: Comparison, plotting: PlottingCode): string {
  const { runs, charts } = comparison;
  const title = `${runs.length} ${runs.length === 1 ? 'run' : 'runs'} compared`;
  const pictures = runs.filter(({ samples }) => samples !== null);
  const body = `<h2>Settings that differ, and figures</h2>
${runTable(comparison)}
<p>Scores on validation data are named heldOut; of these more is better, and the best is set in bold.</p>
<h2>Curves</h2>
${charts.length > 0 ? `${chartFigures(charts)}\n<noscript><p>Curves need JavaScript; the table does not.</p></noscript>` : '<p>No metrics were recorded.</p>'}
${pictures.length > 0 ? `<h2>Newest samples</h2>\n<div class="samples">${pictures.map(({ name, samples }) => imageFigure({ caption: name, png: samples! })).join('\n')}</div>` : ''}`;
  return selfContainedPage({ title, body, charts }, plotting);
}

/** One row for each run. */
function runTable(comparison: Comparison): string {
  const { runs, differences, figures } = comparison;
  const heads = [
    'Run',
    'Steps',
    ...differences.map(({ setting }) => setting),
    ...figures.map(({ name }) => name),
  ];
  const rows = runs.map((run, index) => {
    const settings = differences.map(({ values }) => `<td>${escapeHtml(values[index]!)}</td>`);
    const numbers = figures.map(({ values, best }) => {
      const text = figureText(values[index]!);
      return `<td>${best === index ? `<strong>${text}</strong>` : text}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(run.name)}</th><td>${stepsText(run.steps)}</td>${settings.join('')}${numbers.join('')}</tr>`;
  });
  return (
    `<div class="table" tabindex="0" role="region" aria-label="Runs, their settings and figures">` +
    `<table class="values numbers"><thead><tr>${heads.map((head) => `<th scope="col">${escapeHtml(head)}</th>`).join('')}</tr></thead>` +
    `<tbody>${rows.join('\n')}</tbody></table></div>`
  );
}

/** Steps done, with those asked for where they are not all done. */
export function stepsText({ done, asked }: { readonly done: number; readonly asked: number }): string {
  return done >= asked ? String(done) : `${done} of ${asked}`;
}

/** A figure for a table. */
export function figureText(value: number | null): string {
  return value === null ? '-' : formatNumber(value);
}
