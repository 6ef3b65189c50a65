/** Pages that need no network, their charts, and how figures read. */
export { formatNats, formatNumber } from './format-number.ts';
export { heldOutPrefix, type MetricBounds, metricWords, shareBounds } from './metric-words.ts';
export { plottingCode, writeReport } from './report.ts';
export { type Chart, type ChartSeries, chartOf } from './report-charts.ts';
export { chartFigures, flatten, imageFigure, pairTable } from './report-page.ts';
export { escapeHtml, type PlottingCode, selfContainedPage } from './self-contained-page.ts';
