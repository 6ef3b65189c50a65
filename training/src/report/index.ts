/** Pages that need no network, their charts, and how figures read. */
export { formatNats, formatNumber } from './format-number.ts';
export { heldOutPrefix, type MetricBounds, metricWords, shareBounds } from './metric-words.ts';
export { chartFigures, flatten, imageFigure, pairTable, writeReport } from './report.ts';
export { type Chart, type ChartSeries, chartOf } from './report-charts.ts';
export { escapeHtml, type PlottingCode, plottingCode, selfContainedPage } from './self-contained-page.ts';
