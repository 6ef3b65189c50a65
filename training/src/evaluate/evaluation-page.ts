import { chartFigures, flatten, imageFigure, pairTable } from '../report/report.ts';
import { escapeHtml, type PlottingCode, selfContainedPage } from '../report/self-contained-page.ts';
import type { Reported } from './catalogue.ts';
import { type BarChart, type Figures, isSkipped, type Outcome, short } from './diagnostic.ts';
import type { Evaluation } from './evaluation.ts';

/** What the page shows besides the diagnostics. */
export interface EvaluationPage {
  readonly evaluation: Evaluation;
  /** Are samples rounded to the 256 levels of the data? */
  readonly rounded: boolean;
  readonly reported: readonly Reported[];
  readonly seconds: number;
  readonly pictures: readonly { readonly caption: string; readonly png: Uint8Array }[];
}

const pageStyle = `
.findings { list-style: none; padding: 0; }
.findings li { display: grid; grid-template-columns: 5.5rem 1fr; gap: 0.75rem; padding: 0.35rem 0; border-bottom: 1px solid var(--line); }
.verdict { font-weight: 600; }
.verdict.ok { color: #1a7f37; } .verdict.warning { color: #9a6700; } .verdict.problem { color: #cf222e; }
@media (prefers-color-scheme: dark) {
  .verdict.ok { color: #57c26f; } .verdict.warning { color: #e3b341; } .verdict.problem { color: #ff7b72; }
}
.bars { max-width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
.bars .first { fill: var(--train); } .bars .second { fill: var(--held-out); }
.bars text { fill: var(--muted); font: 11px system-ui, sans-serif; text-anchor: middle; }
.source { color: var(--muted); }
p { margin: 0.5rem 0; overflow-wrap: anywhere; }
section figure { margin: 0.75rem 0; }
`;

/** The evaluation as one HTML file: findings first, then each diagnostic with its figures, plots and pictures. */
export function renderEvaluation(page: EvaluationPage, plotting: PlottingCode): string {
  const { evaluation, rounded, reported, seconds, pictures } = page;
  const { source, train, setApart, test, count, seed } = evaluation.request;
  const charts = reported.flatMap(({ outcome }) => (isSkipped(outcome) ? [] : (outcome.charts ?? [])));
  const title = `Evaluation of ${source.name} on ${train.name}`;
  const settings = {
    model: source.name,
    data: train.name,
    'compared with': evaluation.comparedWith,
    samples: count,
    'real examples': evaluation.pairs,
    'training examples': train.size,
    'examples set apart': setApart.size,
    'test examples': test.size,
    seed,
    'rounded to 8 bits': rounded,
    binarised: evaluation.isBinarised,
    seconds: Math.round(seconds),
  };
  const body = `<h2>Findings</h2>
${findings(reported)}
${pictures.length > 0 ? `<div class="samples">${pictures.map(imageFigure).join('\n')}</div>` : ''}
${sections(reported)}
<h2>Settings</h2>
${pairTable('Setting', flatten(settings))}`;
  return selfContainedPage({ title, body, charts, style: pageStyle }, plotting);
}

function findings(reported: readonly Reported[]): string {
  const items = reported.map(({ entry, outcome }) => {
    const verdict = isSkipped(outcome) ? 'left out' : outcome.finding.verdict;
    const text = isSkipped(outcome) ? `${entry.title}: ${outcome.skipped}.` : outcome.finding.text;
    return `<li><span class="verdict ${verdict}">${verdict}</span><span>${escapeHtml(text)}</span></li>`;
  });
  return `<ul class="findings">${items.join('\n')}</ul>`;
}

function sections(reported: readonly Reported[]): string {
  let charts = 0;
  return reported
    .flatMap(({ entry, outcome, seconds }) => {
      if (isSkipped(outcome)) return [];
      const html = section(entry.title, entry.source, seconds, outcome, charts);
      charts += outcome.charts?.length ?? 0;
      return [html];
    })
    .join('\n');
}

function section(
  title: string,
  source: string,
  seconds: number,
  outcome: Outcome,
  firstChart: number,
): string {
  const { finding, figures, notes = [], pictures = [], charts = [], bars = [] } = outcome;
  const rows = tableOf(figures);
  return `<section>
<h2>${escapeHtml(title)}</h2>
<p><span class="verdict ${finding.verdict}">${finding.verdict}</span> ${escapeHtml(finding.text)}</p>
${notes.map((note) => `<p>${escapeHtml(note)}</p>`).join('\n')}
${bars.map(barFigure).join('\n')}
${charts.length > 0 ? chartFigures(charts, firstChart) : ''}
${pictures.length > 0 ? `<div class="samples">${pictures.map(imageFigure).join('\n')}</div>` : ''}
${pairTable('Figure', rows)}
<p class="source">Source: ${escapeHtml(source)}. Took ${seconds.toFixed(1)} s.</p>
</section>`;
}

/** The figures by their names, as a table shows them. */
export function tableOf(figures: Figures): [string, string][] {
  return flatten(withLists(figures)).map(([name, value]): [string, string] => [name, rounded(value)]);
}

/** Lists as text, their numbers rounded. */
function withLists(figures: Figures): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => {
      if (Array.isArray(value)) return [name, value.map((item) => rounded(String(item))).join(', ')];
      return [name, typeof value === 'object' && value !== null ? withLists(value as Figures) : value];
    }),
  );
}

/** A number of a table to five digits; the JSON file has them all. */
function rounded(value: string): string {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || Number.isInteger(number)) return value;
  return Math.abs(number) < 1e-3 ? short(number) : String(Number(number.toPrecision(5)));
}

const barArea = { width: 640, height: 160, bottom: 18 };

function barFigure({ title, labels, series }: BarChart): string {
  const top = Math.max(1e-12, ...series.flatMap(({ values }) => values));
  const slot = barArea.width / labels.length;
  const bar = (slot * 0.8) / series.length;
  const shapes = labels.flatMap((label, i) => [
    ...series.map(({ name, values }, s) => {
      const height = Math.max(0, values[i]! / top) * (barArea.height - 6);
      const x = (i * slot + slot * 0.1 + s * bar).toFixed(1);
      const about = escapeHtml(`${label}, ${name}: ${short(values[i]!)}`);
      return `<rect class="${s === 0 ? 'first' : 'second'}" x="${x}" y="${(barArea.height - height).toFixed(1)}" width="${bar.toFixed(1)}" height="${height.toFixed(1)}"><title>${about}</title></rect>`;
    }),
    `<text x="${(i * slot + slot / 2).toFixed(1)}" y="${barArea.height + 13}">${escapeHtml(label)}</text>`,
  ]);
  const caption = `${escapeHtml(title)} <small>${series.map(({ name }) => escapeHtml(name)).join(' and ')}</small>`;
  return (
    `<figure><figcaption>${caption}</figcaption><svg class="bars" role="img" aria-label="${escapeHtml(title)}" ` +
    `viewBox="0 0 ${barArea.width} ${barArea.height + barArea.bottom}" width="${barArea.width}" height="${barArea.height + barArea.bottom}">${shapes.join('')}</svg></figure>`
  );
}
