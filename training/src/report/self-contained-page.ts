import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Chart } from './report-charts.ts';
import { reportScript } from './report-script.ts';
import { reportStyle } from './report-style.ts';

/** The code of uPlot, which goes into the page. */
export interface PlottingCode {
  readonly script: string;
  readonly style: string;
}

/** What one page consists of. */
export interface PageParts {
  /** Plain text. */
  readonly title: string;
  /** HTML below the heading; texts in it are escaped. */
  readonly body: string;
  /** Drawn by the page's script into the places of `chartFigures`; without any the page has no script. */
  readonly charts: readonly Chart[];
  /** Rules besides those of reports. */
  readonly style?: string;
}

/**
 * A page as one HTML file that needs no network. Its content security policy allows the page's own scripts and styles
 * by their hashes, data URIs as images and sounds, and nothing else: no request leaves it, and text that slipped
 * through as markup could not run.
 */
export function selfContainedPage(
  { title, body, charts, style = '' }: PageParts,
  plotting: PlottingCode,
): string {
  const scripts = charts.length > 0 ? [plotting.script, reportScript].map(plain) : [];
  const styles = [plotting.style, reportStyle, style].filter((code) => code !== '').map(plain);
  const scriptSources = scripts.length > 0 ? scripts.map(hashSource).join(' ') : "'none'";
  const policy =
    `default-src 'none'; script-src ${scriptSources}; style-src ${styles.map(hashSource).join(' ')}; ` +
    "img-src data:; media-src data:; base-uri 'none'; form-action 'none'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
${styles.map((code) => `<style>${code}</style>`).join('\n')}
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
<script type="application/json" id="charts">${JSON.stringify(charts).replaceAll('<', '\\u003c')}</script>
${scripts.map((code) => `<script>${code}</script>`).join('\n')}
</body>
</html>
`;
}

/** Browsers hash what they parsed, in which line ends are plain line feeds. */
function plain(code: string): string {
  return code.replaceAll('\r\n', '\n');
}

/** What a content security policy calls a script or style by. */
function hashSource(code: string): string {
  return `'sha256-${createHash('sha256').update(code).digest('base64')}'`;
}

/** Text as HTML text or as the value of a quoted attribute. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/** uPlot's code, as it goes into a page. */
export async function plottingCode(): Promise<PlottingCode> {
  const require = createRequire(import.meta.url);
  const read = async (file: string) => await readFile(require.resolve(`uplot/dist/${file}`), 'utf8');
  return { script: await read('uPlot.iife.min.js'), style: await read('uPlot.min.css') };
}
